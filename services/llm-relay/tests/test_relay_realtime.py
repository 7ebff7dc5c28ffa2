"""The OpenAI Realtime backend against a scripted server; every event, both ways, is checked by the SDK's types."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel
from structlog.testing import capture_logs

from audio.formats import MULAW_8K
from llm_relay.backends.openai_realtime import config, wire
from llm_relay.backends.openai_realtime.backend import RealtimeBackend
from llm_relay.backends.openai_realtime.connection import Connection, Received
from llm_relay.backends.openai_realtime.protocol import Protocol
from llm_relay.backends.openai_realtime.responses import RETRY_MS
from llm_relay.backends.port import BackendError, Listener, Manner, Opening, Part, PastTurn, Said, ToolCall
from llm_relay.testing import VirtualTimers
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE, DialoguePlan
from opusagent.fsa.v1.fsa_pb2 import Tool

MODEL = config.ModelSettings("gpt-transcribe", "marin", "server_vad")
PLAN = DialoguePlan(
    style=STYLE_DIALOGUE,
    instructions="Be kind.",
    language="en-US",
    vocabulary=["Dr. Okafor"],
)
TOOLS = [
    Tool(
        name="start_task",
        description="Start a task.",
        parameters_schema_json='{"type":"object","properties":{"task":{"enum":["book_appointment"]}}}',
    )
]


def types_of(union: Any) -> Iterator[type[BaseModel]]:
    for member in get_args(union):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member
        else:
            yield from types_of(member)


def by_name(union: Any) -> dict[str, type[BaseModel]]:
    return {get_args(member.model_fields["type"].annotation)[0]: member for member in types_of(union)}


CLIENT, SERVER = by_name(RealtimeClientEvent), by_name(RealtimeServerEvent)


def unknown_fields(value: Any, where: str = "") -> list[str]:
    """Fields that the SDK's models do not declare, anywhere in an event."""
    found: list[str] = []
    if isinstance(value, BaseModel):
        found += [f"{where}.{name}" for name in value.model_extra or {}]
        for name in type(value).model_fields:
            found += unknown_fields(getattr(value, name), f"{where}.{name}")
    elif isinstance(value, list):
        for one in value:
            found += unknown_fields(one, where)
    return found


def checked(event: dict[str, Any], known: dict[str, type[BaseModel]]) -> dict[str, Any]:
    parsed = known[event["type"]].model_validate(event, strict=True)
    assert unknown_fields(parsed, event["type"]) == []
    return event


class Log(Listener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.stopped = asyncio.Event()

    def caller_started(self, started_ms: int) -> None:
        self.told.append(("started", started_ms))

    def caller_interrupts(self) -> None:
        self.told.append(("interrupts",))

    def caller_stopped(self, ended_ms: int) -> None:
        self.told.append(("stopped", ended_ms))
        self.stopped.set()

    def caller_said(self, said: Said) -> None:
        self.told.append(("said", said.text, said.started_ms, said.ended_ms))

    def caller_unclear(self) -> None:
        self.told.append(("unclear",))

    def item_begun(self, item_id: str, delivery_id: str) -> None:
        self.told.append(("begun", item_id, delivery_id))

    def item_audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        self.told.append(("audio", item_id, audio, text, last))

    def generated(self, delivery_id: str) -> None:
        self.told.append(("generated", delivery_id))

    def freed(self) -> None:
        """Told too often to be written down."""

    def tool_called(self, call: ToolCall) -> None:
        self.told.append(("tool", call.function_call_id, call.name, call.arguments_json))

    def failed(self, reason: str) -> None:
        self.told.append(("failed",))


class Server:
    """The server's side of one protocol."""

    def __init__(self) -> None:
        self.log = Log()
        self.timers = VirtualTimers()
        self.sent: list[dict[str, Any]] = []
        self._count = 0
        self.protocol = Protocol(
            config.session(PLAN, TOOLS, MULAW_8K, MODEL), MULAW_8K, self._take, self.log, timers=self.timers
        )

    def _take(self, text: str) -> None:
        self.sent.append(checked(json.loads(text), CLIENT))

    def send(self, kind: str, **fields: Any) -> None:
        self._count += 1
        event = checked({"type": kind, "event_id": f"event_{self._count}", **fields}, SERVER)
        self.protocol.received(json.dumps(event).encode())

    def take(self) -> list[dict[str, Any]]:
        sent, self.sent = self.sent, []
        return sent

    @property
    def told(self) -> list[tuple[Any, ...]]:
        return self.log.told

    # ---- the usual stretches of a conversation

    def respond(self, response_id: str = "resp_1", metadata: dict[str, str] | None = None) -> None:
        response = {"id": response_id, "object": "realtime.response", "status": "in_progress", "output": []}
        self.send("response.created", response={**response, **({"metadata": metadata} if metadata else {})})

    def speak(self, item_id: str = "item_1", response_id: str = "resp_1", words: str = "Hello.") -> None:
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self.send("response.output_item.added", response_id=response_id, output_index=0, item=item)
        where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        self.send("response.output_audio_transcript.delta", **where, delta=words)
        self.audio(item_id, response_id)

    def audio(self, item_id: str = "item_1", response_id: str = "resp_1", milliseconds: int = 100) -> None:
        delta = base64.b64encode(b"\x7f" * (8 * milliseconds)).decode()
        where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        self.send("response.output_audio.delta", **where, delta=delta)

    def item_done(self, item_id: str = "item_1", response_id: str = "resp_1") -> None:
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": []}
        self.send("response.output_item.done", response_id=response_id, output_index=0, item=item)

    def done(self, response_id: str = "resp_1", status: str = "completed", output: list[Any] | None = None) -> None:
        response = {"id": response_id, "object": "realtime.response", "status": status, "output": output or []}
        self.send("response.done", response=response)

    def function_call(self, call_id: str, name: str, arguments: str, response_id: str = "resp_1") -> dict[str, Any]:
        item = {"id": f"item_{call_id}", "type": "function_call", "call_id": call_id, "name": name}
        item |= {"arguments": arguments, "status": "completed"}
        self.send("response.output_item.done", response_id=response_id, output_index=0, item=item)
        return item

    def caller_speaks(self, item_id: str = "user_1", start_ms: int = 1000, end_ms: int = 2000) -> None:
        self.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
        self.send("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item_id)

    def transcribed(self, words: str, item_id: str = "user_1") -> None:
        usage = {"type": "duration", "seconds": 1.0}
        kind = "conversation.item.input_audio_transcription.completed"
        self.send(kind, item_id=item_id, content_index=0, transcript=words, usage=usage)

    def error(self, code: str, event_id: str | None = None) -> None:
        detail = {"type": "invalid_request_error", "message": "no", "code": code, "event_id": event_id}
        self.send("error", error=detail)


@pytest.fixture
def server() -> Server:
    server = Server()
    server.protocol.connected([])
    server.take()
    return server


SAY = [Part("For which day?", Manner.EXACTLY, "task-1", question=True)]


def test_a_new_session_is_configured_and_told_the_history() -> None:
    server = Server()
    server.protocol.connected([PastTurn(True, "Hello?"), PastTurn(False, "Hello, how can I help?")])
    update, first, second = server.take()
    session = update["session"]
    assert session["audio"]["input"]["format"] == session["audio"]["output"]["format"] == {"type": "audio/pcmu"}
    assert session["audio"]["input"]["transcription"]["language"] == "en"
    assert session["audio"]["output"]["voice"] == "marin"
    (tool,) = session["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "start_task", "Start a task.")
    assert tool["parameters"]["properties"]["task"] == {"enum": ["book_appointment"]}
    assert first["item"]["content"] == [{"type": "input_text", "text": "Hello?"}]
    assert second["item"]["role"] == "assistant"
    assert second["item"]["content"][0]["type"] == "output_text"


@pytest.mark.parametrize(("named", "used"), [("cedar", "cedar"), ("heart", "marin"), ("", "marin")])
def test_a_voice_of_another_backend_is_not_asked_for(named: str, used: str) -> None:
    assert config.session(DialoguePlan(voice=named), (), MULAW_8K, MODEL)["audio"]["output"]["voice"] == used


def test_what_the_model_may_call_follows_the_state(server: Server) -> None:
    server.protocol.offer(TOOLS)
    assert server.take() == [], "it may already"
    server.protocol.offer([])
    (update,) = server.take()
    assert update["session"] == {"type": "realtime", "tools": []}
    server.protocol.lost()
    server.protocol.connected([])
    assert server.take()[0]["session"]["tools"] == []


def test_a_delivery_is_one_response_and_is_heard_in_order(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    note, create = server.take()
    assert "task-1" in note["item"]["content"][0]["text"]
    assert '"For which day?"' in create["response"]["instructions"]
    assert create["response"]["metadata"] == {"delivery": "d1"}
    assert not server.protocol.responses.free
    server.respond(metadata={"delivery": "d1"})
    server.speak(words="For which day?")
    server.audio()
    server.item_done()
    assert server.told == [
        ("begun", "item_1", "d1"),
        ("audio", "item_1", b"\x7f" * 800, "For which day?", False),
        ("audio", "item_1", b"\x7f" * 800, "", False),
        ("audio", "item_1", b"", "", True),
    ]
    server.done()
    assert server.told[-1] == ("generated", "d1")
    assert server.protocol.responses.free


def test_a_server_that_returns_no_metadata_is_understood(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.respond()
    server.speak()
    assert server.told[0] == ("begun", "item_1", "d1")


def test_guidance_alone_makes_no_response(server: Server) -> None:
    server.protocol.deliver("d1", [Part("Be brief.", Manner.UNSPOKEN)])
    [note] = server.take()
    assert note["item"]["role"] == "system"
    assert server.told == [("generated", "d1")]


def test_a_turn_of_the_caller_is_placed_in_his_media(server: Server) -> None:
    server.protocol.turns.offset_ms = 40_000
    server.caller_speaks()
    assert server.told == [("started", 41_000), ("interrupts",), ("stopped", 42_000)]
    server.transcribed("Tomorrow.")
    assert server.told[-1] == ("said", "Tomorrow.", 41_000, 42_000)
    server.transcribed("Tomorrow.")
    assert server.told.count(("said", "Tomorrow.", 41_000, 42_000)) == 1


def test_a_transcript_that_never_comes_is_unclear(server: Server) -> None:
    server.caller_speaks()
    server.timers.advance(5000)
    assert server.told[-1] == ("unclear",)


def test_a_failed_transcription_is_unclear(server: Server) -> None:
    server.caller_speaks()
    kind = "conversation.item.input_audio_transcription.failed"
    server.send(kind, item_id="user_1", content_index=0, error={"code": "x"})
    assert server.told[-1] == ("unclear",)


def test_after_a_turn_the_servers_own_response_goes_first(server: Server) -> None:
    server.caller_speaks()
    assert not server.protocol.responses.free
    server.respond("resp_auto")
    server.speak(response_id="resp_auto")
    assert ("begun", "item_1", "d1") not in server.told
    server.done("resp_auto")
    assert server.protocol.responses.free


@pytest.mark.parametrize("how", ["silence", "time"])
def test_a_turn_that_the_server_does_not_answer_blocks_nothing(server: Server, how: str) -> None:
    server.caller_speaks()
    if how == "time":
        server.timers.advance(3000)
    else:
        server.transcribed("")
    assert server.protocol.responses.free


def test_an_interruption_drops_late_audio_and_truncates(server: Server) -> None:
    server.respond()
    server.speak()
    server.send("input_audio_buffer.speech_started", audio_start_ms=500, item_id="user_1")
    before = len(server.told)
    server.audio()
    assert len(server.told) == before, "late audio of the cancelled response"
    assert server.take() == [], "the server cancels by itself"
    server.protocol.responses.cancel()
    assert server.take() == []
    server.done(status="cancelled")
    server.protocol.truncate("item_1", 60)
    server.protocol.truncate("item_1", 5000)
    server.protocol.truncate("item_of_another_session", 10)
    assert [event["audio_end_ms"] for event in server.take()] == [60, 100], "never more than was made"


def test_stopping_without_speech_cancels_once(server: Server) -> None:
    server.respond()
    server.protocol.responses.cancel()
    server.protocol.responses.cancel()
    assert [event["type"] for event in server.take()] == ["response.cancel"]


def test_a_response_no_longer_wanted_is_cancelled_when_it_begins(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.take()
    server.protocol.responses.cancel()
    server.respond(metadata={"delivery": "d1"})
    assert [event["type"] for event in server.take()] == ["response.cancel"]
    server.done(status="cancelled")
    assert server.told == [("generated", "d1")]


def test_a_refused_response_is_asked_for_again(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.take()
    server.error("conversation_already_has_active_response", "relay-response")
    server.done("resp_other")
    [again] = server.take()
    assert again["response"]["metadata"] == {"delivery": "d1"}
    server.respond("resp_2", metadata={"delivery": "d1"})
    server.done("resp_2")
    assert server.told == [("generated", "d1")]


def test_the_servers_own_answer_that_failed_silently_is_asked_for(server: Server) -> None:
    server.caller_speaks()
    server.respond()
    server.done(status="failed")
    assert server.take() == []
    server.timers.advance(RETRY_MS)
    [create] = server.take()
    assert create["response"] == {}
    server.respond("resp_2")
    server.speak(response_id="resp_2")
    server.done("resp_2")
    server.timers.advance(60_000)
    assert server.take() == []
    assert server.protocol.responses.free


def test_a_turn_of_the_caller_ends_the_asking_for_what_failed(server: Server) -> None:
    server.caller_speaks()
    server.respond()
    server.done(status="failed")
    server.caller_speaks("user_2", 3000, 4000)
    server.respond("resp_2")
    server.speak(response_id="resp_2")
    server.done("resp_2")
    server.timers.advance(60_000)
    assert server.take() == [], "the answer to the newer turn is enough"
    assert server.protocol.responses.free


def test_a_refused_configuration_ends_the_call_and_refused_tools_do_not() -> None:
    server = Server()
    server.protocol.connected([])
    [update] = server.take()
    server.error("invalid_value", "relay-tools")
    assert server.told == []
    with capture_logs() as lines:
        server.error("invalid_value", update["event_id"])
    assert server.told == [("failed",)]
    assert "check the OPENAI_ settings" in lines[-1]["event"]


def test_a_response_that_failed_silently_is_tried_again_a_few_times(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    for number in range(3):
        assert server.take()[-1]["type"] == "response.create"
        server.respond(f"resp_{number}", metadata={"delivery": "d1"})
        server.done(f"resp_{number}", status="failed")
        server.timers.advance(2000)
    assert server.take() == []
    assert server.told == [("generated", "d1")]


def test_a_request_that_is_wrong_is_not_repeated(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.error("invalid_value", "relay-response")
    assert server.told == [("generated", "d1")]
    assert server.protocol.responses.free


def test_function_calls_are_told_once_and_the_model_goes_on_after_the_last_answer(server: Server) -> None:
    server.respond()
    one = server.function_call("call_1", "start_task", '{"task":"book_appointment"}')
    two = server.function_call("call_2", "cancel_task", "{}")
    server.done(output=[one, two])
    assert [entry[:3] for entry in server.told] == [("tool", "call_1", "start_task"), ("tool", "call_2", "cancel_task")]
    server.protocol.answer_tool("call_1", "accepted")
    server.timers.advance(1000)
    assert [event["item"]["type"] for event in server.take()] == ["function_call_output"]
    server.protocol.answer_tool("call_2", "accepted")
    server.protocol.answer_tool("call_2", "accepted")
    assert len(server.take()) == 1
    server.timers.advance(400)
    [create] = server.take()
    assert create["type"] == "response.create"
    assert "instructions" not in create["response"]


def test_what_the_engine_says_takes_the_place_of_going_on(server: Server) -> None:
    server.respond()
    server.function_call("call_1", "start_task", "{}")
    server.protocol.answer_tool("call_1", "accepted")
    server.done()
    server.protocol.deliver("d1", SAY)
    server.take()
    server.timers.advance(5000)
    assert server.take() == []


def test_a_session_that_is_lost_is_told_everything_again(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.respond(metadata={"delivery": "d1"})
    server.send("input_audio_buffer.speech_started", audio_start_ms=500, item_id="user_1")
    server.take()
    server.protocol.lost()
    assert server.told[-1] == ("unclear",), "its transcript will never come"
    server.protocol.connected([PastTurn(True, "Hello?")])
    assert [event["type"] for event in server.take()] == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]


def test_a_delivery_that_was_heard_in_part_is_not_asked_for_again(server: Server) -> None:
    server.protocol.deliver("d1", SAY)
    server.respond(metadata={"delivery": "d1"})
    server.speak()
    server.take()
    server.protocol.lost()
    assert server.told[-2:] == [("audio", "item_1", b"", "", True), ("generated", "d1")]
    server.protocol.connected([])
    assert [event["type"] for event in server.take()] == ["session.update"]


def test_frames_without_the_events_around_them_pass(server: Server) -> None:
    audio = base64.b64encode(b"\x55" * 160).decode()
    server.protocol.received(json.dumps({"type": "response.output_audio.delta", "delta": audio}).encode())
    assert server.told[-1] == ("audio", "unnamed-0", b"\x55" * 160, "", False)
    server.caller_speaks()
    server.protocol.received(json.dumps({"type": "response.output_audio.delta", "delta": audio}).encode())
    assert server.told[-1][1] != "unnamed-0", "it is not held for what was interrupted"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"type":7}',
        b'{"type":"brand.new.event","x":1}',
        b'{"type":"response.output_audio.delta"}',
        b'{"type":"response.output_audio.delta","delta":"*"}',
        b'{"type":"response.output_audio.delta","delta":5}',
        b'{"type":"error"}',
        b'{"type":"response.done","response":[]}',
        b'{"type":"session.created","session":null}',
        b"\xff\xfe",
    ],
)
def test_what_is_not_as_documented_harms_only_itself(server: Server, data: bytes) -> None:
    server.protocol.received(data)
    server.respond()
    server.speak()
    assert server.told[-1][0] == "audio"


@settings(deadline=None)
@given(st.binary(max_size=4000))
def test_audio_survives_the_way_out(audio: bytes) -> None:
    event = checked(json.loads(wire.append(audio)), CLIENT)
    assert base64.b64decode(event["audio"]) == audio


@settings(deadline=None)
@given(st.lists(st.sampled_from(["created", "audio", "done", "cancel", "started", "stopped", "said", "lost"])))
def test_no_order_of_events_leaves_the_session_stuck(events: list[str]) -> None:
    server = Server()
    server.protocol.connected([])
    steps = {
        "created": server.respond,
        "audio": server.audio,
        "done": server.done,
        "cancel": server.protocol.responses.cancel,
        "started": lambda: server.send("input_audio_buffer.speech_started", audio_start_ms=1, item_id="u"),
        "stopped": lambda: server.send("input_audio_buffer.speech_stopped", audio_end_ms=2, item_id="u"),
        "said": lambda: server.transcribed("hello", "u"),
        "lost": lambda: (server.protocol.lost(), server.protocol.connected([])),
    }
    for event in events:
        steps[event]()
        if server.protocol.responses.free:
            server.protocol.deliver("d", SAY)
    for _ in range(3):
        server.done("resp_1")
        server.timers.advance(60_000)
        server.respond()
        server.done("resp_1")
    server.timers.advance(60_000)
    assert server.protocol.responses.free


class FakeSocket(Connection):
    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        self.open = True
        self.reads = True
        self._early: list[bytes] = []
        self._received: Received = self._early.append
        self._writable: Callable[[], None] = lambda: None
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def listen(self, received: Received, writable: Callable[[], None]) -> None:
        self._received, self._writable = received, writable
        for message in self._early:
            received(message)

    @property
    def writing(self) -> bool:
        return self.open and self.reads

    def send(self, text: bytes) -> None:
        self.sent.append(json.loads(text))
        self.news.set()

    def close(self) -> None:
        self.drop(1000)

    async def closed(self) -> int:
        return await self._code

    def push(self, **event: Any) -> None:
        self._received(json.dumps(event).encode())

    def drop(self, code: int = 1011) -> None:
        self.open = False
        if not self._code.done():
            self._code.set_result(code)

    def reads_again(self) -> None:
        self.reads = True
        self._writable()

    async def until(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        while len(found := [event for event in self.sent if event["type"] == kind]) < count:
            self.news.clear()
            await self.news.wait()
        return found


class Exchange:
    """Where sockets come from: each dial gives the next one, or refuses."""

    def __init__(self, *results: FakeSocket | None) -> None:
        self.results = list(results)
        self.history: list[PastTurn] = []
        self.log = Log()
        self.now_ms = 0
        self.failed = asyncio.Event()
        self.log.failed = lambda reason: self.failed.set()  # type: ignore[method-assign]

    async def dial(self) -> Connection:
        result = self.results.pop(0)
        if result is None:
            raise BackendError("refused")
        return result

    async def sleep(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)
        await asyncio.sleep(0)

    async def open(self) -> Any:
        backend = RealtimeBackend(self.dial, MODEL, VirtualTimers(), clock=lambda: self.now_ms, sleep=self.sleep)
        return await backend.open(Opening("call-1", MULAW_8K, PLAN, TOOLS, lambda: self.history), self.log)


async def test_caller_audio_goes_out_after_the_configuration() -> None:
    socket = FakeSocket()
    session = await Exchange(socket).open()
    session.hear(b"\x01" * 160, 20)
    session.hear(b"\x02" * 160, 40)
    assert [event["type"] for event in socket.sent] == ["session.update", *["input_audio_buffer.append"] * 2]
    assert [base64.b64decode(event["audio"]) for event in socket.sent[1:]] == [b"\x01" * 160, b"\x02" * 160]
    await session.close()
    assert not socket.open


async def test_audio_waits_for_a_server_that_does_not_read_and_goes_as_one() -> None:
    socket = FakeSocket()
    session = await Exchange(socket).open()
    await asyncio.sleep(0)
    socket.reads = False
    for number in range(800):
        session.hear(bytes([number % 251]) * 160, number * 20)
    assert [event["type"] for event in socket.sent] == ["session.update"]
    socket.reads_again()
    [append] = socket.sent[1:]
    kept = b"".join(bytes([number % 251]) * 160 for number in range(50, 800))
    assert base64.b64decode(append["audio"]) == kept, "the oldest was forgotten, fifteen seconds were kept"
    await session.close()


async def test_an_event_that_breaks_the_session_is_said_and_not_swallowed() -> None:
    socket = FakeSocket()
    exchange = Exchange(socket)
    session = await exchange.open()
    await asyncio.sleep(0)

    def broken(message: bytes) -> None:
        raise RuntimeError("broken")

    session._protocol.received = broken
    socket.push(type="session.created")
    await exchange.failed.wait()
    assert not socket.open
    await session.close()


async def test_a_lost_socket_is_replaced_and_no_audio_is_lost_meanwhile() -> None:
    first, second = FakeSocket(), FakeSocket()
    exchange = Exchange(first, None, second)
    session = await exchange.open()
    await first.until("session.update")
    exchange.history.append(PastTurn(True, "Hello?"))
    first.drop(1011)
    session.hear(b"\x03" * 160, 60)
    await second.until("input_audio_buffer.append")
    assert [event["type"] for event in second.sent] == [
        "session.update",
        "conversation.item.create",
        "input_audio_buffer.append",
    ]
    second.push(type="input_audio_buffer.speech_started", event_id="e", audio_start_ms=0, item_id="u")
    second.push(type="input_audio_buffer.speech_stopped", event_id="e", audio_end_ms=20, item_id="u")
    await exchange.log.stopped.wait()
    assert ("stopped", 80) in exchange.log.told, "positions are of the caller's media, not of the new session"
    await session.close()


async def test_a_model_that_cannot_be_reached_any_more_is_said() -> None:
    first = FakeSocket()
    exchange = Exchange(first, *[None] * 6)
    session = await exchange.open()
    first.drop()
    await exchange.failed.wait()
    await session.close()


async def test_a_session_is_rolled_over_before_its_end() -> None:
    first, second = FakeSocket(), FakeSocket()
    exchange = Exchange(first, second)
    session = await exchange.open()
    first.push(type="session.created", event_id="e", session={"type": "realtime", "expires_at": 3600})
    await second.until("session.update")
    assert not first.open
    assert 3300_000 <= exchange.now_ms <= 3310_000
    second.push(type="session.created", event_id="e", session={"type": "realtime", "expires_at": 0})
    await asyncio.sleep(0)
    await session.close()


async def test_an_expired_session_is_replaced() -> None:
    first, second = FakeSocket(), FakeSocket()
    session = await Exchange(first, second).open()
    detail = {"type": "invalid_request_error", "code": "session_expired", "message": "over"}
    first.push(type="error", event_id="e", error=detail)
    await second.until("session.update")
    await session.close()
