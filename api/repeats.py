"""A request sent twice is answered once: `Idempotency-Key` (IETF draft-ietf-httpapi-idempotency-key-header-07).

A newcomer would keep answers in this process. They are in the ledger, so that a repeat that meets another process, or the same one
after a restart, gets the first answer. Only what was accepted is kept: a refusal may have gone by the next time. A repeat that
comes while the first is being answered waits for its answer for a while instead of being sent away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Response

from api.context import Service, ServiceDep, Submits
from errors import Conflict
from jobs.access import StoredAnswer
from records import content_id

#: The longest that a repeat waits for the first one's answer; then it is told 409.
PATIENCE_S = 10.0
#: Headers that are part of an answer; all others are made anew.
KEPT = ("location", "retry-after", "content-type")

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text of your choice: the same request sent again with it, within 24 hours, gets the first answer.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Answers the requests of one caller with one Idempotency-Key once."""

    service: Service
    tenant: str
    key: str | None

    async def answer(self, what: tuple[Any, ...], work: Callable[[], Response]) -> Response:
        """Do the work, in a thread, or give the answer that the same request got before. `what` says what is asked for: the same
        key with another `what` raises KeyReused."""
        if self.key is None:
            return await to_thread.run_sync(work)
        key, fingerprint = self.key, content_id("request", *what)
        until, pause_s = time.monotonic() + PATIENCE_S, 0.05
        while (answer := await to_thread.run_sync(self._answer, key, fingerprint, work)) is None:
            if time.monotonic() + pause_s > until:
                raise Conflict(
                    "A request with this Idempotency-Key is being answered now. Send it again in a moment.", retry_after_s=2
                )
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 1.0)
        return answer

    def _answer(self, key: str, fingerprint: str, work: Callable[[], Response]) -> Response | None:
        """The answer; None while another request with this key is being answered."""
        ledger = self.service.ledger
        try:
            known = ledger.begin_request(self.tenant, key, fingerprint)
        except Conflict:
            return None
        if known:
            return Response(known.body, known.status, known.headers)
        answer = None
        try:
            response = work()
            if response.status_code < 300:
                headers = {name: value for name, value in response.headers.items() if name in KEPT}
                answer = StoredAnswer(status=response.status_code, headers=headers, body=bytes(response.body).decode())
        finally:
            ledger.end_request(self.tenant, key, answer)
        return response


async def _once(service: ServiceDep, caller: Submits, key: Key = None) -> Once:
    return Once(service=service, tenant=caller.tenant, key=key)


OnceDep = Annotated[Once, Depends(_once)]
