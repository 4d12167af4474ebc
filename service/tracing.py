"""OpenTelemetry traces: one for each utterance, from the start of its speech to its final on the socket.

A gateway begins the trace and hands it on in the turns (`Turn.trace`, a W3C traceparent); what a worker does for a
turn belongs to the trace that came with it. Without an endpoint, as by default, nothing of OpenTelemetry is imported
here and every call returns at once; so it does for an utterance that is not sampled, whose traceparent is empty.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from service.errors import BadRequest

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

Attribute = str | int | float | bool


@dataclass(slots=True)
class Span:
    """A piece of work in a trace. `traceparent`: what makes other spans its children, here or in another process."""

    traceparent: str = ""
    _recorded: "trace.Span | None" = None

    def note(self, **attributes: Attribute) -> None:
        if self._recorded:
            self._recorded.set_attributes(attributes)

    def end(self) -> None:
        if self._recorded:
            self._recorded.end()


NO_SPAN = Span()


@dataclass(slots=True)
class _Process:
    """What this process has: a tracer, once it was configured, and the utterances whose final is not relayed yet."""

    tracer: "trace.Tracer | None" = None
    open: dict[str, dict[int, Span]] = field(default_factory=dict)


_process = _Process()


def configure(endpoint: str, ratio: float, role: str) -> None:
    """Has spans sent to a collector in batches, by OTLP over HTTP, from a thread that ends with the process.

    `endpoint`: its base address, empty for no traces; `ratio`: the share of utterances that are traced. Raises
    BadRequest when the extra `otel` is not installed.
    """
    if not endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as error:
        raise BadRequest(
            f"traces need the extra `otel` (pip install 'sotto[otel]'): {error}", field="otel_endpoint"
        ) from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"sotto-{role}"}), sampler=ParentBased(TraceIdRatioBased(ratio))
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    _process.tracer = provider.get_tracer("sotto")


# ---- any process


@contextmanager
def span(name: str, parent: str, **attributes: Attribute) -> Iterator[Span]:
    """The work of the block, as a child of `parent`; none when that is empty."""
    opened = _start(name, parent, attributes) if parent else NO_SPAN
    try:
        yield opened
    except BaseException as error:
        opened.note(error=type(error).__name__)
        raise
    finally:
        opened.end()


def record(name: str, parent: str, seconds: float, **attributes: Attribute) -> None:
    """Work that took `seconds` and has ended just now."""
    if parent:
        _start(name, parent, attributes, began_ns=time.time_ns() - int(seconds * 1e9)).end()


# ---- gateways


def utterance(session: str, number: int, **attributes: Attribute) -> str:
    """The traceparent of an utterance whose final is not relayed yet; its trace begins with the first call."""
    if _process.tracer is None:
        return ""
    opened = _process.open.setdefault(session, {})
    if number not in opened:
        opened[number] = _start("utterance", "", {"session": session, "utterance": number, **attributes})
    return opened[number].traceparent


@contextmanager
def relayed(session: str, event: dict[str, Any]) -> Iterator[None]:
    """The time in which an event is handed to its client. A final, or the error in its place, ends its utterance,
    and with it those before that it ended silently."""
    opened = _process.open.get(session)
    number = _number(event) if opened else None
    if not opened or number not in opened:
        yield
        return
    with span("relay", opened[number].traceparent, event=event["type"]):
        yield
    if event["type"] in ("final", "error"):
        for done in [n for n in opened if n <= number]:
            opened.pop(done).end()


def close(session: str) -> None:
    """Ends what is still open of a session that finished, or that another gateway may take up."""
    for opened in _process.open.pop(session, {}).values():
        opened.end()


def _number(event: dict[str, Any]) -> int | None:
    """The utterance that an event is about."""
    number = str(event.get("id") or "").rpartition(".")[2]
    return int(number) if number.isdecimal() else None


def _start(name: str, parent: str, attributes: dict[str, Attribute], began_ns: int | None = None) -> Span:
    if _process.tracer is None:
        return NO_SPAN
    from opentelemetry.trace import format_span_id, format_trace_id

    started = _process.tracer.start_span(name, _context(parent), attributes=attributes, start_time=began_ns)
    context = started.get_span_context()
    if not context.trace_flags.sampled:
        return NO_SPAN
    return Span(f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-01", started)


def _context(traceparent: str) -> "Context":
    """A context of its own: a span here has the parent that it was given, or none."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
