"""The agent's half of a dialogue: brings the engine's outputs and the model's speech to the caller, knows what arrived.

Order: outputs are delivered as the engine gave them, one delivery at a time, while nobody else speaks and no answer of
the engine to the caller's latest words is outstanding. The output that ends the call waits until everything was heard.
"""

from collections.abc import Iterable
from dataclasses import replace

from audio.transcode import Transcoder
from llm_relay.backends.port import Capabilities, Manner, ModelSession, Part
from llm_relay.domain.asking import OpenQuestion
from llm_relay.domain.conversation import Conversation
from llm_relay.domain.gate import Fate, Piece
from llm_relay.domain.outputs import Delivery, Line, kind, word_for_word, words
from llm_relay.domain.response import Stage
from llm_relay.domain.turns import Caller, Item
from llm_relay.links import Links
from llm_relay.metrics import GATED, RESPONSE, TURNS, UNREPORTED
from opusagent.call.v1.call_pb2 import END_REASON_AGENT_HUNG_UP, END_REASON_PROVIDER_ERROR, END_REASON_TRANSFERRED
from opusagent.events.v1.events_pb2 import SPEAKER_AGENT, TurnTaken
from opusagent.fsa.v1.fsa_pb2 import HandOff, Output
from opusagent.media.v1.inbox_pb2 import Heard


class Agent:
    """Of one call."""

    def __init__(self, call_id: str, state: Conversation, links: Links, can: Capabilities, to_call: Transcoder) -> None:
        """`to_call`: from the model's format to the call's."""
        self._call_id = call_id
        self._outputs = state.outputs
        self._floor = state.floor
        self._gate = state.gate
        self._silence = state.silence
        self._response = state.response
        self._gateway = links.gateway
        self._transcript = links.transcript
        self._timers = links.timers
        self._can = can
        self._to_call = to_call
        self._bytes_per_ms = to_call.dst.bytes_per_ms
        self.session: ModelSession | None = None
        self.closed = False
        # The caller is being put through to a human: nothing is said to him, and nothing of him is heard.
        self.away = False
        # He is back on a new socket, and what became of it is about to be said.
        self.returning = False
        # No output of the engine is spoken while its answer to the caller's latest words is outstanding.
        self.holding = False
        self._asking = OpenQuestion()
        # The last question put, and what an interruption left unheard.
        self._question: Line | None = None
        self._rest: list[Line] = []

    @property
    def busy(self) -> bool:
        """Whether the agent speaks, will speak, or must wait."""
        waits = self.holding or self.away or not self._outputs.empty
        return waits or self.session is None or not self.session.free

    @property
    def due_ms(self) -> int | None:
        """When something that is held for a moment may be said."""
        return self._outputs.due_ms(self._timers.now_ms())

    @property
    def gated(self) -> bool:
        """Whether what the model says of its own accord has to wait for the engine."""
        return self._gate.gated

    def before_question(self, started_ms: int) -> bool:
        """Whether a turn of the caller began before he heard anything of the question that is open."""
        return self._asking.follows(started_ms)

    # ---- outputs

    def add(self, outputs: Iterable[Output], *, answers_caller: bool) -> None:
        """Take in the engine's outputs of one step."""
        now_ms = self._timers.now_ms()
        outputs = list(outputs)
        if self._outputs.asks_anew(outputs):
            self._asking.put()
        self._transcript.delivered(self._outputs.add(outputs, answers_caller=answers_caller, now_ms=now_ms))

    def pump(self) -> None:
        """Deliver what can be delivered now."""
        while self.session is not None and self._may_speak():
            delivery = self._outputs.take(not self._can.speaks_text, self._timers.now_ms())
            if delivery is None:
                self._close_if_over()
                return
            self._deliver(self.session, delivery)

    def _may_speak(self) -> bool:
        free = self.session is not None and self.session.free
        return free and not (self.holding or self.away or self.closed) and self._caller_waits

    @property
    def _caller_waits(self) -> bool:
        """Whether the caller lets the agent speak: a backend that answers by itself waits for no transcript."""
        caller = self._floor.caller
        return caller is Caller.SILENT or (caller is Caller.UNDERSTOOD_SOON and not self._can.speaks_text)

    def _deliver(self, session: ModelSession, delivery: Delivery) -> None:
        parts = [self._part(line) for line in delivery.lines]
        for line in delivery.lines:
            if kind(line.output) == "ask":
                self._question = line
                session.expect(line.output.ask.expect)
                self._silence.arm(line.output.ask.expect.no_input_ms)
        if not self._can.takes_steering:
            parts = [part for part in parts if part.manner is not Manner.UNSPOKEN]
        parts = [part for part in parts if part.text]
        if parts:
            self._gate.delivering()
            session.deliver(delivery.delivery_id, parts)
        else:
            self.generated(delivery.delivery_id)

    def _part(self, line: Line) -> Part:
        output = line.output
        manner = Manner.EXACTLY if word_for_word(output) else Manner.FREELY
        if kind(output) == "steer":
            manner = Manner.UNSPOKEN
        return Part(line.text, manner, output.task_id, question=kind(output) == "ask")

    def _close_if_over(self) -> None:
        output = self._outputs.next_closing()
        if output is None or not self._floor.quiet or not self._outputs.idle:
            return
        self._outputs.close()
        self._transcript.delivered([output.output_id])
        if kind(output) == "hand_off" and output.hand_off.target:
            self._put_through(output.hand_off)
            return
        self.closed = True
        self._gateway.hang_up(END_REASON_TRANSFERRED if kind(output) == "hand_off" else END_REASON_AGENT_HUNG_UP)

    def _put_through(self, hand_off: HandOff) -> None:
        self.away, self.returning = True, False
        if self.session is not None:
            self.session.silence()
        self._gateway.transfer(hand_off.target, hand_off.summary)

    # ---- speech of the model

    def item_begun(self, item_id: str, delivery_id: str) -> None:
        """An item carries a delivery."""
        self._gate.carries(item_id)
        self._outputs.item_begun(delivery_id, item_id)

    def audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        """Speech of the model: played, held until the engine's verdict, or dropped."""
        if not self.away and self._gate.take(item_id, Piece(audio, text, last)) is Fate.PASSES:
            self._play(item_id, audio, text, last)

    def gate(self) -> None:
        """From now on what the model says of its own accord waits for the engine."""
        self._gate.gated = True

    def verdict(self, gated: bool | None, *, says: bool) -> None:
        """The engine has answered: what the model has said meanwhile is let go, or never heard (see `Gate.verdict`)."""
        verdict = self._gate.verdict(gated, says=says)
        if verdict.dropped and self.session is not None:
            GATED.inc(len(verdict.dropped))
            self.session.silence()
            if self._can.truncates:
                for item_id in verdict.dropped:
                    self.session.truncate(item_id, 0)
        for item_id, pieces in verdict.released:
            for piece in pieces:
                self._play(item_id, *piece)

    def ask_again(self) -> None:
        """Put the last question once more."""
        if self._outputs.empty and self._question is not None:
            self._outputs.put_back([replace(self._question, text=words(self._question.output))])

    def turn_began(self) -> None:
        """The caller speaks."""
        self._gate.turn_began()

    def _play(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        item = self._floor.item(item_id)
        if item is None:
            return
        audio = self._to_call.feed(audio)
        if not item.sent_ms and audio:
            self._first_audio(item)
        item.add(len(audio) / self._bytes_per_ms, text, last, self._timers.now_ms())
        self._gateway.audio(item_id, audio, text, last)

    def _first_audio(self, item: Item) -> None:
        spent = self._response.answered(self._timers.now_ms())
        for stage, milliseconds in spent.items():
            RESPONSE.labels(stage).observe(milliseconds / 1000)
        item.response_ms = spent.get(Stage.TOTAL, 0)

    def generated(self, delivery_id: str) -> None:
        """The model has made all speech of a delivery."""
        self._settle(self._outputs.generated(delivery_id))

    def heard(self, report: Heard) -> None:
        """The gateway's report of playout."""
        now_ms = self._timers.now_ms()
        item = self._floor.heard(report.item_id, report.heard_ms, report.ended, now_ms, flushed=report.flushed)
        carried = item or next((each for each in self._floor.items if each.item_id == report.item_id), None)
        if carried is not None and self._outputs.asks(carried):
            self._asking.heard(self._floor.media_ms)
        if item is not None:
            self._over(item)

    def overdue(self) -> None:
        """End the items whose end the gateway did not report."""
        for item in self._floor.overdue(self._timers.now_ms()):
            UNREPORTED.inc()
            self._over(item)

    def _over(self, item: Item) -> None:
        if item.heard_ms and item.heard_text:
            self._transcript.turn(f"{self._call_id}/a/{item.item_id}", self._turn(item))
            TURNS.labels("agent").inc()
        if item.cut and self._can.truncates and self.session is not None:
            self.session.truncate(item.item_id, item.heard_ms)
        self._settle(self._outputs.item_ended(item))

    def _turn(self, item: Item) -> TurnTaken:
        return TurnTaken(
            speaker=SPEAKER_AGENT,
            text=item.heard_text,
            started_ms=item.started_ms,
            ended_ms=item.started_ms + item.heard_ms,
            response_ms=item.response_ms,
            interrupted=item.cut,
        )

    def _settle(self, delivery: Delivery | None) -> None:
        if delivery is None:
            return
        if delivery.cut and not delivery.heard:
            self._transcript.delivered(self._outputs.put_back(delivery.lines))
            return
        self._transcript.delivered(delivery.output_ids)
        if delivery.cut:
            self._rest += delivery.rest

    # ---- interruptions

    def interrupt(self) -> bool:
        """Stop speaking at once. Returns whether anything was being said or about to be."""
        cut = self._floor.cut(self._timers.now_ms())
        if self.session is None or (not cut and self._outputs.idle and self.session.free):
            return False
        self._outputs.cut()
        self.session.silence()
        if cut:
            self._gateway.flush()
        return True

    def answered(self) -> None:
        """The caller took the floor with words: what he cut short is not said again."""
        self._rest.clear()

    def wait_on(self) -> None:
        """The engine had nothing to say: the last question stands, and so does the silence that it allows."""
        if self._question is not None:
            self._silence.arm(self._question.output.ask.expect.no_input_ms)

    def resume(self) -> None:
        """What stopped the agent was no turn: say the rest, where the backend says what it is told."""
        rest, self._rest = self._rest, []
        if self._can.speaks_text:
            self._outputs.put_back(rest)

    def reattach(self) -> None:
        """The socket was lost, and what had not been heard with it: say that again, or the last question."""
        if self.away:
            self.returning = True
            return
        if self.session is not None:
            self.session.silence()
        self._outputs.cut()
        for item in self._floor.lose():
            self._over(item)
        self.resume()
        self.ask_again()

    def give_up(self, reason: str) -> None:
        """There is nobody who could speak any more: end the call."""
        if not self.closed:
            self.closed = True
            self._gateway.hang_up(END_REASON_PROVIDER_ERROR, reason)

    def end(self) -> None:
        """The call is over: what is still being played counts as heard up to the last report."""
        self.closed = True
        for item in self._floor.lose():
            self._over(item)
