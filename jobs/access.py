"""Who may ask for what, how often, and that a request sent twice is answered once.

A key is 256 bits of chance and is stored as its SHA-256: there is nothing to slow down for whoever guesses, and the ledger in the
wrong hands opens nothing. Keys belong to a tenant; what a tenant submits, its keys see and nobody else's do.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from errors import Conflict, KeyReused, NoKey, NotFound, QueueFull, QuotaExceeded
from jobs.database import Row, Subject, now, seconds

PREFIX = "reread_"
#: The longest that one request is worked on: a repeated one that finds it unanswered after this takes its place.
REQUEST_S = 120.0
#: An answer is repeated for the same Idempotency-Key for so long (the IETF draft leaves it to the service).
REPEAT_S = 24 * 3600.0


class Scope(StrEnum):
    SUBMIT = "submit"
    READ = "read"
    ADMIN = "admin"  #: everything, of every tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What one tenant may use; None means no limit."""

    jobs_per_day: int | None = None
    bytes_per_day: int | None = None
    pages_per_day: int | None = None  #: counted when a paper is converted: a day may end a little above it
    queue_share: float | None = None  #: of the places in the queue, 0 to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key without its secret."""

    id: str
    name: str
    tenant: str
    scopes: frozenset[Scope]
    quotas: Quotas
    created: str
    revoked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a submission has to pass, in the transaction that queues it."""

    max_queued: int
    quotas: Quotas = Quotas()
    n_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: str


class Access(Subject):
    """Keys, quotas and answers."""

    def create_key(self, name: str, *, tenant: str, scopes: Sequence[Scope], quotas: Quotas = Quotas()) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not stored and cannot be shown again."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        token = f"{PREFIX}{key_id}_{secret}"
        limits = json.dumps(asdict(quotas))
        created = now()
        with self._transaction() as db:
            db.execute(
                "INSERT INTO api_keys (id, name, tenant, hash, scopes, quotas, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (key_id, name, tenant, _digest(token), " ".join(sorted(scopes)), limits, created),
            )
        key = ApiKey(id=key_id, name=name, tenant=tenant, scopes=frozenset(scopes), quotas=quotas, created=created)
        return key, token

    def key_of(self, token: str) -> ApiKey:
        """The key of this secret; raises NoKey where it is unknown or revoked."""
        # Found by its digest: how long the search takes says nothing about the secret.
        rows = self._query("SELECT * FROM api_keys WHERE hash = ? AND revoked IS NULL", (_digest(token),))
        if not rows:
            raise NoKey(
                "This API key is not known here, or was revoked. Nothing was done. Ask whoever runs the service for one."
            )
        return _key(rows[0])

    def keys(self) -> list[ApiKey]:
        """All keys, oldest first, the revoked ones too."""
        return [_key(row) for row in self._query("SELECT * FROM api_keys ORDER BY created, id")]

    def has_keys(self) -> bool:
        return bool(self._query("SELECT 1 AS known FROM api_keys WHERE revoked IS NULL LIMIT 1"))

    def revoke_key(self, key_id: str) -> None:
        """Make a key useless from now on; raises NotFound."""
        with self._transaction() as db:
            if not db.execute("UPDATE api_keys SET revoked = ? WHERE id = ? AND revoked IS NULL", (now(), key_id)).rowcount:
                raise NotFound(f"No valid key has the id {key_id!r}. `reread keys list` shows them.")

    def count_pages(self, tenant: str, pages: int) -> None:
        """Put converted pages on a tenant's account of today."""
        with self._transaction() as db:
            _use(db, tenant, pages=pages)

    def usage(self, tenant: str) -> dict[str, int]:
        """Jobs, bytes and pages of today (UTC)."""
        rows = self._query("SELECT jobs, bytes, pages FROM usage WHERE tenant = ? AND day = ?", (tenant, _today()))
        return dict(rows[0]) if rows else {"jobs": 0, "bytes": 0, "pages": 0}

    def begin_request(self, tenant: str, key: str, fingerprint: str) -> StoredAnswer | None:
        """Begin to answer the request of this Idempotency-Key: None, or the answer that it was given before.

        Raises KeyReused where the key came with another request, and Conflict where the same request is being answered now.
        """
        began = seconds()
        with self._transaction() as db:
            db.execute("DELETE FROM requests WHERE began < ?", (began - REPEAT_S,))
            unanswered = "DELETE FROM requests WHERE tenant = ? AND key = ? AND status IS NULL AND began < ?"
            db.execute(unanswered, (tenant, key, began - REQUEST_S))
            fresh = db.execute(
                "INSERT INTO requests (tenant, key, fingerprint, began) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (tenant, key, fingerprint, began),
            ).rowcount
            if fresh:
                return None
            row = db.execute("SELECT * FROM requests WHERE tenant = ? AND key = ?", (tenant, key)).fetchone()
        if row["fingerprint"] != fingerprint:
            raise KeyReused("This Idempotency-Key was sent before with another request. Nothing was done.")
        if row["status"] is None:
            raise Conflict(
                "A request with this Idempotency-Key is being answered now. Send it again in a moment.", retry_after_s=1
            )
        return StoredAnswer(status=row["status"], headers=json.loads(row["headers"]), body=row["body"])

    def end_request(self, tenant: str, key: str, answer: StoredAnswer | None) -> None:
        """Keep the answer to repeat it; None, where there is none worth repeating, lets the next one try."""
        with self._transaction() as db:
            if answer is None:
                db.execute("DELETE FROM requests WHERE tenant = ? AND key = ? AND status IS NULL", (tenant, key))
                return
            values = (answer.status, json.dumps(answer.headers), answer.body, tenant, key)
            # An answer that was given stands: who took so long that another took its place must not replace it.
            sql = "UPDATE requests SET status = ?, headers = ?, body = ? WHERE tenant = ? AND key = ? AND status IS NULL"
            db.execute(sql, values)


def admit(db: Any, tenant: str, admission: Admission, n_fresh: int) -> None:
    """Let newly queued jobs pass or raise QueueFull or QuotaExceeded, which takes the caller's transaction back."""
    # What is to be read is never in 'convert', so no row of it is looked at there.
    active = "state IN ('queued', 'running') AND queue IN ('convert', 'write') AND substr(kind, 1, 4) = 'add:'"
    queued = db.execute(f"SELECT count(*) AS n FROM jobs WHERE {active}").fetchone()["n"]
    if queued > admission.max_queued:
        raise QueueFull(
            f"{queued - n_fresh:,} papers are queued and {admission.max_queued:,} may be. Nothing of this request was queued.",
            retry_after_s=10,
        )
    quotas = admission.quotas
    if quotas.queue_share is not None:
        own = db.execute(f"SELECT count(*) AS n FROM jobs WHERE {active} AND tenant = ?", (tenant,)).fetchone()["n"]
        if own > max(quotas.queue_share * admission.max_queued, 1):
            raise QuotaExceeded(
                f"This key may hold {quotas.queue_share:.0%} of the {admission.max_queued:,} places in the queue and would hold "
                f"{own:,}. Nothing of this request was queued.",
                retry_after_s=30,
            )
    used = _use(db, tenant, jobs=n_fresh, bytes=admission.n_bytes)
    for name, limit in (("jobs", quotas.jobs_per_day), ("bytes", quotas.bytes_per_day), ("pages", quotas.pages_per_day)):
        if limit is not None and used[name] > limit - (name == "pages"):
            raise QuotaExceeded(
                f"This key may use {limit:,} {name} a day. With this request it would be {used[name]:,}. Nothing of it was queued.",
                retry_after_s=_seconds_to_midnight(),
            )


def _use(db: Any, tenant: str, **more: int) -> Row:
    """Today's account of a tenant after this was added to it."""
    added = [more.get(name, 0) for name in ("jobs", "bytes", "pages")]
    row: Row = db.execute(
        "INSERT INTO usage (tenant, day, jobs, bytes, pages) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, day) DO UPDATE SET "
        "jobs = usage.jobs + excluded.jobs, bytes = usage.bytes + excluded.bytes, pages = usage.pages + excluded.pages RETURNING *",
        (tenant, _today(), *added),
    ).fetchone()
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(row: Row) -> ApiKey:
    known = {field.name for field in fields(Quotas)}
    stored: Mapping[str, Any] = json.loads(row["quotas"])
    return ApiKey(
        **{name: row[name] for name in ("id", "name", "tenant", "created", "revoked")},
        scopes=frozenset(map(Scope, row["scopes"].split())),
        quotas=Quotas(**{name: value for name, value in stored.items() if name in known}),
    )


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _seconds_to_midnight() -> int:
    at = datetime.now(UTC)
    return int((at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - at).total_seconds()) + 1
