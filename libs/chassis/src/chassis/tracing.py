"""W3C trace context across the bus and gRPC: one call is one trace. Without an exporter all of it is a no-op.

Spans are exported, as OTLP over HTTP, only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set; the SDK's other `OTEL_*`
variables hold too. The tracer is this module's alone and not OpenTelemetry's global one: libraries would write into
their spans what callers and tools said. They still pass the context on (the MCP SDK as `traceparent` in `_meta`).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracer, Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.bus import Headers
from chassis.logging import get_logger

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
SHUTDOWN_SECONDS = 1.0
"""How long a process that ends waits for a collector."""

_HEADER = "traceparent"
_propagator = TraceContextTextMapPropagator()
_log = get_logger(__name__)


class _Process:
    """Where this process's spans go."""

    provider: TracerProvider | None = None
    tracer: Tracer = NoOpTracer()


# ---- setting up


def configure(service: str) -> None:
    """Export spans if the environment says where to; otherwise make none."""
    if not os.environ.get(ENDPOINT_VARIABLE):
        return
    # Imported here: it takes a while, which a process without traces should not wait for.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    export_to(BatchSpanProcessor(OTLPSpanExporter()), service)


def export_to(processor: SpanProcessor, service: str) -> None:
    """Give every span of this process to a processor, until `shutdown`."""
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    _Process.provider, _Process.tracer = provider, provider.get_tracer("opusagent")


def shutdown(seconds: float = SHUTDOWN_SECONDS) -> None:
    """Export what is left; blocks for at most `seconds`, however long the exporter would go on trying."""
    provider, _Process.provider, _Process.tracer = _Process.provider, None, NoOpTracer()
    if provider is None:
        return
    last = Thread(target=provider.shutdown, name="last-spans", daemon=True)
    last.start()
    last.join(seconds)
    if last.is_alive():
        _log.warning("the collector does not take the last spans", seconds=seconds)


# ---- contexts


def current() -> Context | None:
    """Return the context of the current span, to be its child later or elsewhere; None when there is none."""
    return context_in(trace.get_current_span())


def context_in(span: Span) -> Context | None:
    """Return the context of a span's children; None for a span that is none."""
    return trace.set_span_in_context(span, Context()) if span.get_span_context().is_valid else None


def inject(context: Context | None = None) -> Headers:
    """Return the headers (`traceparent`, `tracestate`) of a context, by default the current one; empty for none."""
    if not trace.get_current_span(context).get_span_context().is_valid:
        return ()
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, context)
    return tuple((name, value.encode()) for name, value in carrier.items())


def extract(headers: Headers) -> Context | None:
    """Return the context that headers carry, to be given to `span`; None when they carry none."""
    return context_of({name: value.decode("ascii", "replace") for name, value in headers}) if headers else None


def context_of(carrier: Mapping[str, str]) -> Context | None:
    """Return the context of a text carrier (gRPC metadata); None when it carries none."""
    return _propagator.extract(carrier) if _HEADER in carrier else None


def traceparent() -> str:
    """Return the current context as a field keeps it; empty when there is none."""
    return next((value.decode() for name, value in inject() if name == _HEADER), "")


def from_field(traceparent: str) -> Context | None:
    """Return the context that a field keeps; None for an empty one."""
    return context_of({_HEADER: traceparent}) if traceparent else None


@contextmanager
def under(context: Context | None) -> Iterator[None]:
    """Run the block in a context that came from elsewhere; None: as it is."""
    if context is None:
        yield
        return
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)


# ---- spans


def begin(name: str, parent: Context | None = None) -> Span:
    """Begin a span that outlives any block: it is current nowhere, and whoever began it ends it."""
    return _Process.tracer.start_span(name, parent)


def fail(span: Span, error: BaseException) -> None:
    """Say that a span ended badly, and no more of the error than its type: its text may be anybody's words."""
    span.set_status(StatusCode.ERROR, type(error).__name__)


def link(span: Span, context: Context | None) -> None:
    """Say that a span has to do with another trace."""
    if context is not None:
        span.add_link(trace.get_current_span(context).get_span_context())


@contextmanager
def span(
    name: str,
    parent: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    about: Mapping[str, str] | None = None,
) -> Iterator[Span]:
    """Run the block in a span, child of `parent` or else of the current one.

    `about`: attributes, none of them personal data. Of an exception that leaves the block see `fail`.
    """
    with _Process.tracer.start_as_current_span(
        name, parent, kind, about, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            fail(current, error)
            raise


@contextmanager
def child(
    name: str,
    parent: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    about: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run the block in a span if there is a trace that it belongs to; what belongs to none, such as the renewal of a
    lease, begins none."""
    if parent is None and not trace.get_current_span().get_span_context().is_valid:
        yield
        return
    with span(name, parent, kind, about):
        yield
