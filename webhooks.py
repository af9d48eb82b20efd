"""Sign a message and send it to an address that a user registered, by the Standard Webhooks convention.

https://github.com/standard-webhooks/standard-webhooks: any library of that convention verifies what is sent here. Three things
that a newcomer would get wrong: the signature covers the bytes that are sent, so the body is made once and never serialised
again; the id stays the same over all attempts (receivers drop what they have seen) while the timestamp is each attempt's own
(receivers drop what is old); and an address that was public when it was registered may be private today, so it is checked at
every attempt.

`send` never raises for what the network or the receiver does: an attempt that failed is a `Sent` to be written down.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from errors import FetchFailed, UrlRefused
from ingest.addresses import PUBLIC, Network, check_url
from ingest.fetching import Answer, Deadline, exchange
from jobs import Ledger

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32  #: the convention asks for 24 to 64
TOLERANCE_S = 300  #: between the timestamp and the receiver's clock; what the convention's libraries use
MAX_ANSWER_BYTES = 64 << 10  #: read of what a receiver answers; the status is what counts
#: Seconds after each failed attempt: a restart, a deployment, an outage, a night.
DELAYS_S = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)
JITTER = 0.2  #: of a delay, up or down, so that what failed together does not come back together

_MESSAGE_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,256}")  #: visible ASCII; a full stop would make the signed text ambiguous
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SAID_CHARS = 200  #: of a receiver's answer, in an error
_REDIRECTS = {301, 302, 303, 307, 308}


class SignatureRefused(ValueError):
    """These headers do not prove that this body came from whoever knows the secret, now. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One attempt to deliver one message."""

    status: int | None  #: of the answer; None = none came
    error: str | None  #: why it was not delivered; None = it was

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def new_secret() -> str:
    """A secret to share with one receiver."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """What the header `webhook-signature` says. Raises ValueError for a secret or an id that the convention does not allow."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"The message id {message_id[:40]!r} is not 1 to 256 visible ASCII characters without a full stop.")
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode("ascii")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError(f"The webhook secret is not {SECRET_PREFIX!r} and base64. Make one with `new_secret`.")
    return key


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float, tolerance_s: float = TOLERANCE_S) -> None:
    """Raises SignatureRefused unless this request was signed with this secret, for this body, not long before or after `now`.

    Header names count in any case. A signature header may hold several, separated by spaces, while a secret is replaced: one
    that fits is enough. `now` is in seconds since 1970.
    """
    stated = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (_header(stated, f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused(f"webhook-timestamp is {timestamp[:40]!r}, not whole seconds since 1970.")
    age_s = now - int(timestamp)
    if abs(age_s) > tolerance_s:
        when = "old" if age_s > 0 else "ahead"
        raise SignatureRefused(
            f"webhook-timestamp is {abs(age_s):.0f} s {when}, more than {tolerance_s:g} s. Check the clocks."
        )
    if not _MESSAGE_ID.fullmatch(message_id):
        raise SignatureRefused(f"webhook-id is {message_id[:40]!r}, which this convention does not allow.")
    expected = signature(secret, message_id, int(timestamp), body).encode("ascii")
    # Bytes: compare_digest takes no other text than ASCII, and anybody may send a header.
    if not any(hmac.compare_digest(expected, given.encode("utf-8", "replace")) for given in signatures.split()):
        raise SignatureRefused("No signature fits: another secret, or the body was changed. Verify the bytes as they came.")


def _header(stated: Mapping[str, str], name: str) -> str:
    if not stated.get(name):
        raise SignatureRefused(f"The header {name} is missing.")
    return stated[name]


def send(
    url: str,
    body: bytes,
    *,
    secret: str,
    message_id: str,
    hosts: Sequence[str],
    timeout_s: float = 10,
    network: Network = PUBLIC,
    clock: Callable[[], float] = time.time,
) -> Sent:
    """One attempt to deliver this JSON to this URL; `hosts` as in `ingest.addresses.check_url`.

    Redirects are not followed. Whatever the URL, the network or the receiver does is in the answer; raises ValueError only for
    a secret or an id that is none.
    """
    timestamp = int(clock())
    signed = signature(secret, message_id, timestamp, body)
    ours = {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": signed}
    headers = {"Content-Type": "application/json", **ours}
    deadline = Deadline(timeout_s)
    try:
        place = check_url(url, hosts=hosts, network=network, timeout_s=timeout_s)
        with exchange("POST", place, deadline=deadline, network=network, headers=headers, content=body) as answer:
            return _sent(answer)
    except (UrlRefused, FetchFailed) as error:
        return Sent(status=None, error=str(error))


def _sent(answer: Answer) -> Sent:
    said = _read(answer)  # also where it is not needed: a receiver that is cut off while it answers logs an error
    if 200 <= answer.status < 300:
        return Sent(status=answer.status, error=None)
    if answer.status in _REDIRECTS:
        return Sent(status=answer.status, error=f"answered {answer.status}: redirects are not followed; register the final URL")
    return Sent(status=answer.status, error=f"answered {answer.status}: {said!r}" if said else f"answered {answer.status}")


def _read(answer: Answer) -> str:
    """The beginning of what was said. The status has come, so that a body that breaks off or never ends changes nothing."""
    said = b""
    with suppress(FetchFailed):
        for block in answer.blocks:
            said += block
            if len(said) >= MAX_ANSWER_BYTES:
                break
    return " ".join(said[: 4 * _SAID_CHARS].decode("utf-8", "replace").split())[:_SAID_CHARS]


def retry_after(attempt: int, *, chance: Callable[[], float] = random.random) -> float | None:
    """Seconds to wait after the attempt of this number (from 1) failed; None = that was the last. `chance` gives 0 to 1."""
    if attempt < 1:
        raise ValueError(f"Attempts are counted from 1, not {attempt}.")
    if attempt > len(DELAYS_S):
        return None
    return DELAYS_S[attempt - 1] * (1 + JITTER * (2 * chance() - 1))


def deliver_due(ledger: Ledger, hosts: Sequence[str]) -> int:
    """Send what is owed now, one after the other; returns how many were delivered. What fails is owed again, later each time."""
    n = 0
    for delivery in ledger.due_deliveries():
        sent = send(delivery.url, delivery.body.encode(), secret=delivery.secret, message_id=delivery.id, hosts=hosts)
        ledger.delivered(delivery, status=sent.status, error=sent.error, again_in_s=retry_after(delivery.attempt + 1))
        n += sent.is_delivered
    return n
