"""Direct and remote clients behave alike."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from chassis import tracing
from chassis.rpc import RpcError, StatusCode, direct, remote, serve
from opusagent.session.v1 import session_pb2 as pb
from opusagent.session.v1.session_pb2_grpc import (
    SessionServiceServicer,
    SessionServiceStub,
    add_SessionServiceServicer_to_server,
)


class Servicer(SessionServiceServicer):
    """A few methods, each of one behaviour."""

    def __init__(self) -> None:
        self.calls = 0
        self.closed = asyncio.Event()
        self.trace_ids: list[int] = []

    async def LeaseSlot(self, request: pb.LeaseSlotRequest, context: Any) -> pb.LeaseSlotResponse:
        self.trace_ids.append(trace.get_current_span().get_span_context().trace_id)
        request.holder = "changed by the servicer"
        return pb.LeaseSlotResponse(slot=request.load, ttl_ms=2000)

    async def FindCall(self, request: pb.FindCallRequest, context: Any) -> pb.FindCallResponse:
        raise RpcError(StatusCode.NOT_FOUND, f"no call {request.provider_call_id}")

    async def LoadTask(self, request: pb.LoadTaskRequest, context: Any) -> pb.LoadTaskResponse:
        raise ValueError("a defect, and perhaps a secret")

    async def GetSession(self, request: pb.GetSessionRequest, context: Any) -> pb.GetSessionResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def ListCalls(self, request: pb.ListCallsRequest, context: Any) -> pb.ListCallsResponse:
        self.calls += 1
        if self.calls < 3:
            raise RpcError(StatusCode.UNAVAILABLE, "the store is out")
        return pb.ListCallsResponse()

    async def WatchEvents(self, request: pb.WatchEventsRequest, context: Any) -> AsyncIterator[pb.WatchEventsResponse]:
        try:
            for number in range(3):
                yield pb.WatchEventsResponse(event={"event_id": str(number)})
            if request.session_id == "broken":
                raise RpcError(StatusCode.UNAVAILABLE, "the log is out")
            if request.session_id == "defect":
                raise ValueError("a defect")
            if not request.session_id:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


async def _no_wait(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture(params=["direct", "remote"])
async def client(request: pytest.FixtureRequest, servicer: Servicer):
    if request.param == "direct":
        yield direct(servicer)
        return
    server = await serve([(add_SessionServiceServicer_to_server, servicer)], "127.0.0.1", 0)
    client = remote(SessionServiceStub, f"127.0.0.1:{server.port}", sleep=_no_wait)
    yield client
    await client.close()
    await server.stop(0)


async def test_an_answer_and_nothing_shared(client) -> None:
    request = pb.LeaseSlotRequest(holder="me", load=7)
    answer = await client.LeaseSlot(request)
    assert (answer.slot, answer.ttl_ms) == (7, 2000)
    assert request.holder == "me"


async def test_a_failure_keeps_its_code_and_words(client) -> None:
    with pytest.raises(RpcError) as failure:
        await client.FindCall(pb.FindCallRequest(provider_call_id="CA1"))
    assert (failure.value.code, failure.value.message) == (StatusCode.NOT_FOUND, "no call CA1")
    assert not failure.value.retriable


async def test_a_defect_is_internal_and_its_words_stay_inside(client) -> None:
    with capture_logs() as lines, pytest.raises(RpcError) as failure:
        await client.LoadTask(pb.LoadTaskRequest())
    assert failure.value.code is StatusCode.INTERNAL
    assert "secret" not in failure.value.message
    assert [line["event"] for line in lines] == ["a servicer failed"]


async def test_a_method_nobody_wrote_is_unimplemented(client) -> None:
    with pytest.raises(RpcError) as failure:
        await client.OpenCall(pb.OpenCallRequest())
    assert failure.value.code is StatusCode.UNIMPLEMENTED


async def test_a_deadline(client) -> None:
    with pytest.raises(RpcError) as failure:
        await client.GetSession(pb.GetSessionRequest(), timeout=0.05)
    assert failure.value.code is StatusCode.DEADLINE_EXCEEDED
    assert failure.value.retriable


async def test_a_stream_to_its_end(client) -> None:
    answers = [answer.event.event_id async for answer in client.WatchEvents(pb.WatchEventsRequest(session_id="ends"))]
    assert answers == ["0", "1", "2"]


@pytest.mark.parametrize(("session_id", "code"), [("broken", StatusCode.UNAVAILABLE), ("defect", StatusCode.INTERNAL)])
async def test_a_stream_that_breaks(client, session_id: str, code: StatusCode) -> None:
    stream = client.WatchEvents(pb.WatchEventsRequest(session_id=session_id))
    assert [(await anext(stream)).event.event_id for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(RpcError) as failure:
        await anext(stream)
    assert failure.value.code is code


async def test_a_stream_left_early_ends_the_servicer(client, servicer) -> None:
    stream = client.WatchEvents(pb.WatchEventsRequest())
    assert (await anext(stream)).event.event_id == "0"
    await stream.aclose()
    async with asyncio.timeout(5):
        await servicer.closed.wait()


async def test_the_trace_goes_along(client, servicer) -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("caller") as caller:
        await client.LeaseSlot(pb.LeaseSlotRequest())
    assert servicer.trace_ids == [caller.get_span_context().trace_id]
    assert tracing.inject() == ()


async def test_a_request_outside_a_trace_begins_none(client, servicer) -> None:
    exporter = InMemorySpanExporter()
    tracing.export_to(SimpleSpanProcessor(exporter), "test")
    try:
        await client.LeaseSlot(pb.LeaseSlotRequest())
        with tracing.span("call"):
            await client.LeaseSlot(pb.LeaseSlotRequest())
    finally:
        tracing.shutdown()
    names = [span.name for span in exporter.get_finished_spans()]
    assert names[-2:] == ["LeaseSlot", "call"]
    assert names[:-2] in ([], ["opusagent.session.v1.SessionService/LeaseSlot"])
    assert servicer.trace_ids[0] == 0


async def test_a_remote_client_tries_again_while_unavailable(servicer) -> None:
    server = await serve([(add_SessionServiceServicer_to_server, servicer)], "127.0.0.1", 0)
    client = remote(SessionServiceStub, f"127.0.0.1:{server.port}", sleep=_no_wait)
    await client.ListCalls(pb.ListCallsRequest())
    assert servicer.calls == 3
    await client.close()
    await server.stop(0)


async def test_it_gives_up_in_the_end() -> None:
    client = remote(SessionServiceStub, "127.0.0.1:1", retry_for=0.0)
    with pytest.raises(RpcError) as failure:
        await client.ListCalls(pb.ListCallsRequest())
    assert failure.value.code is StatusCode.UNAVAILABLE
    await client.close()


async def test_a_port_in_use_is_an_error_that_names_it(servicer) -> None:
    server = await serve([], "127.0.0.1", 0)
    with pytest.raises(OSError, match=f"127.0.0.1:{server.port}"):
        await serve([(add_SessionServiceServicer_to_server, servicer)], "127.0.0.1", server.port)
    await server.stop(0)
