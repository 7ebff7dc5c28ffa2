"""The local backend with scripted engines: when recognition begins, what is dropped, how speech is made and stopped."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from audio.formats import MULAW_8K
from llm_relay.backends.local.backend import LocalBackend
from llm_relay.backends.local.ear import Clip, Ear, Ended, Interrupts, Paused, Resumed, Sound, Started
from llm_relay.backends.local.listening import Listening
from llm_relay.backends.local.session import LocalSession
from llm_relay.backends.local.voice import Voice
from llm_relay.backends.port import Listener, Manner, Part, Said, ToolCall
from llm_relay.settings import RelaySettings
from opusagent.fsa.v1.fsa_pb2 import Expectation
from speech.stt import NOTHING, Hints, Recogniser, RecognitionError, Samples, Transcript
from speech.tts import Synthesiser, SynthesisError
from speech.vad import VoiceDetector, Window
from speech.workers import Priority, Workers

VOICE = b"\x10" * 160
SILENCE = b"\xff" * 160


class ScriptedDetector(VoiceDetector):
    """Hears speech in every window that begins with the byte of VOICE."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at_ms = 0

    @override
    def feed(self, audio: bytes) -> list[Window]:
        self._bytes += audio
        windows = []
        while len(self._bytes) >= 256:
            probability = 1.0 if self._bytes[0] == VOICE[0] else 0.0
            windows.append(Window(probability, self._at_ms, self._at_ms + 32))
            self._bytes, self._at_ms = self._bytes[256:], self._at_ms + 32
        return windows

    @override
    def reset(self, start_ms: int) -> None:
        self._bytes, self._at_ms = b"", start_ms


class Line:
    """A caller's line: frames of 20 ms into an ear."""

    def __init__(self, barge_in_ms: int = 240) -> None:
        self.ear = Ear(MULAW_8K, ScriptedDetector(), barge_in_ms)
        self.position_ms = 0

    def put(self, frame: bytes, milliseconds: int) -> list[Sound]:
        sounds: list[Sound] = []
        for _ in range(milliseconds // 20):
            sounds += self.ear.feed(frame, self.position_ms)
            self.position_ms += 20
        return sounds


def kinds(sounds: list[Sound]) -> list[str]:
    return [type(sound).__name__ for sound in sounds]


def test_an_utterance_is_cut_out_with_its_beginning_and_some_silence() -> None:
    line = Line()
    assert line.put(SILENCE, 2000) == []
    sounds = line.put(VOICE, 1000) + line.put(SILENCE, 1000)
    assert kinds(sounds) == ["Started", "Interrupts", "Paused", "Ended"]
    ended = sounds[-1]
    assert isinstance(ended, Ended)
    assert ended.clip.started_ms == pytest.approx(1700, abs=32)
    assert ended.clip.ended_ms == pytest.approx(3000, abs=32)
    assert len(ended.clip.samples) / 16 == pytest.approx(1300 + 224, abs=64)


def test_a_pause_within_an_utterance_is_resumed() -> None:
    line = Line()
    sounds = line.put(VOICE, 800) + line.put(SILENCE, 300) + line.put(VOICE, 600) + line.put(SILENCE, 1000)
    assert kinds(sounds) == ["Started", "Interrupts", "Paused", "Resumed", "Paused", "Ended"]


def test_a_short_sound_does_not_interrupt() -> None:
    line = Line()
    assert kinds(line.put(VOICE, 160) + line.put(SILENCE, 1000)) == ["Started", "Paused", "Ended"]


def test_lost_audio_ends_the_utterance_it_tears() -> None:
    line = Line()
    line.put(VOICE, 800)
    line.position_ms += 5000
    sounds = line.put(VOICE, 800) + line.put(SILENCE, 1000)
    assert kinds(sounds)[:2] == ["Ended", "Started"]
    last = sounds[-1]
    assert isinstance(last, Ended)
    assert last.clip.started_ms == pytest.approx(5800, abs=32)


def test_the_expected_answer_sets_the_silence_also_after_a_gap() -> None:
    line = Line()
    line.ear.expect("digits")
    line.position_ms = 10_000
    assert kinds(line.put(VOICE, 800) + line.put(SILENCE, 800)) == ["Started", "Interrupts", "Paused"]
    assert kinds(line.put(SILENCE, 300)) == ["Ended"]


class Log(Listener):
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.news = asyncio.Event()

    def _tell(self, *entry: Any) -> None:
        self.told.append(entry)
        self.news.set()

    async def until(self, name: str, count: int = 1) -> tuple[Any, ...]:
        while len(found := [entry for entry in self.told if entry[0] == name]) < count:
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 5)
        return found[-1]

    @override
    def caller_started(self, started_ms: int) -> None:
        self._tell("started", started_ms)

    @override
    def caller_interrupts(self) -> None:
        self._tell("interrupts")

    @override
    def caller_stopped(self, ended_ms: int) -> None:
        self._tell("stopped", ended_ms)

    @override
    def caller_said(self, said: Said) -> None:
        self._tell("said", said)

    @override
    def caller_unclear(self) -> None:
        self._tell("unclear")

    @override
    def item_begun(self, item_id: str, delivery_id: str) -> None:
        self._tell("begun", item_id, delivery_id)

    @override
    def item_audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        self._tell("audio", item_id, len(audio), text, last)

    @override
    def generated(self, delivery_id: str) -> None:
        self._tell("generated", delivery_id)

    @override
    def freed(self) -> None:
        self._tell("freed")

    @override
    def tool_called(self, call: ToolCall) -> None:
        raise AssertionError("nothing local calls functions")

    @override
    def failed(self, reason: str) -> None:
        raise AssertionError(reason)


class ScriptedRecogniser(Recogniser):
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Samples, Hints]] = []
        self.cancelled = 0
        self.result: Transcript | Exception = Transcript("ten a.m.", 0.8, ("tent",))
        self.answer = asyncio.Event()
        self.answer.set()

    @override
    async def transcribe(self, audio: Samples, hints: Hints = Hints()) -> Transcript:
        self.asked.append((audio, hints))
        try:
            await self.answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    @override
    async def warm_up(self) -> None:
        """Nothing to load."""

    @override
    async def close(self) -> None:
        """Nothing to let go of."""


class ScriptedEar(Ear):
    """Gives the sounds that are put into it, whatever it is fed."""

    def __init__(self) -> None:
        self.sounds: list[list[Sound]] = []
        self.kinds: list[str] = []
        self.broken = False

    @override
    def expect(self, kind: str) -> None:
        self.kinds.append(kind)

    @override
    def feed(self, audio: bytes, media_ms: int) -> list[Sound]:
        if self.broken:
            self.broken = False
            raise RuntimeError("broken")
        return self.sounds.pop(0)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(1)
    yield workers
    workers.close()


CLIP = Clip(np.zeros(16000, np.int16), 1000, 2000)
OTHER = Clip(np.zeros(16000, np.int16), 1000, 2600)


class Hearing:
    def __init__(self, workers: Workers) -> None:
        self.ear, self.stt, self.log = ScriptedEar(), ScriptedRecogniser(), Log()
        self.listening = Listening(self.ear, workers, self.stt, Hints(vocabulary=("okafor",)), self.log)

    def sounds(self, *sounds: Sound) -> None:
        self.ear.sounds.append(list(sounds))
        self.listening.hear(SILENCE, 0)


@pytest.fixture
async def hearing(workers: Workers) -> AsyncIterator[Hearing]:
    hearing = Hearing(workers)
    yield hearing
    await hearing.listening.close()


async def test_recognition_begins_at_the_pause_and_is_used_at_the_end(hearing: Hearing) -> None:
    hearing.sounds(Started(1000), Interrupts(), Paused(CLIP))
    await hearing.log.until("interrupts")
    hearing.sounds(Ended(CLIP))
    _, said = await hearing.log.until("said")
    assert (said.text, said.alternatives, said.confidence) == ("ten a.m.", ("tent",), 0.8)
    assert (said.started_ms, said.ended_ms) == (1000, 2000)
    assert len(hearing.stt.asked) == 1
    assert hearing.stt.asked[0][1].vocabulary == ("okafor",)
    assert [entry[0] for entry in hearing.log.told] == ["started", "interrupts", "stopped", "said"]


async def test_a_guess_is_dropped_when_the_caller_goes_on(hearing: Hearing) -> None:
    hearing.stt.answer.clear()
    hearing.sounds(Started(1000), Paused(CLIP))
    await hearing.log.until("started")
    while not hearing.stt.asked:  # noqa: ASYNC110 - the fake has no event for it
        await asyncio.sleep(0)
    hearing.sounds(Resumed(), Paused(OTHER), Ended(OTHER))
    await hearing.log.until("stopped")
    hearing.stt.answer.set()
    _, said = await hearing.log.until("said")
    assert said.ended_ms == 2600
    assert hearing.stt.cancelled == 1
    assert len(hearing.stt.asked) == 2


@pytest.mark.parametrize("result", [NOTHING, Transcript("  ", 0.9), RecognitionError("engine failed")])
async def test_what_cannot_be_believed_is_unclear(hearing: Hearing, result: Any) -> None:
    hearing.stt.result = result
    hearing.sounds(Started(1000), Ended(CLIP))
    await hearing.log.until("unclear")
    assert [entry[0] for entry in hearing.log.told] == ["started", "stopped", "unclear"]


async def test_turns_are_reported_in_order(hearing: Hearing) -> None:
    hearing.stt.answer.clear()
    hearing.sounds(Started(1000), Ended(CLIP), Started(3000), Ended(Clip(CLIP.samples, 3000, 4000)))
    await hearing.log.until("stopped", 2)
    hearing.stt.answer.set()
    await hearing.log.until("said", 2)
    assert [entry[1].started_ms for entry in hearing.log.told if entry[0] == "said"] == [1000, 3000]


async def test_a_frame_that_breaks_the_ear_does_not_deafen_the_call(hearing: Hearing, workers: Workers) -> None:
    hearing.ear.broken = True
    hearing.listening.hear(SILENCE, 0)
    await asyncio.sleep(0)
    await workers.run(Priority.VOICE_ACTIVITY, lambda: None)
    assert not hearing.ear.broken
    hearing.sounds(Started(1000), Ended(CLIP))
    await hearing.log.until("said")


class ScriptedSynthesiser(Synthesiser):
    """100 ms for each word, a piece each; waits before each piece for `go` to be set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.broken = ""

    @property
    @override
    def rate(self) -> int:
        return 24000

    @property
    @override
    def voices(self) -> tuple[str, ...]:
        return ("heart",)

    @override
    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        self.asked.append(text)
        if text == self.broken:
            raise SynthesisError("no")
        for _ in text.split():
            await self.go.wait()
            yield np.zeros(2400, np.int16)

    @override
    async def warm_up(self) -> None:
        """Nothing to load."""

    @override
    async def close(self) -> None:
        """Nothing to let go of."""


class Speaking:
    def __init__(self, workers: Workers) -> None:
        self.tts, self.log = ScriptedSynthesiser(), Log()
        self.voice = Voice(self.tts, workers)
        self.ear = ScriptedEar()
        listening = Listening(self.ear, workers, ScriptedRecogniser(), Hints(), self.log)
        self.session = LocalSession(listening, self.voice, "", MULAW_8K, self.log)

    def say(self, text: str, delivery_id: str = "d1") -> None:
        self.session.deliver(delivery_id, [Part(text, Manner.EXACTLY)])


@pytest.fixture
async def speaking(workers: Workers) -> AsyncIterator[Speaking]:
    speaking = Speaking(workers)
    yield speaking
    await speaking.session.close()


async def test_words_go_with_the_first_piece_of_their_sentence(speaking: Speaking) -> None:
    speaking.say("Hello there. How are you?")
    assert not speaking.session.free
    await speaking.log.until("generated")
    assert speaking.session.free
    told = speaking.log.told
    assert told[0] == ("begun", "d1", "d1")
    audio = [entry for entry in told if entry[0] == "audio"]
    assert [entry[3] for entry in audio if entry[3]] == ["Hello there.", "How are you?"]
    assert sum(entry[2] for entry in audio) == pytest.approx(5 * 800, abs=8)
    assert [entry[4] for entry in audio] == [False] * (len(audio) - 1) + [True]


async def test_a_sentence_said_before_is_not_made_again(speaking: Speaking) -> None:
    speaking.say("Goodbye.")
    await speaking.log.until("generated")
    speaking.say("Goodbye.", "d2")
    await speaking.log.until("generated", 2)
    assert speaking.tts.asked == ["Goodbye."]


async def test_the_cache_is_bounded(workers: Workers) -> None:
    tts = ScriptedSynthesiser()
    voice = Voice(tts, workers, cache_bytes=2000)
    for text in ("One two.", "Three four.", "One two."):
        assert b"".join([piece async for piece in voice.speak(text, "", MULAW_8K)])
    assert tts.asked == ["One two.", "Three four.", "One two."]


async def test_silence_stops_what_is_being_made(speaking: Speaking) -> None:
    speaking.tts.go.clear()
    speaking.say("A very long story.")
    await asyncio.sleep(0)
    speaking.session.silence()
    assert speaking.session.free
    assert ("generated", "d1") not in speaking.log.told, "told later, not from within"
    await speaking.log.until("generated")
    speaking.tts.go.set()
    speaking.say("Yes?", "d2")
    await speaking.log.until("generated", 2)
    assert {entry[1] for entry in speaking.log.told if entry[0] == "audio"} == {"d2"}


async def test_a_sentence_that_cannot_be_made_is_left_out(speaking: Speaking) -> None:
    speaking.tts.broken = "Two."
    speaking.say("One. Two. Three.")
    await speaking.log.until("generated")
    assert [entry[3] for entry in speaking.log.told if entry[0] == "audio" and entry[3]] == ["One.", "Three."]


async def test_what_is_expected_reaches_ear_and_recogniser(speaking: Speaking) -> None:
    speaking.session.expect(Expectation(kind="time", phrases=["ten a.m."]))
    assert speaking.ear.kinds == ["time"]
    assert speaking.session._listening.hints == Hints(kind="time", phrases=("ten a.m.",))


def test_engines_are_those_that_the_settings_name() -> None:
    threads = threading.active_count()
    with pytest.raises(ValueError, match="nonsense"):
        LocalBackend.of(RelaySettings(stt_engine="nonsense"))
    assert threading.active_count() <= threads + 4
