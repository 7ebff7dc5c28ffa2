"""What a live call needs of the gateway around it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.rpc import RpcError, StatusCode
from gateway.domain.call import Wait
from gateway.ports import LegControl
from gateway.tasks import Tasks
from opusagent.call.v1.call_pb2 import CallInfo, Route
from opusagent.session.v1.session_pb2 import FindCallRequest, NoteTransferRequest, PendingTransfer

if TYPE_CHECKING:
    from gateway.live_call import LiveCall
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

NOTE_SECONDS = 2.0
"""How long a caller who is put through waits for session."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long, in seconds, each wait of `domain.call` lasts."""

    status: float
    grace: float
    leave: float
    transfer: float
    """How long after the ringing telephony may take to say what became of a transfer."""
    ring: int
    """How long a human's telephone rings where nobody says so."""

    def seconds(self, wait: Wait) -> float:
        """Return the length of one wait."""
        return {
            Wait.STATUS: self.status,
            Wait.GRACE: self.grace,
            Wait.LEAVE: self.leave,
            Wait.TRANSFER: self.transfer,
        }[wait]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a call needs of the gateway around it. `gone` is called once, when the call has left this gateway."""

    session: "SessionServiceAsyncStub"
    facts: FactLog
    clock: Clock
    leg_control: LegControl
    waits: Waits
    tasks: Tasks
    gone: Callable[["LiveCall"], None]

    async def still_ours(self, info: CallInfo, provider_call_id: str, route: Route) -> bool | None:
        """Whether a call that we had is still ours by session's word; None while session cannot tell."""
        request = FindCallRequest(channel=info.channel, provider_call_id=provider_call_id)
        try:
            found = await self.session.FindCall(request)
        except RpcError as error:
            if error.code is StatusCode.NOT_FOUND:
                return True
            _log.warning("session cannot say who has the call, waiting on", error=str(error), call_id=info.call_id)
            return None
        return found.route.gateway_generation <= route.gateway_generation

    async def note_transfer(self, info: CallInfo, transfer: PendingTransfer) -> None:
        """Tell session of a call's transfer; without session the call is transferred all the same."""
        request = NoteTransferRequest(session_id=info.session_id, call_id=info.call_id, transfer=transfer)
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                await self.session.NoteTransfer(request)
        except (RpcError, TimeoutError) as error:
            _log.warning("a transfer could not be noted", error=str(error), call_id=info.call_id)

    async def transfer_answered(self, info: CallInfo, provider_call_id: str) -> bool | None:
        """Whether a human has picked up, as told to any gateway; None while session cannot tell."""
        try:
            async with asyncio.timeout(NOTE_SECONDS):
                found = await self.session.FindCall(
                    FindCallRequest(channel=info.channel, provider_call_id=provider_call_id)
                )
        except (RpcError, TimeoutError):
            return None
        return found.transfer.answered
