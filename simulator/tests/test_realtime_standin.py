"""The stand-in against the official client, with a fake ear and a fake voice."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from audio.formats import MULAW_8K
from audio.transcode import encode
from simulator.realtime import hearing
from simulator.realtime.server import RealtimeStandIn
from speech.stt import Hints, Recogniser, Samples, Transcript
from speech.tts import Synthesiser
from speech.vad import Window

TOOLS = [
    {
        "type": "function",
        "name": "start_task",
        "description": "Starts a task.",
        "parameters": {"type": "object", "properties": {"task": {"type": "string", "enum": ["book_appointment"]}}},
    },
    {
        "type": "function",
        "name": "answer_task",
        "description": "Passes an answer on.",
        "parameters": {"type": "object", "properties": {"task_id": {"type": "string"}, "answer": {"type": "string"}}},
    },
]
SESSION = {
    "type": "realtime",
    "tools": TOOLS,
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "gpt-transcribe"}},
        "output": {"format": {"type": "audio/pcmu"}},
    },
}


class FakeEar(Recogniser):
    def __init__(self) -> None:
        self.text = "I'd like to book an appointment"

    async def transcribe(self, audio: Samples, hints: Hints = Hints()) -> Transcript:
        return Transcript(self.text, 0.9)

    async def warm_up(self) -> None:
        return None

    async def close(self) -> None:
        return None


class FakeVoice(Synthesiser):
    rate = 8000
    voices = ("tone",)

    def __init__(self) -> None:
        self.hold = asyncio.Event()
        self.hold.set()

    async def stream(self, text: str, voice: str = "") -> AsyncIterator[Samples]:
        for _ in range(3):
            yield np.full(800, 1000, np.int16)
            await self.hold.wait()

    async def warm_up(self) -> None:
        return None

    async def close(self) -> None:
        return None


class LoudnessDetector:
    """Speech is whatever is loud: lets a test speak without speech."""

    def __init__(self, format: Any, start_ms: int = 0) -> None:
        self._at = start_ms

    def feed(self, audio: bytes) -> list[Window]:
        window = Window(0.9 if set(audio) != {0xFF} else 0.0, self._at, self._at + len(audio) // 8)
        self._at = window.end_ms
        return [window]


SPEECH = encode((np.sin(np.arange(800)) * 8000).astype(np.int16), "mulaw")
SILENCE = MULAW_8K.silence(100)


@pytest_asyncio.fixture
async def ear() -> FakeEar:
    return FakeEar()


@pytest_asyncio.fixture
async def voice() -> FakeVoice:
    return FakeVoice()


@pytest_asyncio.fixture
async def connection(ear: FakeEar, voice: FakeVoice, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(hearing, "VoiceDetector", LoudnessDetector)
    stand_in = RealtimeStandIn(ear, voice)
    client = AsyncOpenAI(api_key="test", base_url=await stand_in.start())
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        yield connection
    await client.close()
    await stand_in.stop()


async def until(connection: Any, kind: str) -> list[Any]:
    seen = []
    while not seen or seen[-1].type != kind:
        seen.append(await asyncio.wait_for(connection.recv(), 5))
    return seen


async def say(connection: Any) -> None:
    for audio in [SPEECH] * 5 + [SILENCE] * 7:
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())


async def test_a_turn_becomes_a_function_call_in_the_documented_order(connection: Any) -> None:
    await connection.session.update(session=SESSION)
    await say(connection)
    kinds = [event.type for event in await until(connection, "response.done")]
    order = [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.done",
    ]
    assert [kind for kind in dict.fromkeys(kinds) if kind in order] == order


async def test_response_instructions_are_spoken_as_quoted(connection: Any) -> None:
    await connection.session.update(session=SESSION)
    await connection.response.create(response={"instructions": 'Say exactly: "Welcome back!"'})
    events = await until(connection, "response.done")
    audio = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
    transcript = [e.transcript for e in events if e.type == "response.output_audio_transcript.done"]
    assert transcript == ["Welcome back!"]
    assert len(audio) == 2400


async def test_speech_cancels_the_active_response(connection: Any, voice: FakeVoice) -> None:
    await connection.session.update(session=SESSION)
    voice.hold.clear()
    await connection.response.create(response={"instructions": 'Say "a long story"'})
    await until(connection, "response.output_audio.delta")
    await say(connection)
    done = (await until(connection, "response.done"))[-1]
    assert done.response.status == "cancelled"
    assert done.response.status_details.reason == "turn_detected"


async def test_truncate_is_bounded_by_the_audio_that_exists(connection: Any) -> None:
    await connection.session.update(session=SESSION)
    await connection.response.create(response={"instructions": 'Say "hello"'})
    events = await until(connection, "response.done")
    item = next(e.item.id for e in events if e.type == "response.output_item.added")
    await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=301)
    assert (await connection.recv()).type == "error"
    await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=150)
    assert (await connection.recv()).type == "conversation.item.truncated"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "no.such.event", "event_id": "c1"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "event_id": "c1", "audio": "%%%"}, "invalid_value"),
        ({"type": "input_audio_buffer.commit", "event_id": "c1"}, "input_audio_buffer_commit_empty"),
        ({"type": "response.cancel", "event_id": "c1"}, "response_cancel_not_active"),
        ({"type": "session.update", "event_id": "c1", "session": {"modalities": ["audio"]}}, "unknown_parameter"),
    ],
)
async def test_a_wrong_event_is_answered_with_its_id_and_changes_nothing(
    connection: Any, event: dict[str, Any], code: str
) -> None:
    await until(connection, "session.created")
    await connection.send(event)
    answer = await connection.recv()
    assert (answer.type, answer.error.code, answer.error.event_id) == ("error", code, "c1")
    TypeAdapter(RealtimeServerEvent).validate_python(answer.model_dump())


async def test_a_second_response_is_refused_while_one_is_active(connection: Any, voice: FakeVoice) -> None:
    await connection.session.update(session=SESSION)
    voice.hold.clear()
    await connection.response.create(response={"instructions": 'Say "one"'})
    await connection.response.create(response={"instructions": 'Say "two"'})
    error = (await until(connection, "error"))[-1]
    assert error.error.code == "conversation_already_has_active_response"
    voice.hold.set()
    assert (await until(connection, "response.done"))[-1].response.status == "completed"
