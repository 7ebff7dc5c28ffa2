"""A leg at Twilio: rings, runs its script, and ends once, with `stop` on the stream and a `completed` callback."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime

from typing_extensions import override

from chassis.logging import get_logger
from simulator.legs import VALID_DIGITS, CallFailedError, EndedBy, Leg, LegEnd
from simulator.line import COMFORT_NOISE_DBFS
from simulator.twilio.records import CallRecord, utc_now
from simulator.twilio.script import Ending, Platform, Script, Source
from simulator.twilio.webhooks import WebhookError

log = get_logger("simulator.twilio")

_DIGIT_S = 0.1


class TwilioLeg(Leg):
    """An inbound call when `dial` starts it, an outbound one when it rings a handset, which answers or rejects it."""

    def __init__(
        self,
        call: CallRecord,
        platform: Platform,
        source: Source,
        *,
        status_callback: str = "",
        status_events: frozenset[str] = frozenset({"completed"}),
        noise_dbfs: float | None = COMFORT_NOISE_DBFS,
    ) -> None:
        """`source`: the first document; `status_callback`: where `status_events` of the call go."""
        super().__init__(platform.clock, noise_dbfs)
        self.call = call
        self._platform = platform
        self._source = source
        self._status_callback = status_callback
        self._status_events = status_events
        self._sequence = 0
        self._answered_at: float | None = None
        self.answered = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.script = Script(call, platform, self.line, self.warn, self._on_answered)

    @property
    @override
    def provider_call_id(self) -> str:
        return self.call.sid

    @property
    @override
    def silent_because(self) -> str:
        return "" if self.script.streams else self.script.stream_error

    @override
    async def dial(self) -> None:
        self.call.status = "ringing"
        self._run(self._source)
        await self.script.connected.wait()
        if self._answered_at is None:
            raise CallFailedError((await self.ended).detail)

    async def ring(self) -> None:
        """An outbound call reaches the handset."""
        await self.report("initiated")
        self.call.status = "ringing"
        await self.report("ringing")

    async def answer(self) -> None:
        """The handset picks up: the application's document runs."""
        self._on_answered()
        await self.report("answered")
        self._run(self._source)

    async def fail(self, status: str) -> None:
        """An outbound call that was not answered: busy, no-answer, failed or canceled."""
        await self._finish(LegEnd(EndedBy.CALLER, status, self.clock.now()), status)

    @override
    async def press(self, digits: str) -> None:
        if set(digits.upper()) - VALID_DIGITS:
            raise ValueError(f"keys are 0-9 * # A-D, not {digits!r}")
        for digit in digits.upper():
            if self.script.socket is not None:
                self.script.socket.press(digit)
            await self.clock.sleep(_DIGIT_S)

    @override
    async def hang_up(self) -> None:
        await self._finish(LegEnd(EndedBy.CALLER, "hung up", self.clock.now()))

    @override
    async def platform_drop(self) -> None:
        await self._finish(LegEnd(EndedBy.PLATFORM, "dropped by the network", self.clock.now()))

    @override
    async def lose_socket(self) -> None:
        if self.script.socket is not None:
            self.script.socket.reset()

    async def complete(self) -> None:
        """The application ends the call over REST."""
        await self._finish(LegEnd(EndedBy.AGENT, "completed over REST", self.clock.now()))

    async def update(self, source: Source) -> None:
        """The application replaces the running document over REST: the stream is stopped, then the new one runs."""
        await self.script.stop_stream()
        await self._cancel_script()
        self._run(source)

    async def report(self, event: str) -> None:
        """Send a status callback, if this event was asked for."""
        if not self._status_callback or event not in self._status_events:
            return
        fields = self.call.fields() | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            "Timestamp": format_datetime(datetime.now(UTC)),
        }
        if self.call.over:
            seconds = self.call.duration_s or 0
            fields |= {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60))}
        self._sequence += 1
        try:
            await self._platform.webhooks.request(self._status_callback, fields)
        except WebhookError as error:
            self.warn(error.code, str(error))

    def _on_answered(self) -> None:
        if self._answered_at is not None:
            return
        self.call.status = "in-progress"
        self.call.started = utc_now()
        self._answered_at = self.clock.now()
        self.answered.set()
        self._start_line()

    def _run(self, source: Source) -> None:
        self._running = asyncio.create_task(self._run_script(source), name=f"script:{self.call.sid}")

    async def _run_script(self, source: Source) -> None:
        try:
            ending = await self.script.run(source)
        except Exception as error:
            log.exception("the script broke", provider_call_id=self.call.sid)
            ending = Ending(f"the simulator broke: {error}", fault=True)
        await self._script_ended(ending)

    async def _script_ended(self, ending: Ending) -> None:
        by = EndedBy.PLATFORM if ending.fault else EndedBy.AGENT
        await self._finish(LegEnd(by, ending.detail, self.clock.now()))

    async def _cancel_script(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    async def _finish(self, end: LegEnd, status: str = "") -> None:
        """End once; whoever comes second waits for the first."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(end, status), name=f"end:{self.call.sid}")
        await asyncio.shield(self._ending)

    async def _end(self, end: LegEnd, status: str) -> None:
        rejected = "busy" if "<Reject>" in end.detail else "no-answer"
        self.call.status = status or ("completed" if self._answered_at is not None else rejected)
        self.call.ended = utc_now()
        if self._answered_at is not None:
            self.call.duration_s = round(self.clock.now() - self._answered_at)
        self._end_line()
        self.script.connected.set()
        await self.script.stop_stream()
        await self._cancel_script()
        await self.report("completed")
        await self._settle(end)
