"""The state of one call as seen from its leg: pure, a table.

A *leg* is the caller's line at the telephony; a *socket* carries its media to us. A socket may die while the leg lives,
and come back. The call ends when the leg does, and only then. Where telephony does not say so, a timer asks around
(`WAITED` is fed in only after session and, where there is one, the telephony's REST have said that nobody else has it).

    LIVE     the socket carries media
    STOPPED  telephony ended the stream: the leg ended, or was redirected and comes back
    LOST     the socket died without a word
    TRANSFERRING  telephony rings a human, or has connected him: there may be no socket, and the leg lives
    LEAVING  we have hung up and wait for telephony to agree
    ENDED    the leg has ended
"""

from enum import StrEnum
from typing import NamedTuple

from opusagent.call.v1.call_pb2 import EndReason


class Phase(StrEnum):
    """Where a call stands."""

    LIVE = "live"
    STOPPED = "stopped"
    LOST = "lost"
    TRANSFERRING = "transferring"
    LEAVING = "leaving"
    ENDED = "ended"


class LegEvent(StrEnum):
    """What can happen to a call's leg."""

    ATTACHED = "attached"
    STREAM_STOPPED = "stream_stopped"
    SOCKET_LOST = "socket_lost"
    LEG_ENDED = "leg_ended"
    LEG_FAILED = "leg_failed"
    HUNG_UP = "hung_up"
    # Telephony is about to be asked to ring a human.
    TRANSFER_BEGUN = "transfer_begun"
    # The human has the call.
    TRANSFERRED = "transferred"
    # He has not, and the caller is back, or comes back, to the agent.
    TRANSFER_FAILED = "transfer_failed"
    WAITED = "waited"


class Wait(StrEnum):
    """Which timer runs in a phase."""

    NONE = "none"
    STATUS = "status"
    GRACE = "grace"
    TRANSFER = "transfer"
    LEAVE = "leave"


class Step(NamedTuple):
    """What an event leads to. `end` is set where the call ends; AGENT_HUNG_UP stands for whatever we hung up for."""

    phase: Phase
    wait: Wait = Wait.NONE
    end: EndReason = EndReason.END_REASON_UNSPECIFIED


_CALLER = EndReason.END_REASON_CALLER_HUNG_UP
_AGENT = EndReason.END_REASON_AGENT_HUNG_UP
_TRANSFERRED = EndReason.END_REASON_TRANSFERRED
_FAILED = EndReason.END_REASON_PROVIDER_ERROR
_LOST = EndReason.END_REASON_LEG_LOST
_LIVE = Step(Phase.LIVE)
_STOPPED = Step(Phase.STOPPED, Wait.STATUS)
_SOCKETLESS = Step(Phase.LOST, Wait.GRACE)
_TRANSFERRING = Step(Phase.TRANSFERRING, Wait.TRANSFER)
_LEAVING = Step(Phase.LEAVING, Wait.LEAVE)
_ENDED = Step(Phase.ENDED)


def _end(reason: EndReason) -> Step:
    return Step(Phase.ENDED, end=reason)


STEPS: dict[Phase, dict[LegEvent, Step]] = {
    Phase.LIVE: {
        LegEvent.ATTACHED: _LIVE,
        LegEvent.STREAM_STOPPED: _STOPPED,
        LegEvent.SOCKET_LOST: _SOCKETLESS,
        LegEvent.LEG_ENDED: _end(_CALLER),
        LegEvent.LEG_FAILED: _end(_FAILED),
        LegEvent.HUNG_UP: _LEAVING,
        LegEvent.TRANSFER_BEGUN: _TRANSFERRING,
        LegEvent.TRANSFERRED: _end(_TRANSFERRED),
        LegEvent.TRANSFER_FAILED: _LIVE,
        LegEvent.WAITED: _LIVE,
    },
    Phase.STOPPED: {
        LegEvent.ATTACHED: _LIVE,
        LegEvent.STREAM_STOPPED: _STOPPED,
        LegEvent.SOCKET_LOST: _STOPPED,
        LegEvent.LEG_ENDED: _end(_CALLER),
        LegEvent.LEG_FAILED: _end(_FAILED),
        LegEvent.HUNG_UP: _STOPPED,
        LegEvent.TRANSFER_BEGUN: _STOPPED,
        LegEvent.TRANSFERRED: _end(_TRANSFERRED),
        LegEvent.TRANSFER_FAILED: _STOPPED,
        LegEvent.WAITED: _end(_CALLER),
    },
    Phase.LOST: {
        LegEvent.ATTACHED: _LIVE,
        LegEvent.STREAM_STOPPED: _SOCKETLESS,
        LegEvent.SOCKET_LOST: _SOCKETLESS,
        LegEvent.LEG_ENDED: _end(_CALLER),
        LegEvent.LEG_FAILED: _end(_FAILED),
        LegEvent.HUNG_UP: _end(_AGENT),
        LegEvent.TRANSFER_BEGUN: _SOCKETLESS,
        LegEvent.TRANSFERRED: _end(_TRANSFERRED),
        LegEvent.TRANSFER_FAILED: _SOCKETLESS,
        LegEvent.WAITED: _end(_LOST),
    },
    Phase.TRANSFERRING: {
        LegEvent.ATTACHED: _LIVE,
        LegEvent.STREAM_STOPPED: _TRANSFERRING,
        LegEvent.SOCKET_LOST: _TRANSFERRING,
        # The caller gave up while it rang; once the human has the call the event is TRANSFERRED.
        LegEvent.LEG_ENDED: _end(_CALLER),
        LegEvent.LEG_FAILED: _end(_FAILED),
        LegEvent.HUNG_UP: _LEAVING,
        LegEvent.TRANSFER_BEGUN: _TRANSFERRING,
        LegEvent.TRANSFERRED: _end(_TRANSFERRED),
        LegEvent.TRANSFER_FAILED: _LIVE,
        # Ringing is over, and nobody brought the caller back.
        LegEvent.WAITED: _end(_TRANSFERRED),
    },
    Phase.LEAVING: {
        LegEvent.ATTACHED: _LEAVING,
        LegEvent.STREAM_STOPPED: _end(_AGENT),
        LegEvent.SOCKET_LOST: _end(_AGENT),
        LegEvent.LEG_ENDED: _end(_AGENT),
        LegEvent.LEG_FAILED: _end(_AGENT),
        LegEvent.HUNG_UP: _LEAVING,
        LegEvent.TRANSFER_BEGUN: _LEAVING,
        LegEvent.TRANSFERRED: _end(_TRANSFERRED),
        LegEvent.TRANSFER_FAILED: _LEAVING,
        LegEvent.WAITED: _end(_AGENT),
    },
    Phase.ENDED: dict.fromkeys(LegEvent, _ENDED),
}


class CallState:
    """One call's walk through the table."""

    def __init__(self) -> None:
        self.phase = Phase.LIVE
        self.end = EndReason.END_REASON_UNSPECIFIED
        self.hung_up_for = _AGENT

    def hang_up_for(self, reason: EndReason) -> None:
        """Remember what we hang up for (AGENT_HUNG_UP, TRANSFERRED); unspecified means the first."""
        if reason:
            self.hung_up_for = reason

    def step(self, event: LegEvent) -> Step:
        """Take one event. The returned `end` is set once, in the step that ends the call."""
        step = STEPS[self.phase][event]
        if step.end == _AGENT:
            step = step._replace(end=self.hung_up_for)
        self.phase = step.phase
        if step.end:
            self.end = step.end
        return step
