"""Calls that another gateway has, or had, when telephony speaks of them to this one."""

from chassis import tracing
from chassis.bus import Bus
from chassis.facts import FactLog
from chassis.ids import Clock
from gateway import metrics
from gateway.desk import SessionDesk
from gateway.ports import channel_name, outcome_name
from gateway.posting import Poster
from opusagent.call.v1.call_pb2 import Channel, EndReason, TransferCall, TransferOutcome
from opusagent.events.v1.events_pb2 import CallEnded, TransferEnded
from opusagent.session.v1.session_pb2 import FindCallResponse, PendingTransfer


class Elsewhere:
    """By what session knows of them. Every method raises Refused when session does not answer."""

    def __init__(self, bus: Bus, desk: SessionDesk, facts: FactLog, clock: Clock) -> None:
        self._bus = bus
        self._desk = desk
        self._facts = facts
        self._clock = clock

    async def picked_up(self, channel: Channel, provider_call_id: str) -> TransferCall | None:
        """A human has picked up. Returns what to tell him; None when nobody waits for him."""
        found = await self._desk.find(channel, provider_call_id)
        if found is None or not found.live or not found.transfer.transfer.target:
            return None
        answered = PendingTransfer(transfer=found.transfer.transfer, answered=True)
        await self._desk.note_transfer(found.call.session_id, found.call.call_id, answered)
        return answered.transfer

    async def ended(
        self, channel: Channel, provider_call_id: str, reason: EndReason, detail: str, gateway_slot: int
    ) -> bool:
        """End a call, if it lives; returns whether there is, or was, one. It is taken over first, so that we count."""
        found = await self._desk.find(channel, provider_call_id)
        if found is None or not found.live:
            return found is not None
        attached = await self._desk.attach(channel, provider_call_id, gateway_slot)
        if found.transfer.answered and reason == EndReason.END_REASON_CALLER_HUNG_UP:
            reason = EndReason.END_REASON_TRANSFERRED
        trace = tracing.from_field(attached.traceparent)
        poster = Poster(self._bus, self._clock, attached.call, attached.route, trace=trace)
        with tracing.under(trace):
            if found.transfer.transfer.target:
                self._transfer_over(found, poster, reason, detail)
            self._record_end(found, reason, detail)
        poster.closed(reason)
        return True

    def _transfer_over(self, found: FindCallResponse, poster: Poster, reason: EndReason, detail: str) -> None:
        transferred = reason == EndReason.END_REASON_TRANSFERRED
        answered, unanswered = TransferOutcome.TRANSFER_OUTCOME_ANSWERED, TransferOutcome.TRANSFER_OUTCOME_NO_ANSWER
        outcome = answered if transferred else unanswered
        metrics.TRANSFERS.labels(channel_name(found.call.channel), outcome_name(outcome)).inc()
        poster.transferred(outcome, detail)
        ended = TransferEnded(outcome=outcome, detail=detail[:200])
        self._facts.record_soon(found.call.session_id, found.call.call_id, transfer_ended=ended)

    def _record_end(self, found: FindCallResponse, reason: EndReason, detail: str) -> None:
        info = found.call
        duration_ms = max(0, self._clock() - info.started_at_ms)
        ended = CallEnded(reason=reason, detail=detail[:200], duration_ms=duration_ms)
        self._facts.record_soon(info.session_id, info.call_id, f"{info.call_id}/ended", call_ended=ended)
        metrics.CALLS_ENDED.labels(EndReason.Name(reason).removeprefix("END_REASON_").lower()).inc()
