"""W3C trace context across the bus and gRPC. Without an exporter configured all of it is a no-op.

Spans are exported only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set and an OTLP exporter is installed.
"""

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.bus import Headers
from chassis.logging import get_logger

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_EXPORTERS = (
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)
_propagator = TraceContextTextMapPropagator()
_log = get_logger(__name__)


def configure(service: str) -> None:
    """Export spans if the environment says where to; otherwise leave OpenTelemetry's no-op tracer in place."""
    if not os.environ.get(ENDPOINT_VARIABLE):
        return
    exporter = _exporter()
    if exporter is None:
        _log.warning("no OTLP exporter is installed, traces are not exported", endpoint=os.environ[ENDPOINT_VARIABLE])
        return
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def _exporter() -> Any:
    for module in _EXPORTERS:
        try:
            return importlib.import_module(module).OTLPSpanExporter()
        except ImportError:
            continue
    return None


def shutdown() -> None:
    """Export what is left; blocks for as long as the exporter allows itself."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def inject() -> Headers:
    """Return the headers (`traceparent`, `tracestate`) of the current span; empty when there is none."""
    if not trace.get_current_span().get_span_context().is_valid:
        return ()
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return tuple((name, value.encode()) for name, value in carrier.items())


def extract(headers: Headers) -> Context | None:
    """Return the context that headers carry, to be given to `span`; None when they carry none."""
    return context_of({name: value.decode("ascii", "replace") for name, value in headers}) if headers else None


def context_of(carrier: Mapping[str, str]) -> Context | None:
    """Return the context of a text carrier (gRPC metadata); None when it carries none."""
    return _propagator.extract(carrier) if "traceparent" in carrier else None


@contextmanager
def span(name: str, parent: Context | None = None, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """Run the block in a span. Attributes must not be personal data unless marked so by their name."""
    with trace.get_tracer("opusagent").start_as_current_span(name, context=parent, kind=kind) as current:
        yield current
