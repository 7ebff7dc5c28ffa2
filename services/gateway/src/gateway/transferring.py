"""One transfer of a call to a human: asked for by the relay, made by telephony, told to relay, engine and log."""

from collections.abc import Callable
from typing import Protocol

from chassis import tracing
from gateway import metrics
from gateway.domain.call import LegEvent, Phase
from gateway.domain.transfer import is_target, one_line, ring_seconds
from gateway.ports import Leg, channel_name, outcome_name
from gateway.posting import Poster
from gateway.surroundings import Surroundings
from opusagent.call.v1.call_pb2 import EndReason, TransferCall, TransferOutcome
from opusagent.events.v1.events_pb2 import TransferEnded, TransferStarted
from opusagent.session.v1.session_pb2 import PendingTransfer

_ANSWERED = TransferOutcome.TRANSFER_OUTCOME_ANSWERED
_NO_ANSWER = TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER
_FAILED = TransferOutcome.TRANSFER_OUTCOME_FAILED


class Transfer:
    """Of one call. `answered`: the human has picked up; `outcome`: as far as it is known before the caller is back."""

    def __init__(self, around: Surroundings, poster: Poster, wanted: TransferCall, provider_call_id: str) -> None:
        self._around = around
        self._poster = poster
        self._provider_call_id = provider_call_id
        self.wanted = TransferCall(
            target=wanted.target,
            summary=one_line(wanted.summary),
            timeout_s=ring_seconds(wanted.timeout_s or around.waits.ring),
        )
        self.answered = False
        # Telephony has been told whom to ring, and must not be told twice.
        self.dialled = False
        self.outcome = TransferOutcome.TRANSFER_OUTCOME_UNSPECIFIED
        self.detail = ""

    @property
    def possible(self) -> bool:
        """Whether telephony can be asked for it."""
        return is_target(self.wanted.target)

    async def announce(self) -> None:
        """Tell that a human is about to be rung."""
        self._record(transfer_started=TransferStarted(target=self.wanted.target))
        await self._note(PendingTransfer(transfer=self.wanted))

    async def make(self, leg: Leg) -> None:
        """Have him rung: on the socket, by REST, or by what telephony asks us when the socket is closed."""
        self.dialled = True
        if leg.transfer(self.wanted):
            return
        control, callee = self._around.leg_control, self._poster.call.callee
        self.dialled = await control.transfer(self._provider_call_id, self.wanted, callee)
        if not self.dialled:
            leg.close(1000, "put through")

    async def picked_up(self) -> None:
        """The human has picked up."""
        self.answered = True
        await self._note(PendingTransfer(transfer=self.wanted, answered=True))

    async def has_been_answered(self) -> bool:
        """Whether a human has picked up, as told to any gateway; unless session can tell, the answer is yes.

        So a caller who spoke to a human is not taken for one who was dropped.
        """
        if self.answered:
            return True
        answered = await self._around.transfer_answered(self._poster.call, self._provider_call_id)
        return answered is not False

    def over(self, outcome: TransferOutcome, detail: str) -> None:
        """Tell what became of it."""
        metrics.TRANSFERS.labels(channel_name(self._poster.call.channel), outcome_name(outcome)).inc()
        self._poster.transferred(outcome, detail)
        self._record(transfer_ended=TransferEnded(outcome=outcome, detail=detail[:200]))

    async def forget(self) -> None:
        """The caller never left: there is nothing to remember."""
        await self._note(PendingTransfer())

    async def _note(self, transfer: PendingTransfer) -> None:
        await self._around.note_transfer(self._poster.call, transfer)

    def _record(self, **fact: TransferStarted | TransferEnded) -> None:
        call = self._poster.call
        with tracing.under(self._poster.trace):
            self._around.facts.record_soon(call.session_id, call.call_id, None, **fact)


class OnCall(Protocol):
    """The call, as far as a transfer needs it."""

    @property
    def phase(self) -> Phase:
        """Where it stands."""

    @property
    def leg(self) -> Leg | None:
        """Its socket."""

    def step(self, event: LegEvent, detail: str) -> None:
        """Take an event of its table."""

    def when_played(self, then: Callable[[], None]) -> bool:
        """Call once everything was played; False without a socket."""


class Transfers:
    """Of one call, one at a time. `away`: the caller is with a human or on his way to one, and not ours to hear."""

    def __init__(self, call: OnCall, around: Surroundings, poster: Poster, provider_call_id: str) -> None:
        self._call = call
        self._around = around
        self._poster = poster
        self._provider_call_id = provider_call_id
        self._transfer: Transfer | None = None
        self.away = False

    @property
    def under_way(self) -> Transfer | None:
        """The transfer that telephony has been, or is about to be, asked for."""
        return self._transfer if self._call.phase is Phase.TRANSFERRING else None

    @property
    def ring_seconds(self) -> int:
        """How long it rings."""
        return self._transfer.wanted.timeout_s if self._transfer is not None else 0

    def ask(self, wanted: TransferCall) -> None:
        """Have a human take the call once everything sent before has been played."""
        if self._transfer is not None or self._call.phase is Phase.ENDED:
            return
        transfer = Transfer(self._around, self._poster, wanted, self._provider_call_id)
        if not transfer.possible:
            transfer.over(_FAILED, "no tel: or sip: URI")
            return
        self._transfer = transfer
        if not self._call.when_played(self._begin):
            self._over(_FAILED, "no socket")

    def _begin(self) -> None:
        transfer, leg = self._transfer, self._call.leg
        if transfer is None or leg is None or self._call.phase is not Phase.LIVE:
            return
        self.away = True
        self._call.step(LegEvent.TRANSFER_BEGUN, "a human is called")
        self._around.tasks.spawn(self._make(transfer, leg), "transfer")

    async def _make(self, transfer: Transfer, leg: Leg) -> None:
        await transfer.announce()
        if self.under_way is transfer:
            await transfer.make(leg)

    def picked_up(self) -> None:
        """The human has picked up, and is about to be connected."""
        if self._transfer is not None:
            self._around.tasks.spawn(self._transfer.picked_up(), "note transfer")

    def done(self, detail: str) -> None:
        """The human has the call, or had it: the agent's part in it is over."""
        self._call.step(LegEvent.TRANSFERRED, detail)

    def failed(self, outcome: TransferOutcome, detail: str) -> None:
        """He has not, and the caller is here, or on his way back to a new socket."""
        transfer = self.under_way
        if transfer is None:
            return
        transfer.outcome, transfer.detail = outcome, detail
        self._call.step(LegEvent.TRANSFER_FAILED, detail)
        if self._call.leg is None:
            self._call.step(LegEvent.SOCKET_LOST, detail)
            return
        self._around.tasks.spawn(transfer.forget(), "forget transfer")
        self._over(outcome, detail)

    def lost(self) -> None:
        """Telephony should have told by now what became of it, and the caller is still on his socket."""
        self.failed(_FAILED, "nothing was heard of it")

    def leg_ended(self, detail: str) -> None:
        """The leg is over: after a talk with the human, or because the caller did not wait for him."""
        self._around.tasks.spawn(self._find_out(detail), "end in transfer")

    async def _find_out(self, detail: str) -> None:
        transfer = self._transfer
        answered = transfer is None or await transfer.has_been_answered()
        self._call.step(LegEvent.TRANSFERRED if answered else LegEvent.LEG_ENDED, detail)

    def back(self, leg: Leg, wanted: TransferCall | None = None) -> None:
        """The caller is on a new socket: tell what became of his transfer; `wanted`: one that another gateway made."""
        if wanted is not None:
            self._transfer = Transfer(self._around, self._poster, wanted, self._provider_call_id)
        transfer = self._transfer
        if transfer is not None:
            outcome = leg.transfer_outcome or transfer.outcome or _FAILED
            self._over(outcome, transfer.detail or "the caller is back")

    def call_ended(self, reason: EndReason, detail: str) -> None:
        """The call is over, and a transfer that was under way with it."""
        if self._transfer is not None:
            transferred = reason == EndReason.END_REASON_TRANSFERRED
            self._over(_ANSWERED if transferred else self._transfer.outcome or _NO_ANSWER, detail)

    def _over(self, outcome: TransferOutcome, detail: str) -> None:
        transfer, self._transfer = self._transfer, None
        self.away = False
        if transfer is not None:
            transfer.over(outcome, detail)
