"""A run goes on while the workers that read it are killed: each chunk that was read is stored once, and the run ends done."""

from __future__ import annotations

from collections.abc import Sequence

import pipeline
from bench.light_parts import MODEL, slow_panel
from bench.scenarios.churn import inject
from bench.scenarios.outcome import FaultLog, Outcome, Size, audit, in_time, schedule
from bench.service_rig import ROOT, Rig
from extract.prompts.files import parse_prompt
from records import JobState, Run
from rereading import Question
from store import tables

LINES = 5
PROMPT = ROOT / "prompts" / "findings.yaml"


def reread(rig: Rig, seed: int, size: Size, log: FaultLog) -> Outcome:
    """Every 5 s a worker's main process, every 7 s a process of some pool."""
    rig.hire(size.workers)
    rig.wait_for_workers()
    jobs = rig.submit(rig.papers(size.jobs, lines=LINES))
    assert rig.wait_until_final(300), rig.states()
    run = asked(rig)
    for fault in in_time(schedule(seed, size.storm_s, {"kill_main": 5.0, "kill_child": 7.0})):
        inject(rig, fault, log)
    outcome = audit(rig, "reread", seed, jobs, log)
    found = list(rig.library.extractions(run.reading_key, [job.payload["doc_id"] for job in jobs]))
    rows, wanted = rig.library.count(tables.EXTRACTIONS), LINES * size.jobs
    outcome.broken += (
        [f"{rows} rows, {len(found)} found, for {wanted} chunks"] if (rows, len(found)) != (wanted, wanted) else []
    )
    state = rig.ledger.run(run.id).state
    outcome.broken += [f"the run is {state}"] if state is not JobState.DONE else []
    outcome.notes.append(f"{rows} readings of {wanted} chunks")
    return outcome


def asked(rig: Rig, doc_ids: Sequence[str] | None = None) -> Run:
    """A run over all documents, queued."""
    everything = sorted({line.doc_id for line in rig.ledger.lines("chunks")})
    text = PROMPT.read_text(encoding="utf-8")
    return pipeline.submit_run(
        Question(prompt=parse_prompt(text, named=PROMPT.stem), panel=slow_panel()), model=MODEL,
        doc_ids=everything if doc_ids is None else doc_ids, selection="all", prompt_text=text, ledger=rig.ledger, tenant="",
    )  # fmt: skip
