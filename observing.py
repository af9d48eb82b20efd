"""What the service says of itself: structured logs, and traces where somebody collects them.

Every line of a log is one event with the ids of what it is about: whoever begins a request or a job binds them once (`bound`),
and each line below carries them. Logs go to stderr: JSON for machines, words for a person at a terminal. Two promises that a
newcomer would break without noticing: no secret is written (`redacted` looks at every value, tracebacks and access logs
included, because keys come in addresses and in the messages of other people's libraries), and no text of a paper at INFO or
above (`_TEXTS`). structlog alone would print to stdout, and so would stamina as soon as structlog is installed.

OpenTelemetry is off unless the environment says where traces go, and costs one look at a cached value then. A trace goes with
its job through the ledger, as a W3C traceparent: the broker's messages carry ids only.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_HIDDEN = "[redacted]"
#: Names of values that are secret whatever they look like.
_SECRET_NAMES = re.compile(
    r"(?i)(^|[_-])(authorization|api[_-]?key|x-api-key|cookie|credentials?|passw(or)?d|secret|token|signature)s?$"
)
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(reread_[0-9a-f]{8}_)[A-Za-z0-9_-]{20,}"), r"\1" + _HIDDEN),  # our keys: the id stays, it tells whose
    (re.compile(r"\b(whsec_)[A-Za-z0-9+/=_-]{8,}"), r"\1" + _HIDDEN),
    (re.compile(r"\b(sk-|hf_|ghp_|github_pat_|AKIA|ASIA)[A-Za-z0-9_-]{12,}"), r"\1" + _HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 " + _HIDDEN),
    # The password of an address may hold anything but '@', '/' and space; that of redis:// has no user before it.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/@:]*:)[^\s/@]+@"), r"\1" + _HIDDEN + "@"),
    # Signed addresses of S3, Google, Azure, CloudFront; keys in a query, as docling-serve's WebSocket has them.
    (
        re.compile(
            r"(?i)([?&;](?:x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|signature|sig|"
            r"awsaccesskeyid|key-pair-id|policy|api[_-]?key|key|token|access_token|auth|password|secret)=)[^&;#\s\"'<>]+"
        ),
        r"\1" + _HIDDEN,
    ),
    (
        re.compile(
            r"(?i)((?:x-api-key|api[_-]?key|password|secret|token)[\"']?\s*[:=]\s*[\"']?)(?!\[redacted)[^\s\"',;&}]{4,}"
        ),
        r"\1" + _HIDDEN,
    ),
)
#: Names of values that hold what stands in a paper, or what a model said of it. At DEBUG they are written.
_TEXTS = frozenset(
    {"text", "texts", "quote", "markdown", "record", "raw", "answer", "content", "chunk", "body", "query", "messages"}
)
#: Characters of one value. A traceback may be longer, from its end.
_LONGEST, _LONGEST_TRACEBACK = 2000, 20_000
_DEPTH = 6

_component = "reread"


def configure_logging(component: str, *, level: int = logging.INFO) -> None:
    """Send every log of this process, whoever writes it, to stderr as events; `component` is 'api', 'worker' and so on."""
    import structlog

    global _component
    _component = component
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_component,
        structlog.processors.format_exc_info,  # as text, here: a console's pretty tracebacks would show local variables
        _without_texts,
        _without_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    is_read_by_people = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if is_read_by_people
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[*shared, structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers, root.level = [handler], level
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "celery", "celery.task"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    # The API says the same of each request, with ids and without queries. The rest tell of every connection.
    for name in ("uvicorn.access", "httpx", "httpx2", "httpcore", "httpcore2", "openai", "amqp", "kombu", "PIL"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)


def _add_component(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.setdefault("component", _component)
    return event


def _without_texts(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No words of a paper at INFO or above; no value that fills the screen at any level."""
    is_debug = event.get("level") == "debug"
    for name, value in event.items():
        if name in _TEXTS and not is_debug:
            event[name] = f"[{len(value):,} characters]" if isinstance(value, str) else f"[a {type(value).__name__}]"
        elif name == "exception" and isinstance(value, str):
            event[name] = value[-_LONGEST_TRACEBACK:]
        elif isinstance(value, str) and len(value) > _LONGEST:
            event[name] = f"{value[:_LONGEST]}… [{len(value):,} characters]"
    return event


def _without_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name not in ("_record", "_from_structlog", "level", "logger", "timestamp"):
            event[name] = _redacted_value(name, value, _DEPTH)
    return event


def redacted(text: str) -> str:
    """This text without keys, passwords in addresses and signatures of signed addresses."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _redacted_value(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAMES.search(name):
        return _HIDDEN
    if isinstance(value, str):
        return redacted(value)
    if depth and isinstance(value, Mapping):
        return {str(key): _redacted_value(str(key), item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted_value("", item, depth - 1) for item in value]
    return redacted(str(value)[:_LONGEST])


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Every line that is logged inside carries these ids: job_id, doc_id, run_id, request_id."""
    import structlog

    with structlog.contextvars.bound_contextvars(**{name: value for name, value in ids.items() if value}):
        yield


def is_traced() -> bool:
    """Whether the environment says where traces go: an OTLP endpoint, or an exporter by name."""
    chosen = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or chosen == "none":
        return False
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(chosen) or any(os.environ.get(name) for name in endpoints)


@cache
def _tracer() -> Tracer | None:
    """What makes spans; None where tracing is off or not installed. Opened with the first span, in the process that has it."""
    if not is_traced():
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
    except ImportError:
        logging.getLogger(__name__).warning("OTEL_* is set and OpenTelemetry is not installed: pip install 'reread[otel]'")
        return None
    exporter: SpanExporter
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "console":
        exporter = ConsoleSpanExporter(out=sys.stderr)
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    named = os.environ.get("OTEL_SERVICE_NAME") or f"reread-{_component}"
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: named}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.get_tracer("reread")


def traceparent() -> str | None:
    """The W3C traceparent of what is being done now, to go with a job; None where tracing is off."""
    if _tracer() is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def continued(trace: str | None, name: str = "job", **attributes: str | int | float) -> Iterator[None]:
    """Do a job as part of the trace of the request that submitted it. A trace of None begins one of its own."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": trace}) if trace else None
    stated = {f"reread.{key}": value for key, value in attributes.items()}
    with tracer.start_as_current_span(name, context=parent, kind=SpanKind.CONSUMER, attributes=stated):
        yield


def flush_traces(timeout_s: float = 5.0) -> None:
    """Send what was not sent yet: for a process that is about to end in a hurry."""
    tracer = _tracer()
    if tracer is not None:
        from opentelemetry import trace

        provider: Any = trace.get_tracer_provider()
        provider.force_flush(int(timeout_s * 1000))


def instrument(app: Any) -> None:
    """Make every request of this FastAPI application a span, where traces are collected."""
    tracer = _tracer()
    if tracer is None:
        return
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(
        app,
        excluded_urls="livez,readyz,health,ready,metrics",
        server_request_hook=_without_query,
        exclude_spans=["receive", "send"],
    )


def _without_query(span: Any, scope: Mapping[str, Any]) -> None:
    """A query may hold a key: docling-serve's WebSocket has it there."""
    if span is not None and span.is_recording() and scope.get("query_string"):
        for name in ("http.url", "http.target", "url.query", "url.full"):
            value = getattr(span, "attributes", {}).get(name)
            if value:
                span.set_attribute(name, redacted(f"?{value}")[1:] if name == "url.query" else redacted(str(value)))
