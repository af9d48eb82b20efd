"""A webhook is signed so that any receiver of the convention verifies it, and an attempt that fails is told and not raised."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fake_web import (
    FakeWeb,
    Talk,
    endless,
    fails,
    hangs,
    head,
    made_certificate,
    open_to,
    redirects,
    resets,
    resolves,
    says,
    says_raw,
    trickles,
    watched_sockets,
)
from hypothesis import given
from hypothesis import strategies as st

from ingest.addresses import PUBLIC
from webhooks import DELAYS_S, Sent, SignatureRefused, new_secret, retry_after, send, signature, verify

SECRET = new_secret()
BODY = json.dumps({"type": "job.done", "data": {"job": "j1"}}).encode()
NOW = 1_760_000_000.4
ANY = ("*",)


@pytest.fixture
def receiver() -> Iterator[FakeWeb]:
    with FakeWeb() as receiver:
        receiver.serve("/hook", says(b"ok"))
        yield receiver


def sent_to(receiver: FakeWeb, *, timeout_s: float = 5.0, at: float = NOW) -> Sent:
    url, network = receiver.url("/hook"), open_to(receiver)
    return send(url, BODY, secret=SECRET, message_id="msg_1", hosts=ANY, timeout_s=timeout_s, network=network, clock=lambda: at)


def signed(**changed: str) -> dict[str, str]:
    """The headers of a good message, with these changed (an underscore for a hyphen)."""
    timestamp = int(NOW)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(timestamp)}
    headers["webhook-signature"] = signature(SECRET, "msg_1", timestamp, BODY)
    return headers | {name.replace("_", "-"): value for name, value in changed.items()}


def test_the_signature_is_the_one_that_the_convention_publishes():
    """The vector that the reference libraries share: without it a mistake made in both directions would not be seen."""
    secret, message_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    assert signature(secret, message_id, 1614265330, b'{"test": 2432232314}') == expected


def test_a_secret_is_long_random_and_of_the_form_that_libraries_take():
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(secret.startswith("whsec_") and len(base64.b64decode(secret[6:])) == 32 for secret in secrets)


def test_what_arrives_is_verified_by_the_receiver(receiver):
    assert sent_to(receiver) == Sent(status=200, error=None)

    request = receiver.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/hook", BODY)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_1"
    verify(SECRET, request.headers, request.body, now=NOW)


def test_the_receiver_answers_401_where_the_secret_is_another(receiver):
    def act(talk: Talk) -> None:
        try:
            verify(new_secret(), talk.request.headers, talk.request.body, now=NOW)
        except SignatureRefused as error:
            talk.answer(401, str(error).encode())

    receiver.serve("/hook", act)
    sent = sent_to(receiver)

    assert (sent.status, sent.is_delivered) == (401, False)
    assert "No signature fits" in (sent.error or "")


def test_each_attempt_has_the_same_id_and_a_time_of_its_own(receiver):
    sent_to(receiver)
    sent_to(receiver, at=NOW + 30)

    first, second = (request.headers for request in receiver.requests)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 30
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize(
    ("headers", "body", "now", "words"),
    [
        (signed(), BODY + b" ", NOW, "No signature fits"),
        (signed(), b"", NOW, "No signature fits"),
        (signed(webhook_id="msg_2"), BODY, NOW, "No signature fits"),
        (signed(webhook_id="msg.1"), BODY, NOW, "webhook-id is 'msg.1'"),
        (signed(webhook_id=""), BODY, NOW, "webhook-id is missing"),
        (signed(webhook_timestamp=str(int(NOW) + 1)), BODY, NOW, "No signature fits"),
        (signed(webhook_timestamp="soon"), BODY, NOW, "not whole seconds"),
        (signed(webhook_timestamp=f"{int(NOW)}.0"), BODY, NOW, "not whole seconds"),
        (signed(webhook_timestamp="9" * 5000), BODY, NOW, "not whole seconds"),
        (signed(webhook_timestamp="١٧٦٠"), BODY, NOW, "not whole seconds"),
        (signed(), BODY, NOW + 302, "302 s old, more than 300 s"),
        (signed(), BODY, NOW - 302, "302 s ahead, more than 300 s"),
        (signed(webhook_signature=""), BODY, NOW, "webhook-signature is missing"),
        (signed(webhook_signature=signed()["webhook-signature"].removeprefix("v1,")), BODY, NOW, "No signature fits"),
        (signed(webhook_signature="v1a," + signed()["webhook-signature"][3:]), BODY, NOW, "No signature fits"),
        (signed(webhook_signature="v1,ä\ud800"), BODY, NOW, "No signature fits"),
        ({}, BODY, NOW, "webhook-id is missing"),
    ],
)
def test_what_is_not_signed_is_refused_with_the_reason(headers, body, now, words):
    with pytest.raises(SignatureRefused, match=words):
        verify(SECRET, headers, body, now=now)


def test_header_names_count_in_any_case_and_one_fitting_signature_is_enough():
    old = signature(new_secret(), "msg_1", int(NOW), BODY)
    both = signed(webhook_signature=f"{old} v2,abc {signed()['webhook-signature']}")

    verify(SECRET, {name.title(): value for name, value in both.items()}, BODY, now=NOW + 299)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64), st.integers(0, 10**11))
def test_whatever_is_signed_is_verified_and_no_other_body_is(body, key, timestamp):
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, "m", timestamp, body),
    }

    verify(secret, headers, body, now=timestamp)
    with pytest.raises(SignatureRefused):
        verify(secret, headers, body + b"\0", now=timestamp)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whsec_ä", "whsec_abc"])
def test_a_secret_that_is_none_is_not_used(secret):
    with pytest.raises(ValueError, match="not 'whsec_' and base64"):
        signature(secret, "msg_1", 1, BODY)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\r\nX: y", "ä", "x" * 257])
def test_an_id_that_would_not_fit_a_header_is_not_sent(message_id, receiver):
    with pytest.raises(ValueError, match="message id"):
        send(receiver.url("/hook"), BODY, secret=SECRET, message_id=message_id, hosts=ANY, network=open_to(receiver))
    assert receiver.n_connections == 0


@pytest.mark.parametrize(
    ("act", "status", "words"),
    [
        (fails(500, b"<h1>it is\n\nbroken</h1>"), 500, "answered 500: '<h1>it is broken</h1>'"),
        (fails(404, b""), 404, "answered 404"),
        (fails(410, b"\x00\xff"), 410, "answered 410: "),
        (fails(429, b"x" * 10_000), 429, "answered 429: '" + "x" * 200 + "'"),
        (says_raw(head(503, {"Content-Length": "10"})), 503, "answered 503"),
        (resets(), None, "gave nothing"),
        (says_raw(b"garbage\r\n\r\n"), None, "gave nothing"),
    ],
)
def test_a_receiver_that_fails_is_told_and_not_raised(act, status, words, receiver):
    receiver.serve("/hook", act)
    sent = sent_to(receiver)

    assert (sent.status, sent.is_delivered) == (status, False)
    assert words in (sent.error or "")
    assert (sent.error or "").isprintable()


def test_a_body_of_megabytes_arrives_whole(receiver):
    body = b"x" * 5_000_000
    sent = send(receiver.url("/hook"), body, secret=SECRET, message_id="m", hosts=ANY, network=open_to(receiver))

    assert sent.is_delivered
    assert receiver.requests[0].body == body


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(status, receiver):
    receiver.serve("/hook", says_raw(head(status, {"Content-Length": "0"})))
    assert sent_to(receiver) == Sent(status=status, error=None)


@pytest.mark.parametrize("act", [hangs(), hangs(b"HTTP/1.1 2"), trickles(b"HTTP/1.1 200 OK\r\nX: ")])
def test_a_receiver_that_hangs_is_given_up_at_the_deadline(act, receiver):
    receiver.serve("/hook", act)
    started = time.monotonic()
    sent = sent_to(receiver, timeout_s=0.3)

    assert time.monotonic() - started < 2
    assert (sent.status, sent.is_delivered) == (None, False)
    assert "not done within 0.3 s" in (sent.error or "")


@pytest.mark.parametrize(
    "act", [endless(), resets(head(200, {"Content-Length": "9"})), hangs(head(200, {"Content-Length": "9"}))]
)
def test_once_the_status_has_come_the_rest_changes_nothing(act, receiver):
    receiver.serve("/hook", act)
    assert sent_to(receiver, timeout_s=0.5).is_delivered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status, receiver):
    with FakeWeb("127.0.0.2") as inside:
        receiver.serve("/hook", redirects(inside.url(), status))
        sent = sent_to(receiver)

        assert (sent.status, sent.is_delivered) == (status, False)
        assert "register the final URL" in (sent.error or "")
        assert inside.n_connections == 0
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook", "http://inside.test:{port}/hook", "http://169.254.169.254/", "http://10.0.0.1/",
        "file:///etc/passwd", "http://public.test:6379/", "http://u:p@public.test/", "http://nowhere.test/", "", "\ud800",
    ],
)  # fmt: skip
def test_an_address_that_may_not_be_reached_is_told_and_not_raised(url, receiver):
    names = {"inside.test": ["127.0.0.1"], "public.test": ["93.184.215.14"]}
    network = replace(PUBLIC, ports=PUBLIC.ports | {receiver.port}, resolve=resolves(names))
    with watched_sockets() as packets:
        place = url.replace("{port}", str(receiver.port))
        sent = send(place, BODY, secret=SECRET, message_id="m", hosts=ANY, network=network)

    assert (sent.status, sent.is_delivered) == (None, False)
    assert sent.error and packets == []
    assert receiver.n_connections == 0


def test_webhooks_are_off_where_no_host_is_allowed(receiver):
    sent = send(receiver.url("/hook"), BODY, secret=SECRET, message_id="m", hosts=(), network=open_to(receiver))

    assert "no host is allowed here" in (sent.error or "")
    assert receiver.n_connections == 0


def test_an_address_that_became_private_after_it_was_registered_is_not_reached(receiver):
    """The address is checked at each attempt."""
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    network = replace(open_to(receiver), resolve=lambda *_: answers.pop(0))
    with FakeWeb("127.0.0.2", port=receiver.port) as inside:
        url = receiver.url("/hook", host="hooks.test")
        first, second = (send(url, BODY, secret=SECRET, message_id="m", hosts=ANY, network=network) for _ in range(2))

        assert (first.is_delivered, second.is_delivered) == (True, False)
        assert inside.n_connections == 0


def test_over_tls_the_receiver_proves_its_name(tmp_path):
    certificate = made_certificate(tmp_path / "tls", "DNS:hooks.test")
    with FakeWeb(tls=certificate.server_side()) as receiver:
        receiver.serve("/hook", says(b"ok"))
        network = open_to(receiver, names={"hooks.test": ["127.0.0.1"], "evil.test": ["127.0.0.1"]}, tls=certificate.believed())
        good, bad = (
            send(receiver.url("/hook", host=host), BODY, secret=SECRET, message_id="m", hosts=ANY, network=network)
            for host in ("hooks.test", "evil.test")
        )

        assert good.is_delivered and not bad.is_delivered
        assert "CERTIFICATE_VERIFY_FAILED" in (bad.error or "")
        assert len(receiver.requests) == 1, "an unproven receiver does not see the message"


def test_the_pauses_grow_from_seconds_to_hours_and_then_end():
    assert [retry_after(attempt, chance=lambda: 0.5) for attempt in range(1, 8)] == [5, 30, 120, 600, 3600, 21600, None]


@pytest.mark.parametrize("attempt", range(1, len(DELAYS_S) + 1))
def test_what_failed_together_does_not_come_back_together(attempt):
    pauses = [retry_after(attempt) for _ in range(200)]

    assert len(set(pauses)) > 100
    assert all(0.8 * DELAYS_S[attempt - 1] <= (pause or 0) <= 1.2 * DELAYS_S[attempt - 1] for pause in pauses)


def test_attempts_are_counted_from_one():
    with pytest.raises(ValueError, match="counted from 1"):
        retry_after(0)
