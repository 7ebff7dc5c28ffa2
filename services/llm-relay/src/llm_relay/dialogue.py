"""One call's dialogue: owns the order between what the inbox brings, what the model session reports and what runs out.

Every entry point ends in `_settle`: deliver what can be delivered now, then watch for the next thing that time will
bring (a silence that lasted too long, a report of playout that never came).
"""

from collections.abc import Sequence

from typing_extensions import override

from audio.transcode import Transcoder
from llm_relay.adapters.engine import utterance
from llm_relay.adapters.timers import Cancel
from llm_relay.agent import Agent
from llm_relay.awaiting import Awaiting
from llm_relay.backends.port import Listener, ModelSession, Said, ToolCall
from llm_relay.delegation import Delegation
from llm_relay.domain.backchannel import is_backchannel
from llm_relay.domain.conversation import Conversation
from llm_relay.domain.discretion import Discretion
from llm_relay.domain.outputs import spoken
from llm_relay.domain.response import Stage
from llm_relay.domain.turns import Caller
from llm_relay.links import Links
from llm_relay.metrics import BARGE_INS, NO_INPUTS, TURNS, UNCLEAR
from opusagent.call.v1.call_pb2 import TRANSFER_OUTCOME_ANSWERED, CallInfo, Route, TransferResult
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED, DialoguePlan
from opusagent.events.v1.events_pb2 import SPEAKER_CALLER, TurnTaken
from opusagent.fsa.v1.fsa_pb2 import NoInput, Output, Outputs, Tool, TurnBegin, Verbatim
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
UNREACHED = "I'm sorry, nobody can take your call right now."
"""Said to a caller whom no human took, where the engine has nothing to say to him."""


class Dialogue(Listener):
    """Of one call."""

    def __init__(
        self, call: CallInfo, state: Conversation, links: Links, agent: Agent, *, to_model: Transcoder
    ) -> None:
        """`to_model`: from the call's format to the model's."""
        self.call = call
        self._floor = state.floor
        self._discretion = Discretion()
        self._silence = state.silence
        self._response = state.response
        self._agent = agent
        self._engine = links.engine
        self._gateway = links.gateway
        self._transcript = links.transcript
        self._timers = links.timers
        self._awaiting = Awaiting(agent, links.timers, self._settle)
        self._delegation = Delegation(
            call.call_id,
            links.engine,
            state.floor,
            links.timers,
            on_event=self._awaiting.asked,
            begin=self._begin,
        )
        self._to_model = to_model
        self._bytes_per_ms = to_model.src.bytes_per_ms
        self._session: ModelSession | None = None
        self._directed = True
        # The event by which the engine learns that no human took the call.
        self._refusal = ""
        # Caller audio that arrived before there was a session.
        self._early: list[tuple[bytes, int]] = []
        self._reported_ms = 0
        self._turn_started_ms = 0
        self._interrupted = False
        self._alarm: tuple[int, Cancel] | None = None

    # ---- the call

    def opened(self, session: ModelSession, plan: DialoguePlan) -> None:
        """The model session is there."""
        self._session = self._agent.session = self._delegation.session = session
        session.offer(self._delegation.tools)
        self._directed = plan.style == STYLE_DIRECTED
        early, self._early = self._early, []
        for audio, media_ms in early:
            session.hear(audio, media_ms)
        self._settle()

    def audio(self, audio: bytes, media_ms: int) -> None:
        """Caller audio in the call's format."""
        end_ms = self._floor.media_ms = media_ms + len(audio) // self._bytes_per_ms
        if self._agent.away and not self._is_back():
            return
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
        self._awaiting.event(f"{self.call.call_id}/k")
        self._settle()

    def _is_back(self) -> bool:
        """Whether audio of an absent caller says that he is back: only from a new socket, whose result was lost."""
        self._agent.away = not self._agent.returning
        return self._agent.returning

    def transferred(self, result: TransferResult) -> None:
        """A human has the caller, or the caller is back: what to say to him is the engine's to decide."""
        self._agent.away = False
        if result.outcome == TRANSFER_OUTCOME_ANSWERED:
            self._agent.closed = True
            return
        self._refusal = result.event_id
        self._awaiting.event(result.event_id)
        self._engine.post(result.event_id, transferred=result)
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
        self._awaiting.over()
        if self._alarm is not None:
            self._alarm[1]()
        self._delegation.close()
        if self._session is not None:
            await self._session.close()
        await self._transcript.close()

    # ---- the engine

    def outputs(self, outputs: Outputs) -> None:
        """What the engine wants said or done."""
        self._engine.answered(outputs.event_id)
        answers = self._awaiting.answers(outputs.event_id)
        made = list(outputs.outputs)
        if outputs.event_id == self._refusal and not made:
            made = [_unreached(outputs.event_id)]
        if outputs.HasField("toolbox"):
            self._offer(outputs.toolbox.tools)
        self._agent.add(made, answers_caller=answers)
        self._follow_floor(outputs, answers, says=any(spoken(output) for output in made))
        if answers:
            self._response.reached(Stage.ENGINE, self._timers.now_ms())
            self._awaiting.over()
            if not made:
                self._agent.wait_on()
        self._settle()

    def _offer(self, tools: Sequence[Tool]) -> None:
        self._delegation.tools = tuple(tools)
        if self._session is not None:
            self._session.offer(tools)

    def _follow_floor(self, outputs: Outputs, answers: bool, *, says: bool) -> None:
        """The state may become gated by any step; what waits for an answer is let go by that answer alone."""
        if outputs.HasField("floor"):
            self._discretion.follow(outputs.floor.secret, self._floor.media_ms)
        if answers or not self._agent.holding:
            self._agent.verdict(outputs.floor.gated if outputs.HasField("floor") else None, says=says)
        elif outputs.floor.gated:
            self._agent.gate()

    def accepted(self, event_id: str) -> None:
        """The engine has an event."""
        self._engine.accepted(event_id)

    # ---- the caller, as the model session hears him

    @override
    def caller_started(self, started_ms: int) -> None:
        self._floor.caller = Caller.SPEAKING
        self._turn_started_ms = started_ms
        self._interrupted = False
        self._agent.turn_began()
        if not self._directed:
            self._awaiting.turn_began()
            self._delegation.turn_began()
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
            self._awaiting.said(said)
            if self._directed:
                self._utter(said)
        self._delegation.heard(said)
        self._settle()

    def _record(self, said: Said) -> None:
        text = self._discretion.shown(said.text, said.started_ms)
        turn = TurnTaken(speaker=SPEAKER_CALLER, text=text, started_ms=said.started_ms, ended_ms=said.ended_ms)
        self._transcript.turn(f"{self.call.call_id}/u{said.started_ms}", turn)
        self._gateway.transcript(text, said.confidence)
        self._gateway.speech(SPEECH_PHASE_COMMITTED)
        self._gateway.heard_through(said.ended_ms)
        TURNS.labels("caller").inc()

    def _begin(self, said: Said) -> TurnBegin:
        ago_ms = max(0, self._floor.media_ms - said.started_ms)
        before = self._agent.before_question(said.started_ms)
        return TurnBegin(began_at_ms=self._engine.moment(ago_ms), before_question=before)

    def _utter(self, said: Said) -> None:
        self._agent.interrupt()
        event_id = f"{self.call.call_id}/u{said.started_ms}"
        self._awaiting.event(event_id)
        self._engine.post(event_id, utterance=utterance(said, self._begin(said)))

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
        if self._awaiting.nothing_said():
            self._agent.verdict(None, says=True)
            self._agent.ask_again()
            self._agent.wait_on()

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

    def _ask_about_words(self) -> None:
        """In a gated state every turn is the engine's to answer, also one of which the model made nothing."""
        said = self._awaiting.words_to_ask_with
        if said is not None and self._session is not None and self._session.free and self._delegation.idle:
            event_id = f"{self.call.call_id}/u{said.started_ms}"
            self._awaiting.event(event_id)
            self._engine.post(event_id, utterance=utterance(said, self._begin(said)))

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
        self._ask_about_words()
        self._agent.pump()
        now_ms = self._timers.now_ms()
        self._silence.observe(self._floor.quiet and not self._agent.busy, now_ms)
        moments = (self._silence.deadline_ms, self._floor.due_ms(), self._agent.due_ms)
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
            self._awaiting.event(event_id)
            self._engine.post(event_id, no_input=NoInput())
        self._settle()


def _unreached(event_id: str) -> Output:
    return Output(output_id=f"{event_id}/unreached", verbatim=Verbatim(text=UNREACHED))
