"""The local backend with its real engines, on real audio at real pace: slow."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from audio.formats import MULAW_8K
from audio.transcode import encode, resample
from chassis import rpc
from llm_relay.adapters.timers import LoopTimers
from llm_relay.bootstrap import build
from llm_relay.settings import BackendName, RelaySettings
from llm_relay.testing import PostBox, SessionFake, Wire, call_opened
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED, DialoguePlan
from opusagent.events.v1.events_pb2 import SPEAKER_AGENT
from opusagent.fsa.v1.fsa_pb2 import Ask, Expectation, Output, Outputs
from opusagent.media.v1.inbox_pb2 import CallerAudio, FsaInbox, GatewayInbox, Heard, PlanReady
from speech.registry import synthesiser
from speech.workers import Workers

pytestmark = pytest.mark.slow

FRAME = 160
SILENCE = b"\xff" * FRAME


class Peers(PostBox):
    """A gateway that plays at real pace, and an engine that answers every utterance with the next question."""

    def __init__(self, questions: list[Output]) -> None:
        super().__init__()
        self.questions = questions
        self.wire: Wire
        self.heard_words: list[str] = []
        self.playing: dict[str, int] = {}
        self.played = asyncio.Event()
        self._ends_ms = 0.0
        self._waiting: list[asyncio.TimerHandle] = []

    def post(self, topic: str, slot: int, item: bytes, headers: Any = ()) -> None:
        loop = asyncio.get_running_loop()
        if topic == "gateway-inbox":
            for sent in GatewayInbox.FromString(item).items:
                loop.call_soon(self._play, sent)
        else:
            for event in FsaInbox.FromString(item).items:
                loop.call_soon(self._answer, event)
        super().post(topic, slot, item, headers)

    def _play(self, sent: Any) -> None:
        loop = asyncio.get_running_loop()
        match sent.WhichOneof("body"):
            case "audio":
                item = sent.audio.item_id
                self.played.clear()
                self.playing[item] = self.playing.get(item, 0) + len(sent.audio.audio) // 8
                self._ends_ms = max(self._ends_ms, loop.time() * 1000) + len(sent.audio.audio) / 8
                if sent.audio.last:
                    self._waiting.append(loop.call_at(self._ends_ms / 1000, self._ended, item, self.playing[item]))
            case "flush":
                for handle in self._waiting:
                    handle.cancel()
                self._waiting.clear()
                self._ends_ms = 0.0
                for item in list(self.playing):
                    self._ended(item, 200, flushed=True)

    def _ended(self, item: str, heard_ms: int, flushed: bool = False) -> None:
        self.playing.pop(item, None)
        self.wire.gateway(heard=Heard(item_id=item, heard_ms=heard_ms, ended=True, flushed=flushed))
        self.played.set()

    def _answer(self, event: Any) -> None:
        if event.WhichOneof("body") == "plan":
            plan = DialoguePlan(style=STYLE_DIRECTED, vocabulary=["appointment"])
            opening = Outputs(event_id=event.event_id, outputs=[self.questions.pop(0)])
            self.wire.engine(plan=PlanReady(plan=plan, opening=opening))
        if event.WhichOneof("body") == "utterance":
            self.heard_words.append(event.utterance.text)
            self.wire.engine(outputs=Outputs(event_id=event.event_id, outputs=[self.questions.pop(0)]))


class Mouth:
    """A caller's line: silence at real pace, with speech put into it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._speech = bytearray()
        self.spoken = asyncio.Event()

    def say(self, audio: bytes) -> None:
        self._speech += audio
        self.spoken.clear()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        start, position = loop.time(), 0
        while True:
            frame = bytes(self._speech[:FRAME]).ljust(FRAME, b"\xff")
            del self._speech[:FRAME]
            if not self._speech:
                self.spoken.set()
            self._wire.gateway(media_ms=position, audio=CallerAudio(audio=frame))
            position += 20
            await asyncio.sleep(start + position / 1000 - loop.time())


def question(output_id: str, text: str, kind: str = "", *phrases: str) -> Output:
    return Output(output_id=output_id, ask=Ask(text=text, expect=Expectation(kind=kind, phrases=phrases)))


QUESTIONS = [
    question("q#0", "Hello, this is the clinic. How can I help you?", "intent"),
    question("q#1", "For which time?", "time", "ten a.m.", "eleven"),
    question("q#2", "Tomorrow at ten. Shall I book that for you?", "yes_no", "yes", "no"),
    question("q#3", "Done. Is there anything else I can do for you today?", "yes_no", "yes", "no"),
    question("q#4", "Goodbye."),
]
ANSWERS = ["I'd like to book an appointment for tomorrow.", "At ten a.m. please.", "Yes, please.", "No, thank you."]


@pytest.fixture
async def caller_voice() -> AsyncIterator[Any]:
    workers = Workers(1)
    voice = synthesiser("piper", workers=workers)
    await voice.warm_up()

    async def speak(text: str) -> bytes:
        pieces = [piece async for piece in voice.stream(text)]
        return encode(resample(np.concatenate(pieces), voice.rate, 8000), "mulaw")

    yield speak
    await voice.close()
    workers.close()


@pytest.mark.timeout(120)
async def test_a_whole_directed_call_on_real_audio(caller_voice: Any) -> None:
    assert MULAW_8K.bytes_per_ms == 8
    lines = [await caller_voice(answer) for answer in ANSWERS]
    box, store = Peers(list(QUESTIONS)), SessionFake()
    app = build(RelaySettings(relay_backend=BackendName.LOCAL), box, rpc.direct(store), timers=LoopTimers())
    await app.start()
    assert box.inbox is not None
    box.wire = Wire(box.inbox)
    mouth = Mouth(box.wire)
    box.wire.gateway(opened=call_opened())
    running = asyncio.create_task(mouth.run())
    try:
        for line in lines:
            await box.played.wait()
            await asyncio.sleep(0.3)
            box.played.clear()
            mouth.say(line)
            await mouth.spoken.wait()
        await box.played.wait()
    finally:
        running.cancel()
        await app.stop()
    print(box.heard_words)
    responses = [turn.turn.response_ms for turn in store.turns if turn.turn.speaker == SPEAKER_AGENT]
    print(responses)
    assert len(box.heard_words) == len(ANSWERS)
    assert "appointment" in box.heard_words[0].lower()
    assert "yes" in box.heard_words[2].lower()
    assert all(response > 0 for response in responses[1:])
