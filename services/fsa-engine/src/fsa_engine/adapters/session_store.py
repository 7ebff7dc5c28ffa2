"""The engine's use of the session service: load, save and tidy up, repeated while session cannot be reached."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from chassis.rpc import RpcError
from fsa_engine.metrics import SESSION_RETRIES
from opusagent.call.v1.call_pb2 import Channel
from opusagent.session.v1.session_pb2 import (
    AppendTurnsRequest,
    AppendTurnsResponse,
    FindCallRequest,
    FindCallResponse,
    ListCallsRequest,
    ListSessionsRequest,
    LoadTaskRequest,
    LoadTaskResponse,
    MarkDeliveredRequest,
    MarkDeliveredResponse,
    OpenCallRequest,
    OpenCallResponse,
    SaveTaskRequest,
    SaveTaskResponse,
    SessionView,
    Turn,
)

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

Request = TypeVar("Request")
Response = TypeVar("Response")

_log = get_logger(__name__)


class SessionStore:
    """What must survive this process. Requests are idempotent, so they are repeated for as long as it takes."""

    def __init__(self, session: "SessionServiceAsyncStub", retry_first: float, retry_longest: float, sleep: Sleep):
        self._session = session
        self._retry = (retry_first, retry_longest, sleep)

    async def load(self, session_id: str, *, with_memory: bool = False) -> LoadTaskResponse:
        """Return what was saved of a session, and what is remembered of its caller if that is wanted.

        Raises RpcError when session says that it cannot be had at all.
        """
        request = LoadTaskRequest(session_id=session_id, with_memory=with_memory)
        return await self._insist(self._session.LoadTask, request)

    async def save(self, request: SaveTaskRequest) -> SaveTaskResponse:
        """Save a step. Raises RpcError: ABORTED when the step was computed from an older version than the saved one."""
        return await self._insist(self._session.SaveTask, request)

    async def mark_delivered(self, session_id: str, output_ids: Sequence[str]) -> MarkDeliveredResponse:
        """Take outputs out of the outbox. Raises RpcError."""
        request = MarkDeliveredRequest(session_id=session_id, output_ids=output_ids)
        return await self._insist(self._session.MarkDelivered, request)

    async def sessions(self, limit: int) -> Sequence[SessionView]:
        """Return the newest sessions. Raises RpcError."""
        return (await self._insist(self._session.ListSessions, ListSessionsRequest(limit=limit))).sessions

    async def calls(self) -> Sequence[FindCallResponse]:
        """Return the live calls. Raises RpcError."""
        return (await self._insist(self._session.ListCalls, ListCallsRequest())).calls

    async def open_call(self, request: OpenCallRequest) -> OpenCallResponse:
        """Begin a call. Raises RpcError: RESOURCE_EXHAUSTED when there is no room for it."""
        return await self._insist(self._session.OpenCall, request)

    async def find_call(self, channel: Channel, provider_call_id: str) -> FindCallResponse:
        """Return a call by the provider's id of it. Raises RpcError: NOT_FOUND."""
        request = FindCallRequest(channel=channel, provider_call_id=provider_call_id)
        return await self._insist(self._session.FindCall, request)

    async def append_turns(self, session_id: str, turns: Sequence[Turn]) -> AppendTurnsResponse:
        """Add turns to the transcript, each once. Raises RpcError."""
        return await self._insist(self._session.AppendTurns, AppendTurnsRequest(session_id=session_id, turns=turns))

    async def _insist(self, method: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
        backoff = Backoff(*self._retry)
        waiting = False
        while True:
            try:
                return await method(request)
            except RpcError as error:
                if not error.retriable:
                    raise
                SESSION_RETRIES.inc()
                if not waiting:
                    _log.warning("session cannot be reached, the step waits", error=error.code.name)
                waiting = True
                await backoff.wait()
