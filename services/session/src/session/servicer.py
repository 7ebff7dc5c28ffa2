"""The gRPC service: translates, decides nothing. Failures are `RpcError`; `chassis.rpc` makes statuses of them."""

import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Any, TypeVar, cast

from chassis import unknown
from chassis.bus import CALL_EVENTS, Bus
from chassis.logging import bound
from chassis.rpc import RpcError, StatusCode
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1.session_pb2_grpc import SessionServiceServicer
from session import metrics
from session.calls import Calls
from session.continuity import Continuity
from session.domain.errors import Invalid, NoRoom, NotFound, Refused, Stale
from session.slots import Slots
from session.store import StoreError
from session.tasks import Tasks

_CODES: dict[type[Refused], StatusCode] = {
    NotFound: StatusCode.NOT_FOUND,
    Stale: StatusCode.ABORTED,
    NoRoom: StatusCode.RESOURCE_EXHAUSTED,
    Invalid: StatusCode.INVALID_ARGUMENT,
}

T = TypeVar("T")


class Servicer(SessionServiceServicer):
    """Answers every method of `opusagent.session.v1.SessionService`."""

    def __init__(self, bus: Bus, slots: Slots, calls: Calls, tasks: Tasks, continuity: Continuity) -> None:
        self._bus = bus
        self._slots = slots
        self._calls = calls
        self._tasks = tasks
        self._continuity = continuity

    async def LeaseSlot(self, request: api.LeaseSlotRequest, context: Any) -> api.LeaseSlotResponse:
        """Take or renew a slot."""
        return await _answer("LeaseSlot", self._slots.lease(request))

    async def ReleaseSlot(self, request: api.ReleaseSlotRequest, context: Any) -> api.ReleaseSlotResponse:
        """Free a slot."""
        await _answer("ReleaseSlot", self._slots.release(request))
        return api.ReleaseSlotResponse()

    async def OpenCall(self, request: api.OpenCallRequest, context: Any) -> api.OpenCallResponse:
        """Begin a call."""
        return await _answer("OpenCall", self._calls.open(request))

    async def AttachCall(self, request: api.AttachCallRequest, context: Any) -> api.AttachCallResponse:
        """Give a live call to a new socket."""
        return await _answer("AttachCall", self._calls.attach(request))

    async def FindCall(self, request: api.FindCallRequest, context: Any) -> api.FindCallResponse:
        """Find a call by the provider's id."""
        return await _answer("FindCall", self._calls.find(request))

    async def ListCalls(self, request: api.ListCallsRequest, context: Any) -> api.ListCallsResponse:
        """List live calls."""
        return await _answer("ListCalls", self._calls.list_live())

    async def NoteTransfer(self, request: api.NoteTransferRequest, context: Any) -> api.NoteTransferResponse:
        """Keep what is known of a transfer."""
        with bound(session_id=request.session_id, call_id=request.call_id):
            await _answer("NoteTransfer", self._calls.note_transfer(request))
        return api.NoteTransferResponse()

    async def LoadTask(self, request: api.LoadTaskRequest, context: Any) -> api.LoadTaskResponse:
        """Load a snapshot."""
        with bound(session_id=request.session_id):
            return await _answer("LoadTask", self._tasks.load(request))

    async def SaveTask(self, request: api.SaveTaskRequest, context: Any) -> api.SaveTaskResponse:
        """Save a step."""
        with bound(session_id=request.session_id, call_id=request.call_id):
            return await _answer("SaveTask", self._tasks.save(request))

    async def MarkDelivered(self, request: api.MarkDeliveredRequest, context: Any) -> api.MarkDeliveredResponse:
        """Take outputs out of the outbox."""
        with bound(session_id=request.session_id):
            await _answer("MarkDelivered", self._tasks.mark_delivered(request))
        return api.MarkDeliveredResponse()

    async def AppendTurns(self, request: api.AppendTurnsRequest, context: Any) -> api.AppendTurnsResponse:
        """Write turns of the transcript."""
        with bound(session_id=request.session_id):
            await _answer("AppendTurns", self._tasks.append_turns(request))
        return api.AppendTurnsResponse()

    async def GetSession(self, request: api.GetSessionRequest, context: Any) -> api.GetSessionResponse:
        """Show a session and its transcript."""
        return await _answer("GetSession", self._tasks.view(request))

    async def ListSessions(self, request: api.ListSessionsRequest, context: Any) -> api.ListSessionsResponse:
        """Show the newest sessions."""
        return await _answer("ListSessions", self._tasks.list_sessions(request))

    async def DeleteKey(self, request: api.DeleteKeyRequest, context: Any) -> api.DeleteKeyResponse:
        """Delete a session's key."""
        with bound(session_id=request.session_id):
            await _answer("DeleteKey", self._tasks.delete_key(request))
        return api.DeleteKeyResponse()

    async def ClaimCommand(self, request: api.ClaimCommandRequest, context: Any) -> api.ClaimCommandResponse:
        """Let a process have a command."""
        with bound(session_id=request.session_id):
            return await _answer("ClaimCommand", self._continuity.claim(request))

    async def WatchEvents(
        self, request: api.WatchEventsRequest, context: Any
    ) -> AsyncIterator[api.WatchEventsResponse]:
        """Stream facts as they are recorded."""
        records = cast("Any", self._bus.read(CALL_EVENTS, from_start=request.from_start, until_end=request.until_now))
        async with aclosing(records):
            async for record in records:
                event = unknown.parse(CallEvent, record.value, "session")
                if event is not None and request.session_id in ("", event.session_id):
                    yield api.WatchEventsResponse(event=event)


async def _answer(method: str, work: Awaitable[T]) -> T:
    """Await a request's outcome, count it and translate its failure."""
    began = time.perf_counter()
    code = StatusCode.OK
    try:
        return await work
    except Refused as refused:
        code = _CODES.get(type(refused), StatusCode.FAILED_PRECONDITION)
        raise RpcError(code, str(refused)) from refused
    except StoreError as error:
        code = StatusCode.UNAVAILABLE
        raise RpcError(code, str(error)) from error
    finally:
        metrics.REQUESTS.labels(method, code.name).inc()
        metrics.SECONDS.labels(method).observe(time.perf_counter() - began)
