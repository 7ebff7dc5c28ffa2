"""What the gateway asks of session about calls, waiting for it as long as a caller may wait."""

import asyncio
from typing import TYPE_CHECKING, Any

from chassis.logging import get_logger
from chassis.retry import Backoff
from chassis.rpc import RpcError, StatusCode
from opusagent.call.v1.call_pb2 import Channel
from opusagent.session.v1.session_pb2 import (
    AttachCallRequest,
    AttachCallResponse,
    FindCallRequest,
    FindCallResponse,
    NoteTransferRequest,
    OpenCallRequest,
    OpenCallResponse,
    PendingTransfer,
)

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

OPEN_SECONDS = 8.0
"""How long a caller waits for session before he is told that we cannot take the call."""

_log = get_logger(__name__)


class Refused(Exception):
    """A call is not taken. `reason`: draining, full, no_capacity, unavailable, not_found, invalid."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class SessionDesk:
    """Session, with patience. Every method raises Refused: "unavailable" when session does not answer in time."""

    def __init__(self, session: "SessionServiceAsyncStub") -> None:
        self._session = session

    async def open(self, request: OpenCallRequest) -> OpenCallResponse:
        """Begin a call, or take over the one that it is already."""
        answer: OpenCallResponse = await self._ask("OpenCall", request)
        return answer

    async def attach(self, channel: Channel, provider_call_id: str, gateway_slot: int) -> AttachCallResponse:
        """Take a live call over; Refused "not_found" when session knows no such one."""
        request = AttachCallRequest(channel=channel, provider_call_id=provider_call_id, gateway_slot=gateway_slot)
        answer: AttachCallResponse = await self._ask("AttachCall", request)
        return answer

    async def find(self, channel: Channel, provider_call_id: str) -> FindCallResponse | None:
        """Return a leg's call; None when session knows none."""
        try:
            found: FindCallResponse = await self._ask(
                "FindCall", FindCallRequest(channel=channel, provider_call_id=provider_call_id)
            )
        except Refused as refusal:
            if refusal.reason == "not_found":
                return None
            raise
        return found

    async def note_transfer(self, session_id: str, call_id: str, transfer: PendingTransfer) -> None:
        """Keep what is known of a live call's transfer; Refused "not_found" when it is not live."""
        await self._ask("NoteTransfer", NoteTransferRequest(session_id=session_id, call_id=call_id, transfer=transfer))

    async def _ask(self, method: str, request: object) -> Any:
        backoff = Backoff(longest=1.0)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                while True:
                    try:
                        return await getattr(self._session, method)(request)
                    except RpcError as error:
                        if not error.retriable:
                            raise Refused(_REFUSALS.get(error.code, "invalid"), error.message) from None
                        _log.warning("session does not answer yet", method=method, error=str(error))
                        await backoff.wait()
        except TimeoutError:
            raise Refused("unavailable", "the service cannot take calls at the moment") from None


_REFUSALS = {
    StatusCode.RESOURCE_EXHAUSTED: "no_capacity",
    StatusCode.NOT_FOUND: "not_found",
    StatusCode.INVALID_ARGUMENT: "invalid",
}
