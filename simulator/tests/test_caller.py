"""A scripted person over a line, with speech that is written into the audio instead of synthesised."""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from audio.g711 import mulaw_encode
from simulator.caller import Caller, NotHeardError, Reply, Voice
from simulator.caller.hearing import Hearing, loud_until
from simulator.caller.replies import first_time_offered
from simulator.caller.words import matches, resemblance, words
from simulator.clock import VirtualClock
from simulator.legs import EndedBy, Leg, LegEnd
from simulator.recording import Recording
from speech.stt import NO_HINTS, Hints, Recogniser, Samples, Transcript
from speech.tts import Synthesiser

TONE = mulaw_encode((6000 * np.sin(np.arange(8000) * 2 * np.pi * 300 / 8000)).astype(np.int16))


class FakeRecogniser(Recogniser):
    """Hears the next of the texts it was given."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)

    @override
    async def transcribe(self, audio: Samples, hints: Hints = NO_HINTS) -> Transcript:
        return Transcript(self.texts.pop(0)) if self.texts else Transcript("", no_speech=True)

    @override
    async def warm_up(self) -> None: ...

    @override
    async def close(self) -> None: ...


class FakeSynthesiser(Synthesiser):
    """A tone of 50 ms a character and 300 ms of silence behind it, at 22050 Hz."""

    @property
    @override
    def rate(self) -> int:
        return 22050

    @property
    @override
    def voices(self) -> tuple[str, ...]:
        return ("fake",)

    @override
    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        count = len(text) * 22050 // 20
        yield (6000 * np.sin(np.arange(count) * 2 * np.pi * 300 / 22050)).astype(np.int16)
        yield np.zeros(22050 * 3 // 10, np.int16)

    @override
    async def warm_up(self) -> None: ...

    @override
    async def close(self) -> None: ...


class FakeLeg(Leg):
    """Only a line; what the agent says is pushed into its play-out."""

    @property
    @override
    def provider_call_id(self) -> str:
        return "fake"

    @override
    async def dial(self) -> None:
        self._start_line()

    @override
    async def press(self, digits: str) -> None: ...

    @override
    async def hang_up(self) -> None:
        self._end_line()
        await self._settle(LegEnd(EndedBy.CALLER, "", self.clock.now()))

    @override
    async def platform_drop(self) -> None:
        await self.hang_up()

    @override
    async def lose_socket(self) -> None: ...

    def agent_says(self, seconds: float) -> None:
        self.line.playout.push(TONE[: int(seconds * 8000)])


@pytest.fixture
async def leg() -> AsyncIterator[FakeLeg]:
    async with VirtualClock(turns=3) as clock:
        leg = FakeLeg(clock)
        await leg.dial()
        yield leg
        if not leg.ended.done():
            await leg.hang_up()


def caller(leg: Leg, *heard: str) -> Caller:
    return Caller(leg, Voice(FakeSynthesiser(), FakeRecogniser(*heard)))


async def test_a_turn_is_heard_with_its_times(leg: FakeLeg) -> None:
    person = caller(leg, "Thank you for calling.")
    leg.agent_says(0.5)
    heard = await person.hears(5)
    assert heard.text == "Thank you for calling."
    assert heard.ended - heard.started == pytest.approx(0.5, abs=0.021)
    assert heard.response_ms is None


async def test_the_response_time_counts_from_the_last_sound_of_ones_own_speech(leg: FakeLeg) -> None:
    person = caller(leg, "What time?")
    await person.says("ten a.m.")
    said_until = leg.clock.now()
    await leg.clock.sleep(0.4)
    leg.agent_says(0.5)
    heard = await person.hears(5)
    assert heard.response_ms == pytest.approx(400, abs=45)
    assert heard.started >= said_until


async def test_nothing_in_time_and_nothing_after_the_end_are_said_in_words(leg: FakeLeg) -> None:
    person = caller(leg, "Good")
    with pytest.raises(NotHeardError, match="time is up"):
        await person.hears(1)
    leg.agent_says(0.5)
    await leg.clock.sleep(0.6)
    waiting = asyncio.create_task(person.hears(5))
    await leg.clock.sleep(0.01)
    await leg.hang_up()
    assert (await waiting).text == "Good"
    with pytest.raises(NotHeardError, match="the call is over"):
        await person.hears(5)


async def test_a_conversation_goes_on_until_the_pattern_is_heard(leg: FakeLeg) -> None:
    said: list[str] = []
    voice = Voice(FakeSynthesiser(), FakeRecogniser("What time would you like?", "Mumble.", "Shell I book it?"))
    person = Caller(leg, voice, said.append)
    replies = [Reply("what time", "Ten a.m."), Reply("day", "Tomorrow.")]
    talking = asyncio.create_task(person.converses(replies, until="shall I book it", timeout=60))
    for _ in range(3):
        leg.agent_says(0.5)
        await leg.clock.sleep(4)
    assert (await talking).text == "Shell I book it?"
    assert said == ["Ten a.m."]


async def test_what_was_heard_instead_is_told(leg: FakeLeg) -> None:
    person = caller(leg, "Good evening.")
    leg.agent_says(0.5)
    with pytest.raises(NotHeardError, match=r"expected 'goodbye', heard 'Good evening.'"):
        await person.waits_for("goodbye", 3)


async def test_both_directions_are_recorded(leg: FakeLeg, tmp_path: Path) -> None:
    path = tmp_path / "calls" / "one.wav"
    recording = leg.record(path)
    leg.agent_says(0.5)
    leg.send(TONE)
    await leg.line.spoken()
    await leg.hang_up()
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(both) / 8000 == recording.seconds >= 1.0
    assert np.abs(both[:8000, 0]).mean() > 1000
    assert np.abs(both[:4000, 1]).mean() > 1000
    assert np.abs(both[4200:, 1]).max() < 100


def test_a_hearing_cuts_turns_at_silence() -> None:
    hearing = Hearing(end_silence_ms=300)
    silence = b"\xff" * 160
    now = 0.0
    for frame in [silence] * 5 + [TONE[:160]] * 20 + [silence] * 10 + [TONE[:160]] * 5 + [silence] * 20:
        hearing(frame, now)
        now += 0.02
    turn = hearing.take()
    assert turn is not None
    assert turn.started == pytest.approx(0.1)
    assert turn.ended == pytest.approx(0.8)
    assert hearing.take() is None


def test_speech_ends_with_its_last_sound() -> None:
    assert loud_until(TONE[:4000] + b"\xff" * 4000) == 500
    assert loud_until(b"\xff" * 800) == 0
    assert loud_until(b"") == 0


@pytest.mark.parametrize(
    ("heard", "pattern"),
    [
        ("Welcome back. We were booking an appointment for tomorrow at 10 AM.", "welcome back"),
        ("Well come back we were booking an apartment for tomorrow", "we were booking an appointment for tomorrow"),
        ("I have you down for tomorrow at 10 a.m. Shell I book it?", "shall I book it"),
        ("Is there anything else I can help you with?", "goodbye|anything else"),
        ("your appointment is booked for Monday at 10am", "appointment is booked"),
        ("at ten a. m.", "10 AM"),
    ],
)
def test_what_was_meant_is_found(heard: str, pattern: str) -> None:
    assert matches(heard, pattern)


@pytest.mark.parametrize(
    ("heard", "pattern"),
    [
        ("What time would you like to come in?", "which day would you like"),
        ("Thank you for calling. How can I help you?", "welcome back"),
        ("", "goodbye"),
        ("yes", "no"),
    ],
)
def test_what_was_not_said_is_not_found(heard: str, pattern: str) -> None:
    assert not matches(heard, pattern)


@given(st.text(), st.text())
def test_resemblance_is_a_share(heard: str, phrase: str) -> None:
    assert 0.0 <= resemblance(heard, phrase) <= 1.0
    assert resemblance(phrase, phrase) == 1.0
    assert all(word == word.lower() for word in words(heard))


def test_an_offer_is_taken() -> None:
    text = "I'm sorry, 10 AM is taken tomorrow. I could offer 10:30 a.m., 9:30 AM or 11 AM. What time would you like?"
    assert first_time_offered(text) == "10:30 AM, please."
    assert first_time_offered("I could offer nothing") == "At two in the afternoon, please."


def test_a_reply_fits_or_not() -> None:
    heard = "What time would you like?"
    assert Reply("what time", "Ten.").to(heard) == "Ten."
    assert Reply("which day", "Tomorrow.").to(heard) is None
    assert Reply("what time", str.upper).to(heard) == heard.upper()


def test_an_empty_recording_is_a_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "x.wav")
    recording.save()
    assert recording.path.exists()


def test_a_starred_word_must_be_there() -> None:
    assert not matches("What would you like me to tell the nurse?", "what *time would you like")
    assert not matches("Is there anything else I can help you with?", "*how can I help you")
    assert matches("Thank you for calling. How can I help you?", "*how can I help you")
