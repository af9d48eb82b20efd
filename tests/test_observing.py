"""What the service says of itself: every line with its ids, no secret, no text of a paper; traces across the queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from processes import ROOT

from observing import redacted

KEY = "reread_1a2b3c4d_" + "Zx9-" * 10
SIGNED = (
    "https://bucket.s3.amazonaws.com/a.pdf?X-Amz-Credential=AKIAABCDEFGHIJKLMNOP%2F20260101&X-Amz-Signature=abcdef0123456789"
)


def logged(code: str, **environment: str) -> list[dict[str, Any]]:
    """The lines that this code logs in a process of its own; nothing may be on its stdout."""
    out, err = ran(f"import logging, observing\nobserving.configure_logging('test')\n{code}", **environment)
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def ran(code: str, **environment: str) -> tuple[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**clean, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_line_is_one_json_object_with_its_time_its_level_and_the_ids_that_were_bound():
    (line,) = logged(
        "with observing.bound(job_id='j1', doc_id='d1', request_id='r1', run_id=None):\n"
        "    logging.getLogger('x').info('converted %d pages', 3, extra={'seconds': 1.5})"
    )

    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "converted 3 pages", "level": "info", "logger": "x", "component": "test",
        "job_id": "j1", "doc_id": "d1", "request_id": "r1", "seconds": 1.5,
    }  # fmt: skip


def test_the_ids_are_gone_when_the_work_is_over_and_never_reach_another_thread():
    lines = logged(
        "import threading\n"
        "say = logging.getLogger('x').info\n"
        "with observing.bound(job_id='j1'):\n"
        "    t = threading.Thread(target=say, args=('beside',)); t.start(); t.join()\n"
        "    say('inside')\n"
        "say('after')"
    )

    assert [(line["event"], line.get("job_id")) for line in lines] == [("beside", None), ("inside", "j1"), ("after", None)]


def test_structlog_and_the_standard_library_write_the_same_lines():
    ours, theirs = logged(
        "import structlog\nstructlog.get_logger('x').info('done', n=1)\nlogging.getLogger('x').info('done', extra={'n': 1})"
    )

    assert {**ours, "timestamp": 0} == {**theirs, "timestamp": 0}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {KEY} was refused", "Zx9-Zx9-"),
        (f"Authorization: Bearer {KEY}", "Zx9-Zx9-"),
        ("webhook whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8G"),
        ("redis://:hunter2@redis:6379/0 is away", "hunter2"),
        ("postgresql://reread:p@ssw0rd-hunter2@db/reread", "p@ssw0rd"),
        ("GET /v1/status/ws/7?api_key=hunter2-hunter2&wait=3", "hunter2"),
        (SIGNED, "abcdef0123456789"),
        (SIGNED, "AKIAABCDEFGHIJKLMNOP"),
        ("https://x.blob.core.windows.net/a.pdf?sv=2024&sig=hunter2%3D&se=2026", "hunter2"),
        ("https://d1.cloudfront.net/a.pdf?Expires=1&Signature=hunter2~&Key-Pair-Id=K123", "hunter2"),
        ("openai said: Incorrect API key provided: sk-proj-hunter2hunter2hunter2", "hunter2"),
        ("{'X-Api-Key': 'hunter2hunter2'}", "hunter2"),
        ("password=hunter2 host=db", "hunter2"),
    ],
)
def test_no_secret_is_written(text, secret):
    assert secret not in redacted(text)
    assert "[redacted]" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "prompt tokens: 1200, completion_tokens: 80",
        "https://arxiv.org/pdf/2401.00001?download=1",
        "the key of the run is 3f2a, see reread keys list",
        "redis://redis:6379/0",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


def test_secrets_in_values_in_names_and_in_tracebacks_are_not_written():
    lines = logged(
        f"log = logging.getLogger('x')\n"
        f"log.info('refused', extra={{'headers': {{'x-api-key': 'hunter2', 'accept': '*/*'}},"
        f" 'urls': ['{SIGNED}'], 'secret': 'hunter2'}})\n"
        f"try:\n    raise ValueError('cannot reach redis://:hunter2@host/0 with {KEY}')\nexcept ValueError:\n    log.exception('failed')"
    )

    assert "hunter2" not in json.dumps(lines)
    assert "abcdef0123456789" not in json.dumps(lines)
    assert "Zx9-Zx9" not in json.dumps(lines)
    assert lines[0]["headers"] == {"x-api-key": "[redacted]", "accept": "*/*"}
    assert "ValueError: cannot reach redis://:[redacted]@host/0" in lines[1]["exception"]


def test_the_text_of_a_paper_is_not_written_at_info_and_a_long_value_is_cut():
    line, long = logged(
        "log = logging.getLogger('x')\n"
        "log.info('read', extra={'text': 'The half-life was 2.3 h.', 'record': {'value': 2.3}})\n"
        "log.info('y' * 100_000)"
    )

    assert line["text"] == "[24 characters]"
    assert line["record"] == "[a dict]"
    assert len(long["event"]) < 2100


def test_the_text_of_a_paper_is_written_at_debug():
    (line,) = logged(
        "observing.configure_logging('test', level=logging.DEBUG)\nlogging.getLogger('x').debug('read', extra={'text': 'The half-life'})"
    )

    assert line["text"] == "The half-life"


def test_a_retry_of_stamina_is_logged_and_nothing_of_it_is_on_stdout():
    lines = logged(
        "import stamina\n"
        "tries = []\n"
        "@stamina.retry(on=ValueError, attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)\n"
        "def once():\n    tries.append(1)\n    if len(tries) < 2: raise ValueError('busy')\n"
        "once()"
    )

    assert all(line["component"] == "test" for line in lines)
    assert len(lines) == 1


def test_a_forged_line_in_a_message_stays_inside_its_line():
    (line,) = logged("logging.getLogger('x').info('name: %s', 'a.pdf\\n{\"event\": \"admin logged in\"}')")

    assert line["event"].startswith("name: a.pdf\n")


def test_the_flow_imports_this_without_structlog_or_opentelemetry():
    out, _ = ran(
        "import sys, observing\nassert observing.traceparent() is None\nwith observing.continued(None): pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'structlog', 'opentelemetry', 'fastapi'}))"
    )

    assert out.split() == []


class Collector:
    """An OTLP collector: takes what exporters send and keeps the spans."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []  #: service name and span
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["Content-Length"])), self.headers.get("Content-Encoding"))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, body: bytes, encoding: str | None) -> None:
        import gzip

        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        asked = ExportTraceServiceRequest.FromString(gzip.decompress(body) if encoding == "gzip" else body)
        for resource in asked.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            self.spans += [(names["service.name"], span) for scope in resource.scope_spans for span in scope.spans]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.sdk")
    found = Collector()
    yield found
    found.close()


def test_a_job_continues_the_trace_of_the_request_that_submitted_it(collector):
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    out, _ = ran(
        "import observing\nobserving.configure_logging('worker')\n"
        f"with observing.continued('{given}', 'convert', job_id='j1'): print(observing.traceparent())",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )

    ((service, span),) = collector.spans
    assert service == "reread-worker"
    assert span.name == "convert"
    assert span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert out.strip() == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


def test_a_request_is_a_span_by_its_route_and_what_it_submits_carries_its_trace(collector):
    code = """
import observing, threading, time, urllib.request, uvicorn
from fastapi import FastAPI
observing.configure_logging("api")
app = FastAPI()
@app.get("/things/{name}")
def thing(name: str): return {"trace": observing.traceparent()}
observing.instrument(app)
server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
serving = threading.Thread(target=server.run, daemon=True)
serving.start()
while not server.started: time.sleep(0.01)
port = server.servers[0].sockets[0].getsockname()[1]
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/things/7?api_key=hunter2").read().decode())
server.should_exit = True
serving.join()  # the span ends after the last byte of the answer
observing.flush_traces()
"""
    out, err = ran(code, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)

    trace_id = json.loads(out)["trace"].split("-")[1]
    (span,) = [span for _, span in collector.spans if span.name == "GET /things/{name}"]
    assert span.trace_id.hex() == trace_id
    assert "hunter2" not in str(span) + err


def test_tracing_stays_off_where_the_environment_says_nothing_or_says_so():
    code = "import observing, sys\nwith observing.continued(None): print(observing.traceparent())\nprint('opentelemetry' in sys.modules)"

    for off in ({}, {"OTEL_SERVICE_NAME": "x"}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}):
        assert ran(code, **off)[0].split() == ["None", "False"]
