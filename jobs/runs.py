"""Prompts put to documents: what was asked, of which documents, how far it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

from errors import NotFound
from jobs.database import Row, Subject
from jobs.notices import owe
from records import JobState, Run


class Runs(Subject):
    """The runs there are."""

    def save_run(self, run: Run, doc_ids: Sequence[str]) -> None:
        """Write a run with the documents it covers; of one that is known, how far it is."""
        values = (run.id, run.reading_key, run.prompt_name, run.prompt_hash, run.model, run.selection, run.state)
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs (id, reading_key, prompt_name, prompt_hash, model, selection, state, created, finished, counts, "
                "tenant, prompt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
                "SET state = excluded.state, finished = excluded.finished, counts = excluded.counts, "
                "prompt = coalesce(excluded.prompt, runs.prompt)",
                (*values, run.created, run.finished, json.dumps(run.counts), run.tenant, run.prompt),
            )
            db.executemany(
                "INSERT INTO run_documents (run_id, doc_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(run.id, doc_id) for doc_id in doc_ids],
            )

    def end_run(self, run: Run) -> bool:
        """Write how a run ended, and owe its notices; False where it was final before."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE runs SET state = ?, finished = ?, counts = ? WHERE id = ? AND state NOT IN ('done', 'failed', 'cancelled')",
                (run.state, run.finished, json.dumps(run.counts), run.id),
            )
            if changed.rowcount and run.state.is_final:
                owe(
                    db, run.tenant, f"run.{run.state.value}", {"run_id": run.id, "state": run.state.value, "counts": run.counts}
                )
            return bool(changed.rowcount)

    def set_run_state(self, run_id: str, state: JobState) -> None:
        with self._transaction() as db:
            db.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run_id))

    def has_run(self, run_id: str) -> bool:
        return bool(self._query("SELECT 1 AS known FROM runs WHERE id = ?", (run_id,)))

    def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return [run_of(row) for row in self._query("SELECT * FROM runs ORDER BY created, id")]

    def open_runs(self) -> list[Run]:
        """Runs of the service that are not final: the tenant who has had least is first, then the most urgent, then the oldest."""
        rows = self._query(
            "SELECT r.*, (SELECT max(j.priority) FROM jobs j WHERE j.kind = 'read:' || r.id AND j.state = 'queued') AS priority "
            "FROM runs r LEFT JOIN shares s ON s.queue = 'extract' AND s.tenant = r.tenant "
            "WHERE r.state IN ('queued', 'running') AND r.prompt IS NOT NULL ORDER BY coalesce(s.served, 0), priority DESC, r.created, r.id"
        )
        return [run_of(row) for row in rows]

    def run(self, wanted: str) -> Run:
        """The run with this id or the only one whose id begins so; else the newest run of the prompt of this name."""
        rows = self._query("SELECT * FROM runs WHERE substr(id, 1, ?) = ?", (len(wanted), wanted))
        if not rows:
            rows = self._query("SELECT * FROM runs WHERE prompt_name = ? ORDER BY created DESC, id LIMIT 1", (wanted,))
        if len(rows) != 1 or not wanted:
            found = f"{len(rows)} runs begin with" if rows else "No run is called"
            raise NotFound(f"{found} {wanted!r}. `reread runs` lists them.")
        return run_of(rows[0])

    def run_documents(self, run_id: str) -> list[str]:
        return [
            row["doc_id"] for row in self._query("SELECT doc_id FROM run_documents WHERE run_id = ? ORDER BY doc_id", (run_id,))
        ]


def run_of(row: Row) -> Run:
    """The record of a row of `runs`."""
    names = {field.name for field in fields(Run)}
    known = {name: value for name, value in dict(row).items() if name in names}
    return Run(**{**known, "state": JobState(row["state"]), "counts": json.loads(row["counts"])})
