"""One call while it is here: its leg, its playout, its place in the table of `domain.call`.

It owns the call's timers and tasks. What it decides by is pure (`CallState`); what it needs of the rest of the gateway
comes in as `Surroundings`.
"""

import asyncio
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span

from chassis import tracing
from chassis.logging import get_logger
from gateway import metrics
from gateway.domain.call import CallState, LegEvent, Phase, Step, Wait
from gateway.domain.privacy import Veil
from gateway.domain.recent import RecentAudio
from gateway.playing import Player
from gateway.ports import Leg, LegStatus, channel_name
from gateway.posting import Poster
from gateway.surroundings import Surroundings
from gateway.transferring import Transfers
from opusagent.call.v1.call_pb2 import EndReason, Route
from opusagent.events.v1.events_pb2 import CallEnded, CallReattached, SocketLost
from opusagent.media.v1.inbox_pb2 import SPEECH_PHASE_UNSPECIFIED, SpeechPhase

_log = get_logger(__name__)


class LiveCall:
    """A call that this gateway has. Callbacks of its leg and of the inbox come in here, on the event loop."""

    def __init__(
        self,
        around: Surroundings,
        poster: Poster,
        leg: Leg,
        provider_call_id: str,
        media_ms: int,
        *,
        private: bool = False,
        span: Span = INVALID_SPAN,
    ) -> None:
        """`media_ms`: caller media that went before this socket; `private`: see `privacy`; `span`: ends with it."""
        self._around = around
        self._span = span
        self._poster = poster
        self.info = poster.call
        self.provider_call_id = provider_call_id
        self._state = CallState()
        self._leg: Leg | None = leg
        self._player: Player | None = Player(leg, poster.heard)
        self._bytes_per_ms = leg.format.bytes_per_ms
        self._base_ms = media_ms
        self._received = 0
        self.recent = RecentAudio(self._bytes_per_ms)
        self._veil = Veil(leg.format, private)
        self.transfers = Transfers(self, around, poster, provider_call_id)
        self._timer: asyncio.TimerHandle | None = None
        self._hanging_up = False
        self._unheard_item = ""
        self._log = _log.bind(call_id=self.info.call_id, session_id=self.info.session_id)

    @property
    def phase(self) -> Phase:
        """Where the call stands."""
        return self._state.phase

    @property
    def route(self) -> Route:
        """Who serves the call, as far as known here."""
        return self._poster.route

    @property
    def trace(self) -> Context | None:
        """The trace of the call, as the parent of what belongs to it."""
        return self._poster.trace

    @property
    def media_ms(self) -> int:
        """Milliseconds of caller media received, counted from the leg's first frame."""
        return self._base_ms + self._received // self._bytes_per_ms

    @property
    def hanging_up(self) -> bool:
        """Whether the agent wants the call to end."""
        return self._hanging_up

    @property
    def leg(self) -> Leg | None:
        """The socket that serves the call now."""
        return self._leg

    @property
    def waiting_ms(self) -> int:
        """Agent audio not yet sent to telephony."""
        return self._player.waiting_ms if self._player is not None else 0

    @property
    def _sounding(self) -> bool:
        return self._player is not None and not self._player.idle

    # ---- from the leg

    def caller_audio(self, leg: Leg, audio: bytes) -> None:
        """Take a piece of caller audio; the hot path."""
        if leg is not self._leg or not audio:
            return
        media_ms = self._base_ms + self._received // self._bytes_per_ms
        self._received += len(audio)
        if self.transfers.away:
            return
        if self._veil.on:
            audio = self._veil.cover(audio)
        self.recent.append(media_ms, audio)
        self._poster.caller_audio(media_ms, audio)

    def key(self, leg: Leg, digit: str) -> None:
        """Take a key press."""
        if leg is self._leg and not self.transfers.away:
            self._poster.key(digit, self.media_ms, private=self._veil.on)

    def mark_echoed(self, leg: Leg, name: str) -> None:
        """Take the echo of a mark."""
        if leg is self._leg and self._player is not None:
            self._player.mark_echoed(name)

    def playout_finished(self, leg: Leg) -> None:
        """Telephony has played everything that it was sent."""
        if leg is self._leg and self._player is not None:
            self._player.all_played()

    def stream_stopped(self, leg: Leg) -> None:
        """Telephony ended the stream."""
        if leg is self._leg:
            self.step(LegEvent.STREAM_STOPPED, "stream stopped")

    def socket_closed(self, leg: Leg, detail: str) -> None:
        """The leg's socket is gone."""
        if leg is not self._leg:
            return
        self._leg = None
        self._stop_player()
        if self.phase is Phase.LIVE:
            metrics.SOCKETS_LOST.labels(channel_name(self.info.channel)).inc()
            self._record(None, socket_lost=SocketLost(detail=detail[:200]))
        self.step(LegEvent.SOCKET_LOST, detail)

    def leg_ended(self, detail: str, failed: bool = False) -> None:
        """Telephony says that the leg has ended."""
        if self.phase is Phase.TRANSFERRING and not failed:
            self.transfers.leg_ended(detail)
        else:
            self.step(LegEvent.LEG_FAILED if failed else LegEvent.LEG_ENDED, detail)

    def attach(self, leg: Leg, route: Route, *, private: bool = False) -> None:
        """The leg has come back on a new socket; session has raised the generation.

        `private`: what session says of it; the caller stays private where either of us thinks that he is.
        """
        old, self._leg = self._leg, leg
        if old is not None:
            old.close(1000, "the call has another socket")
        self._stop_player()
        self._player = Player(leg, self._poster.heard)
        elapsed_ms = self._around.clock() - self.info.started_at_ms
        self._base_ms = max(self.media_ms, elapsed_ms)
        self._received = 0
        self._veil.on = self._veil.on or private
        self._poster.reroute(route)
        metrics.REATTACHED.labels(channel_name(self.info.channel)).inc()
        self._record(None, call_reattached=CallReattached(gateway_generation=route.gateway_generation))
        self.step(LegEvent.ATTACHED, "reattached")
        self._poster.opened(True, self._base_ms)
        self.transfers.back(leg)
        if self._hanging_up:
            asyncio.get_running_loop().call_soon(self._hang_up_now, "")

    # ---- from relay and engine

    def play(self, item_id: str, audio: bytes, last: bool) -> None:
        """Play agent audio; without a socket it is reported as flushed, for nobody hears it."""
        if self._player is not None and not self._hanging_up and not self.transfers.away:
            self._player.play(item_id, audio, last)
        elif item_id != self._unheard_item:
            self._unheard_item = item_id
            self._poster.heard(item_id, 0, True, True)

    def flush(self) -> None:
        """Barge-in."""
        if self._player is not None:
            self._player.flush()

    def speech(self, phase: SpeechPhase) -> None:
        """Tell telephony what was detected in the caller's audio."""
        if self._leg is not None and phase != SPEECH_PHASE_UNSPECIFIED:
            self._leg.speech(phase, self._sounding)

    def transcript(self, text: str, final: bool, confidence: float) -> None:
        """Tell telephony what was recognised."""
        if self._leg is not None:
            self._leg.transcript(text, final, confidence, self._sounding)

    def privacy(self, on: bool) -> None:
        """From here on others than the engine hear silence in place of the caller, and of his keys only that."""
        self._veil.on = on

    def when_played(self, then: Callable[[], None]) -> bool:
        """Call once everything sent before has been played. False: there is no socket to play on."""
        if self._player is None or self._hanging_up:
            return False
        self._player.when_idle(then)
        return True

    def hang_up(self, reason: EndReason, detail: str) -> None:
        """Hang up once everything sent before has been played."""
        if self._hanging_up:
            return
        self._hanging_up = True
        self._state.hang_up_for(reason)
        if self._player is None:
            self._hang_up_now(detail)
        else:
            self._player.when_idle(lambda: self._hang_up_now(detail))

    def _hang_up_now(self, detail: str) -> None:
        leg = self._leg
        if self.phase is Phase.STOPPED:
            return
        self.step(LegEvent.HUNG_UP, detail)
        if leg is not None:
            leg.hang_up(self._state.hung_up_for, detail)
        else:
            self._around.tasks.spawn(self._around.leg_control.hang_up(self.provider_call_id), "hang up")

    # ---- the table and its timers

    def step(self, event: LegEvent, detail: str) -> None:
        """Take one event of the table; `detail` goes into the facts."""
        before = self.phase
        if before is Phase.ENDED:
            return
        step = self._state.step(event)
        if step.end:
            self._end(step, detail)
        elif step.phase is not before or event is LegEvent.ATTACHED:
            self._arm(step.wait)

    def _arm(self, wait: Wait) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait is not Wait.NONE:
            seconds = self._around.waits.seconds(wait)
            seconds += self.transfers.ring_seconds if wait is Wait.TRANSFER else 0
            self._timer = asyncio.get_running_loop().call_later(seconds, self._waited)

    def _waited(self) -> None:
        self._timer = None
        self._around.tasks.spawn(self._settle(), "settle")

    async def _settle(self) -> None:
        """A wait is over: unless session or the telephony know better, the table decides."""
        phase = self.phase
        if phase is Phase.LEAVING:
            self.step(LegEvent.WAITED, "telephony did not confirm the hang-up")
            return
        known = await self._around.still_ours(self.info, self.provider_call_id, self.route)
        if known is None:
            self._arm(Wait.GRACE)
            return
        if not known:
            self.abandon()
            return
        status = await self._around.leg_control.status(self.provider_call_id)
        if self.phase is not phase:
            return
        if status is LegStatus.ENDED:
            self.leg_ended("ended, says the telephony")
        elif status is LegStatus.FAILED:
            self.leg_ended("failed, says the telephony", failed=True)
        elif phase is Phase.TRANSFERRING and status is LegStatus.LIVE:
            self._arm(Wait.TRANSFER)
        elif phase is Phase.TRANSFERRING and self._leg is not None:
            self.transfers.lost()
        else:
            self.step(LegEvent.WAITED, f"nothing more was heard of the leg ({status})")
            if status is LegStatus.LIVE:
                await self._around.leg_control.hang_up(self.provider_call_id)

    # ---- the end

    def _end(self, step: Step, detail: str) -> None:
        self._stop_player()
        reason = step.end
        duration_ms = max(0, self._around.clock() - self.info.started_at_ms)
        metrics.CALLS_ENDED.labels(EndReason.Name(reason).removeprefix("END_REASON_").lower()).inc()
        metrics.CALL_SECONDS.observe(duration_ms / 1000)
        with tracing.under(self.trace):
            self._log.info("call ended", reason=EndReason.Name(reason), duration_ms=duration_ms)
        self._span.set_attribute("end_reason", EndReason.Name(reason))
        self.transfers.call_ended(reason, detail)
        self._record("ended", call_ended=CallEnded(reason=reason, detail=detail[:200], duration_ms=duration_ms))
        self._poster.closed(reason)
        self._leave("the call has ended")

    def abandon(self) -> None:
        """Let go of the call without a word: another gateway has it."""
        if self.phase is not Phase.ENDED:
            self._log.info("the call has moved to another gateway")
            self._state.phase = Phase.ENDED
            self._leave("the call has moved")

    def _leave(self, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_player()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.close(1000, why)
        self._span.end()
        self._around.gone(self)

    def let_go(self) -> None:
        """The process ends: close the socket so that telephony reconnects elsewhere; the call is not ended."""
        if self.phase is not Phase.ENDED:
            self._state.phase = Phase.ENDED
            if self._leg is not None:
                self._record(None, socket_lost=SocketLost(detail="gateway stopped"))
                self._leg.close(1001, "gateway restarts")
            self._leg = None
            self._leave("gateway stopped")

    def _stop_player(self) -> None:
        player, self._player = self._player, None
        if player is not None:
            player.stop()

    def _record(self, event: str | None, **fact: CallEnded | CallReattached | SocketLost) -> None:
        event_id = f"{self.info.call_id}/{event}" if event else None
        with tracing.under(self.trace):
            self._around.facts.record_soon(self.info.session_id, self.info.call_id, event_id, **fact)
