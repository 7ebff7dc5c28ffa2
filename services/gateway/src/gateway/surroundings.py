"""What a live call needs of the gateway around it."""

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
from opusagent.session.v1.session_pb2 import FindCallRequest

if TYPE_CHECKING:
    from gateway.live_call import LiveCall
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long, in seconds, each wait of `domain.call` lasts."""

    status: float
    grace: float
    leave: float

    def seconds(self, wait: Wait) -> float:
        """Return the length of one wait."""
        return {Wait.STATUS: self.status, Wait.GRACE: self.grace, Wait.LEAVE: self.leave}[wait]


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
