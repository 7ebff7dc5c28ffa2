"""Which calls are here, and how a call comes to be here: asked of session, told to relay and engine."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.trace import Span

from chassis import tracing
from chassis.bus import Bus
from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import bound, get_logger
from gateway import metrics
from gateway.desk import Refused, SessionDesk
from gateway.domain.wire import from_message, to_message
from gateway.elsewhere import Elsewhere
from gateway.live_call import LiveCall
from gateway.ports import Leg, LegControl, NoLegControl, channel_name
from gateway.posting import Poster
from gateway.surroundings import Surroundings, Waits
from gateway.tasks import Tasks
from opusagent.call.v1.call_pb2 import Channel, Direction, EndReason, TransferCall
from opusagent.events.v1.events_pb2 import CallReattached, CallStarted
from opusagent.session.v1.session_pb2 import AttachCallResponse, OpenCallRequest, OpenCallResponse

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

REMEMBERED = 10_000
"""Legs that ended here, remembered so that a late webhook gets the right answer."""

CALL_SPAN = "call"
"""A call from the moment its leg is accepted until it leaves this gateway: the root of its trace."""

Opened = OpenCallResponse | AttachCallResponse

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A leg that wants to be a call."""

    channel: Channel
    provider_call_id: str
    caller: str
    callee: str
    direction: Direction = Direction.DIRECTION_INBOUND
    resume_session_id: str = ""


class Switchboard:
    """The register of live calls."""

    def __init__(
        self,
        bus: Bus,
        session: "SessionServiceAsyncStub",
        facts: FactLog,
        clock: Clock,
        *,
        waits: Waits,
        max_calls: int,
    ) -> None:
        self._bus = bus
        self._session = session
        self.desk = SessionDesk(session)
        self._elsewhere = Elsewhere(bus, self.desk, facts, clock)
        self._facts = facts
        self._clock = clock
        self._waits = waits
        self._max_calls = max_calls
        self._calls: dict[str, LiveCall] = {}
        self._by_leg: dict[tuple[Channel, str], LiveCall] = {}
        self._over: OrderedDict[tuple[Channel, str], bool] = OrderedDict()
        self._tasks = Tasks()
        self._empty = asyncio.Event()
        self._empty.set()
        self._controls: dict[Channel, LegControl] = {}
        self.slot = 0
        self.draining = False
        self.on_gone: Callable[[str], None] = lambda call_id: None

    def control(self, channel: Channel, control: LegControl) -> None:
        """Give the REST side of a kind of telephony."""
        self._controls[channel] = control

    def get(self, call_id: str) -> LiveCall | None:
        """Return a live call."""
        return self._calls.get(call_id)

    def of_leg(self, channel: Channel, provider_call_id: str) -> LiveCall | None:
        """Return the live call of a leg."""
        return self._by_leg.get((channel, provider_call_id))

    def is_over(self, channel: Channel, provider_call_id: str) -> bool:
        """Whether the leg's call ended here, not long ago."""
        return (channel, provider_call_id) in self._over

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[LiveCall]:
        return iter(list(self._calls.values()))

    def refuse_if_unwilling(self) -> None:
        """Raise Refused when no new call is wanted ("draining", "full")."""
        if self.draining:
            raise Refused("draining", "the service is going down, try again")
        if len(self._calls) >= self._max_calls:
            raise Refused("full", "no room for another call")

    # ---- arrivals

    async def open(self, arrival: Arrival, leg: Leg) -> LiveCall:
        """Begin the call of a leg, or go on with it where session knows it already.

        Raises:
            Refused: it is not taken.
        """
        known = self.of_leg(arrival.channel, arrival.provider_call_id)
        if known is None:
            self.refuse_if_unwilling()
        request = OpenCallRequest(
            channel=arrival.channel,
            direction=arrival.direction,
            provider_call_id=arrival.provider_call_id,
            caller=arrival.caller,
            callee=arrival.callee,
            format=to_message(leg.format),
            gateway_slot=self.slot,
            now_ms=self._clock(),
            resume_session_id=arrival.resume_session_id,
        )
        span = tracing.begin(CALL_SPAN, known.trace if known is not None else None)
        try:
            with tracing.under(tracing.context_in(span)):
                opened = await self.desk.open(request)
        except BaseException as error:
            tracing.fail(span, error)
            span.end()
            raise
        tracing.link(span, tracing.from_field(opened.traceparent))
        if opened.reattached:
            span.update_name("call reattached")
            span.end()
            leg.format = from_message(opened.call.format)
            return self._take_over(arrival.provider_call_id, opened, leg)
        call = self._enter(arrival.provider_call_id, opened, leg, 0, span=span)
        self._record_start(arrival, opened, span)
        return call

    def _record_start(self, arrival: Arrival, opened: OpenCallResponse, span: Span) -> None:
        info = opened.call
        started = CallStarted(call=info, provider_call_id=arrival.provider_call_id)
        with tracing.under(tracing.context_in(span)):
            self._facts.record_soon(info.session_id, info.call_id, f"{info.call_id}/started", call_started=started)
        metrics.CALLS_STARTED.labels(channel_name(arrival.channel)).inc()

    async def resume(self, channel: Channel, provider_call_id: str) -> AttachCallResponse:
        """Take a live call over for a leg that has come back; follow with `attach`.

        Raises:
            Refused: session knows no such live call, or does not answer.
        """
        return await self.desk.attach(channel, provider_call_id, self.slot)

    def attach(self, provider_call_id: str, attached: AttachCallResponse, leg: Leg) -> LiveCall:
        """Put a call that was taken over on its new socket."""
        return self._take_over(provider_call_id, attached, leg)

    def _take_over(self, provider_call_id: str, opened: Opened, leg: Leg) -> LiveCall:
        info = opened.call
        call = self._calls.get(info.call_id)
        if call is not None:
            call.attach(leg, opened.route, private=opened.caller_private)
            return call
        elapsed_ms = max(0, self._clock() - info.started_at_ms)
        span = tracing.begin(CALL_SPAN, tracing.from_field(opened.traceparent))
        call = self._enter(provider_call_id, opened, leg, elapsed_ms, span=span, reattached=True)
        fact = CallReattached(gateway_generation=opened.route.gateway_generation)
        with tracing.under(tracing.context_in(span)):
            self._facts.record_soon(info.session_id, info.call_id, call_reattached=fact)
        metrics.REATTACHED.labels(channel_name(info.channel)).inc()
        if opened.transfer.transfer.target:
            call.transfers.back(leg, opened.transfer.transfer)
        return call

    def _enter(
        self, provider_call_id: str, opened: Opened, leg: Leg, media_ms: int, *, span: Span, reattached: bool = False
    ) -> LiveCall:
        info = opened.call
        span.set_attributes({"call_id": info.call_id, "session_id": info.session_id})
        trace = tracing.context_in(span)
        poster = Poster(self._bus, self._clock, info, opened.route, opened.session_key, trace=trace)
        control = self._controls.get(info.channel) or NoLegControl()
        around = Surroundings(self._session, self._facts, self._clock, control, self._waits, self._tasks, self._gone)
        call = LiveCall(around, poster, leg, provider_call_id, media_ms, private=opened.caller_private, span=span)
        self._calls[info.call_id] = call
        self._by_leg[info.channel, provider_call_id] = call
        self._empty.clear()
        metrics.CALLS.labels(channel_name(info.channel)).inc()
        with bound(call_id=info.call_id, session_id=info.session_id), tracing.under(trace):
            _log.info("call attached" if reattached else "call started", channel=channel_name(info.channel))
        poster.opened(reattached, media_ms)
        return call

    def _gone(self, call: LiveCall) -> None:
        key = (call.info.channel, call.provider_call_id)
        if self._calls.pop(call.info.call_id, None) is None:
            return
        self._by_leg.pop(key, None)
        self.on_gone(call.info.call_id)
        metrics.CALLS.labels(channel_name(call.info.channel)).dec()
        self._over[key] = True
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        if not self._calls:
            self._empty.set()

    # ---- ends

    async def leg_ended(self, channel: Channel, provider_call_id: str, failed: bool, detail: str) -> bool:
        """Telephony says, to any replica, that a leg has ended. Returns whether there was a call to it.

        Raises:
            Refused: session does not answer; telephony should say it again.
        """
        call = self.of_leg(channel, provider_call_id)
        if call is not None:
            call.leg_ended(detail, failed)
            return True
        if self.is_over(channel, provider_call_id):
            return True
        reason = EndReason.END_REASON_PROVIDER_ERROR if failed else EndReason.END_REASON_CALLER_HUNG_UP
        return await self._elsewhere.ended(channel, provider_call_id, reason, detail, self.slot)

    # ---- transfers

    async def transferred(self, channel: Channel, provider_call_id: str, detail: str) -> None:
        """Telephony says, to any replica, that a human has taken a call, and that it is over with that.

        Raises:
            Refused: session does not answer.
        """
        call = self.of_leg(channel, provider_call_id)
        if call is not None:
            call.transfers.done(detail)
        elif not self.is_over(channel, provider_call_id):
            reason = EndReason.END_REASON_TRANSFERRED
            await self._elsewhere.ended(channel, provider_call_id, reason, detail, self.slot)

    async def picked_up(self, channel: Channel, provider_call_id: str) -> TransferCall | None:
        """A human has picked up for a call, any replica's. Returns what to tell him; None when nobody waits for him.

        Raises:
            Refused: session does not answer.
        """
        call = self.of_leg(channel, provider_call_id)
        if call is None:
            return await self._elsewhere.picked_up(channel, provider_call_id)
        transfer = call.transfers.under_way
        call.transfers.picked_up()
        return transfer.wanted if transfer is not None else None

    # ---- going down

    async def wait_empty(self) -> None:
        """Return when no call is left."""
        await self._empty.wait()

    async def let_go(self) -> None:
        """Close every socket so that telephony brings the legs elsewhere."""
        for call in list(self._calls.values()):
            call.let_go()
        await self._tasks.stop()
