"""Trace context across what carries it, and spans that go where the operator says, with nothing that anybody said."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from chassis import tracing


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.export_to(SimpleSpanProcessor(exporter), "test")
    yield exporter
    tracing.shutdown()


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent_of(exporter: InMemorySpanExporter, name: str) -> str | None:
    found = spans(exporter)
    parent = found[name].parent
    return next(span.name for span in found.values() if span.context.span_id == parent.span_id) if parent else None


def test_a_context_crosses_headers_and_fields(exporter: InMemorySpanExporter) -> None:
    with tracing.span("here"):
        headers, field = tracing.inject(), tracing.traceparent()
    assert dict(headers)["traceparent"].decode() == field
    with tracing.span("by header", tracing.extract(headers)):
        pass
    with tracing.span("by field", tracing.from_field(field)):
        pass
    assert parent_of(exporter, "by header") == parent_of(exporter, "by field") == "here"


def test_without_a_span_nothing_is_carried() -> None:
    assert tracing.inject() == ()
    assert tracing.traceparent() == ""
    assert tracing.extract(()) is None
    assert tracing.from_field("") is None
    assert tracing.current() is None


def test_a_span_that_was_begun_is_current_only_where_it_is_said_to_be(exporter: InMemorySpanExporter) -> None:
    root = tracing.begin("root")
    assert tracing.current() is None
    with tracing.under(tracing.context_in(root)), tracing.span("inside"):
        pass
    assert tracing.current() is None
    root.end()
    assert parent_of(exporter, "inside") == "root"


def test_what_belongs_to_no_trace_begins_none(exporter: InMemorySpanExporter) -> None:
    with tracing.child("renewal"):
        assert tracing.current() is None
    with tracing.span("call"), tracing.child("request", kind=SpanKind.CLIENT):
        pass
    assert set(spans(exporter)) == {"call", "request"}
    assert parent_of(exporter, "request") == "call"


def test_a_failed_span_tells_the_kind_of_error_alone(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Smith"), tracing.span("fails"):
        raise ValueError("Smith, born 1970")
    status = spans(exporter)["fails"].status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "ValueError")
    assert not spans(exporter)["fails"].events


def test_libraries_get_no_tracer_of_ours(exporter: InMemorySpanExporter) -> None:
    with trace.get_tracer("a library").start_as_current_span("what a tool said"):
        pass
    assert not spans(exporter)


@given(st.binary(max_size=64))
def test_garbage_in_a_trace_header_is_ignored(value: bytes) -> None:
    with tracing.span("goes on", tracing.extract((("traceparent", value),))):
        pass


def test_without_an_exporter_a_trace_is_passed_on_and_none_is_begun() -> None:
    came = (("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)
    with tracing.span("step", tracing.extract(came)):
        assert tracing.inject() == came
    with tracing.span("step"):
        assert tracing.inject() == ()


def test_a_collector_that_hangs_holds_nobody_up() -> None:
    released = Event()

    class Hangs(InMemorySpanExporter):
        def shutdown(self) -> None:
            released.wait(10)

    tracing.export_to(SimpleSpanProcessor(Hangs()), "test")
    with structlog.testing.capture_logs() as logged:
        tracing.shutdown(0.01)
    released.set()
    assert [line["log_level"] for line in logged] == ["warning"]
    assert not tracing.inject()


def test_spans_reach_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, ExportTraceServiceRequest]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv(tracing.ENDPOINT_VARIABLE, f"http://127.0.0.1:{server.server_port}")
    try:
        tracing.configure("gateway")
        with tracing.span("call", about={"call_id": "call-1"}):
            pass
        tracing.shutdown()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    [(path, request)] = received
    assert path == "/v1/traces"
    [resource] = request.resource_spans
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"] == "gateway"
    [sent] = resource.scope_spans[0].spans
    assert (sent.name, sent.attributes[0].value.string_value) == ("call", "call-1")
