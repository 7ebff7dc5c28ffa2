"""One call's dialogue: owns the order between what the inbox brings, what the model session reports and what runs out.

Every entry point ends in `_settle`: deliver what can be delivered now, then watch for the next thing that time will
bring (a silence that lasted too long, a report of playout that never came).
"""

from typing_extensions import override

from audio.transcode import Transcoder
from llm_relay.adapters.engine import utterance
from llm_relay.adapters.timers import Cancel
from llm_relay.agent import Agent
from llm_relay.backends.port import Listener, ModelSession, Said, ToolCall
from llm_relay.delegation import Delegation
from llm_relay.domain.backchannel import is_backchannel
from llm_relay.domain.conversation import Conversation
from llm_relay.domain.response import Stage
from llm_relay.domain.turns import Caller
from llm_relay.links import Links
from llm_relay.metrics import BARGE_INS, NO_INPUTS, TURNS, UNCLEAR
from opusagent.call.v1.call_pb2 import CallInfo, Route
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED, DialoguePlan
from opusagent.events.v1.events_pb2 import SPEAKER_CALLER, TurnTaken
from opusagent.fsa.v1.fsa_pb2 import NoInput, Outputs
from opusagent.media.v1.inbox_pb2 import (
    SPEECH_PHASE_COMMITTED,
    SPEECH_PHASE_STARTED,
    SPEECH_PHASE_STOPPED,
    Heard,
)

HEARD_THROUGH_MS = 1000
"""Caller media between two reports of what was taken in."""
EARLY_FRAMES = 750
"""Frames of caller audio kept until the model session is there: 15 s at 20 ms."""
HOLD_MS = 1500
"""How long outputs wait for the engine's answer to the caller's latest words before they are said without it."""


class Dialogue(Listener):
    """Of one call."""

    def __init__(
        self, call: CallInfo, state: Conversation, links: Links, agent: Agent, *, to_model: Transcoder
    ) -> None:
        """`to_model`: from the call's format to the model's."""
        self.call = call
        self._floor = state.floor
        self._silence = state.silence
        self._response = state.response
        self._agent = agent
        self._engine = links.engine
        self._gateway = links.gateway
        self._transcript = links.transcript
        self._timers = links.timers
        self._delegation = Delegation(call.call_id, links.engine, state.floor, links.timers)
        self._to_model = to_model
        self._bytes_per_ms = to_model.src.bytes_per_ms
        self._session: ModelSession | None = None
        self._directed = True
        # Caller audio that arrived before there was a session.
        self._early: list[tuple[bytes, int]] = []
        self._reported_ms = 0
        self._turn_started_ms = 0
        self._interrupted = False
        # The event whose answer outputs wait for; a prefix of its id for keys, which the gateway numbers.
        self._awaited = ""
        self._hold: Cancel | None = None
        self._alarm: tuple[int, Cancel] | None = None

    # ---- the call

    def opened(self, session: ModelSession, plan: DialoguePlan) -> None:
        """The model session is there."""
        self._session = self._agent.session = self._delegation.session = session
        self._directed = plan.style == STYLE_DIRECTED
        early, self._early = self._early, []
        for audio, media_ms in early:
            session.hear(audio, media_ms)
        self._settle()

    def audio(self, audio: bytes, media_ms: int) -> None:
        """Caller audio in the call's format."""
        end_ms = self._floor.media_ms = media_ms + len(audio) // self._bytes_per_ms
        audio = self._to_model.feed(audio)
        if self._session is None:
            self._early.append((audio, media_ms))
            del self._early[:-EARLY_FRAMES]
        else:
            self._session.hear(audio, media_ms)
        if end_ms - self._reported_ms >= HEARD_THROUGH_MS:
            self._report_heard_through(end_ms)

    def _report_heard_through(self, media_ms: int) -> None:
        self._reported_ms = media_ms
        if self._floor.caller is not Caller.SILENT:
            media_ms = self._turn_started_ms
        self._gateway.heard_through(media_ms)

    def heard(self, report: Heard) -> None:
        """The gateway's report of playout."""
        self._agent.heard(report)
        if report.ended:
            self._settle()

    def key_pressed(self) -> None:
        """The caller pressed a key, which the engine has from the gateway: stop speaking, and wait for its answer."""
        self._agent.interrupt()
        self._agent.answered()
        self._await(f"{self.call.call_id}/k")
        self._settle()

    def reattached(self, route: Route) -> None:
        """The call came back on a new socket, or by another gateway."""
        self.moved(route)
        self._agent.reattach()
        self._settle()

    def moved(self, route: Route) -> None:
        """Items go this way from now on."""
        self._engine.route = self._gateway.route = route

    async def close(self) -> None:
        """The call is over."""
        self._agent.end()
        self._engine.close()
        for cancel in (self._hold, self._alarm[1] if self._alarm else None):
            if cancel is not None:
                cancel()
        self._delegation.close()
        if self._session is not None:
            await self._session.close()
        await self._transcript.close()

    # ---- the engine

    def outputs(self, outputs: Outputs) -> None:
        """What the engine wants said or done."""
        self._engine.answered(outputs.event_id)
        answers = bool(self._awaited) and outputs.event_id.startswith(self._awaited)
        self._delegation.learn(outputs.outputs)
        self._agent.add(outputs.outputs, answers_caller=answers)
        if answers:
            self._response.reached(Stage.ENGINE, self._timers.now_ms())
            self._release()
            if not outputs.outputs:
                self._agent.wait_on()
        self._settle()

    def accepted(self, event_id: str) -> None:
        """The engine has an event."""
        self._engine.accepted(event_id)

    def _await(self, event_id: str) -> None:
        self._awaited = event_id
        self._agent.holding = True
        if self._hold is not None:
            self._hold()
        self._hold = self._timers.at(self._timers.now_ms() + HOLD_MS, self._hold_is_over)

    def _release(self) -> None:
        self._agent.holding = False
        if self._hold is not None:
            self._hold()
            self._hold = None

    def _hold_is_over(self) -> None:
        self._release()
        self._settle()

    # ---- the caller, as the model session hears him

    @override
    def caller_started(self, started_ms: int) -> None:
        self._floor.caller = Caller.SPEAKING
        self._turn_started_ms = started_ms
        self._interrupted = False
        self._gateway.speech(SPEECH_PHASE_STARTED)
        self._settle()

    @override
    def caller_interrupts(self) -> None:
        if self._agent.interrupt():
            self._interrupted = True
            BARGE_INS.inc()
            self._settle()

    @override
    def caller_stopped(self, ended_ms: int) -> None:
        self._floor.caller = Caller.UNDERSTOOD_SOON
        now_ms = self._timers.now_ms()
        self._response.caller_stopped(now_ms - max(0, self._floor.media_ms - ended_ms), now_ms)
        self._gateway.speech(SPEECH_PHASE_STOPPED)
        self._settle()

    @override
    def caller_said(self, said: Said) -> None:
        self._floor.understood()
        self._response.reached(Stage.STT, self._timers.now_ms())
        self._record(said)
        if self._agent.closed:
            return
        if is_backchannel(said.text) and (self._interrupted or self._floor.agent_audible):
            self._carry_on()
        else:
            self._agent.answered()
            if self._directed:
                self._utter(said)
        self._delegation.heard(said)
        self._settle()

    def _record(self, said: Said) -> None:
        turn = TurnTaken(speaker=SPEAKER_CALLER, text=said.text, started_ms=said.started_ms, ended_ms=said.ended_ms)
        self._transcript.turn(f"{self.call.call_id}/u{said.started_ms}", turn)
        self._gateway.transcript(said.text, said.confidence)
        self._gateway.speech(SPEECH_PHASE_COMMITTED)
        self._gateway.heard_through(said.ended_ms)
        TURNS.labels("caller").inc()

    def _utter(self, said: Said) -> None:
        self._agent.interrupt()
        event_id = f"{self.call.call_id}/u{said.started_ms}"
        self._await(event_id)
        self._engine.post(event_id, utterance=utterance(said))

    @override
    def caller_unclear(self) -> None:
        UNCLEAR.inc()
        self._floor.understood()
        self._delegation.heard(None)
        self._carry_on()
        self._settle()

    def _carry_on(self) -> None:
        self._response.abandon()
        self._agent.resume()

    # ---- the agent, as the model session speaks

    @override
    def item_begun(self, item_id: str, delivery_id: str) -> None:
        self._agent.item_begun(item_id, delivery_id)

    @override
    def item_audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        self._agent.audio(item_id, audio, text, last)
        if last:
            self._settle()

    @override
    def generated(self, delivery_id: str) -> None:
        self._agent.generated(delivery_id)
        self._settle()

    @override
    def freed(self) -> None:
        self._settle()

    @override
    def tool_called(self, call: ToolCall) -> None:
        if not self._agent.closed:
            self._delegation.called(call)

    @override
    def failed(self, reason: str) -> None:
        self._agent.give_up(reason)

    # ---- time

    def _settle(self) -> None:
        if self._agent.closed:
            return
        self._agent.pump()
        now_ms = self._timers.now_ms()
        self._silence.observe(self._floor.quiet and not self._agent.busy, now_ms)
        moments = (self._silence.deadline_ms, self._floor.due_ms())
        self._set_alarm(min((moment for moment in moments if moment is not None), default=None))

    def _set_alarm(self, moment_ms: int | None) -> None:
        if self._alarm is not None:
            if self._alarm[0] == moment_ms:
                return
            self._alarm[1]()
            self._alarm = None
        if moment_ms is not None:
            self._alarm = (moment_ms, self._timers.at(moment_ms, self._ring))

    def _ring(self) -> None:
        self._alarm = None
        self._agent.overdue()
        if self._silence.run_out(self._timers.now_ms()):
            NO_INPUTS.inc()
            event_id = f"{self.call.call_id}/n{self._floor.media_ms}"
            self._await(event_id)
            self._engine.post(event_id, no_input=NoInput())
        self._settle()
