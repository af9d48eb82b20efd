"""Webhooks: who is to be told of what, and what is still to be delivered.

A notice is written in the transaction that ends the job, so none is lost with the process that would have sent it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from errors import NotFound
from jobs.database import Row, Subject, now, seconds
from records import Job

#: What a webhook may ask for.
EVENTS = ("job.done", "job.failed", "job.cancelled", "run.done", "run.failed", "run.cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a tenant wants to be told of what."""

    id: str
    tenant: str
    url: str
    events: tuple[str, ...]
    created: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice to one webhook, until it is delivered or given up."""

    id: str
    url: str
    secret: str
    body: str  #: JSON, as it is sent and signed
    attempt: int  #: tries so far


class Notices(Subject):
    """Webhooks and their deliveries."""

    def add_webhook(self, *, tenant: str, url: str, secret: str, events: Sequence[str]) -> Webhook:
        hook = Webhook(id=secrets.token_hex(8), tenant=tenant, url=url, events=tuple(events), created=now())
        with self._transaction() as db:
            db.execute(
                "INSERT INTO webhooks (id, tenant, url, secret, events, created) VALUES (?, ?, ?, ?, ?, ?)",
                (hook.id, tenant, url, secret, " ".join(events), hook.created),
            )
        return hook

    def webhooks(self, *, tenant: str | None) -> list[Webhook]:
        """A tenant's webhooks, or all."""
        rows = self._query("SELECT * FROM webhooks WHERE tenant = ? OR ? ORDER BY created, id", (tenant or "", tenant is None))
        return [
            Webhook(**{n: row[n] for n in ("id", "tenant", "url", "created")}, events=tuple(row["events"].split()))
            for row in rows
        ]

    def remove_webhook(self, hook_id: str, *, tenant: str | None) -> None:
        """Forget a webhook and what was to be sent to it; raises NotFound."""
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM webhooks WHERE id = ? AND (tenant = ? OR ?)", (hook_id, tenant or "", tenant is None)
            )
            if not gone.rowcount:
                raise NotFound(f"No webhook has the id {hook_id!r}. GET /v1/webhooks lists them.")
            db.execute("DELETE FROM deliveries WHERE webhook_id = ? AND state = 'due'", (hook_id,))

    def notify(self, tenant: str, event: str, data: dict[str, Any]) -> None:
        """Owe a notice to every webhook that asked for this event."""
        with self._transaction() as db:
            owe(db, tenant, event, data)

    def due_deliveries(self, limit: int = 50) -> list[Delivery]:
        """Notices to send now."""
        rows = self._query(
            "SELECT d.id, d.body, d.attempt, w.url, w.secret FROM deliveries d JOIN webhooks w ON w.id = d.webhook_id "
            "WHERE d.state = 'due' AND d.not_before <= ? ORDER BY d.not_before LIMIT ?",
            (seconds(), limit),
        )
        return [Delivery(**dict(row)) for row in rows]

    def delivered(self, delivery: Delivery, *, status: int | None, error: str | None, again_in_s: float | None) -> None:
        """Write down how a try went: error None is delivered; else it is tried again after so long, or given up at None."""
        state = "delivered" if error is None else "due" if again_in_s is not None else "dead"
        with self._transaction() as db:
            db.execute(
                "UPDATE deliveries SET state = ?, attempt = attempt + 1, status = ?, error = ?, not_before = ?, updated = ? WHERE id = ?",
                (state, status, error, seconds() + (again_in_s or 0.0), now(), delivery.id),
            )

    def deliveries(self, *, tenant: str | None, after: tuple[str, str] | None = None, limit: int = 100) -> list[Row]:
        """What was sent and what was not, newest first: id, webhook_id, body, state, attempt, status, error, created, updated.
        `after` is the (created, id) of the last one seen."""
        created, seen = after or ("", "")
        return self._query(
            "SELECT id, webhook_id, body, state, attempt, status, error, created, updated FROM deliveries WHERE (tenant = ? OR ?) "
            "AND (? OR created < ? OR (created = ? AND id > ?)) ORDER BY created DESC, id LIMIT ?",
            (tenant or "", tenant is None, after is None, created, created, seen, limit),
        )

    def forget_deliveries(self, before: str) -> None:
        """Remove what was delivered or given up before this time (ISO 8601)."""
        with self._transaction() as db:
            db.execute("DELETE FROM deliveries WHERE state <> 'due' AND updated < ?", (before,))


def owe_job(db: Any, job: Job, state: str, error_code: str | None) -> None:
    """Owe the notices of a job that has just ended, in the transaction that ends it."""
    owe(
        db,
        job.tenant,
        f"job.{state}",
        {"job_id": job.id, "doc_id": job.payload.get("doc_id"), "state": state, "error_code": error_code},
    )


def owe(db: Any, tenant: str, event: str, data: dict[str, Any]) -> None:
    for row in db.execute("SELECT id, events FROM webhooks WHERE tenant = ?", (tenant,)).fetchall():
        if event not in row["events"].split():
            continue
        message, at = f"msg_{secrets.token_hex(12)}", now()
        body = json.dumps({"type": event, "timestamp": at, "data": data}, sort_keys=True)
        db.execute(
            "INSERT INTO deliveries (id, webhook_id, tenant, body, state, created, updated) VALUES (?, ?, ?, ?, 'due', ?, ?)",
            (message, row["id"], tenant, body, at, at),
        )
