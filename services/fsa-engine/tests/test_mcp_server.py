"""Tasks as MCP tools, asked for by the SDK's own client over HTTP."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from pydantic import SecretStr, ValidationError

from chassis.ids import now_ms
from fsa_engine.domain.step import step
from fsa_engine.settings import EngineSettings
from opusagent.call.v1.call_pb2 import CHANNEL_TEXT, END_REASON_AGENT_HUNG_UP, END_REASON_CALLER_HUNG_UP

World = Any
HERE = Path(__file__).parent
TOKENS = "front-desk=secret-1,night=secret-2"
AGENT = """
version: 1
agent: desk
name: Front Desk
time_zone: America/New_York
called_numbers: ["*"]
greeting: Hello.
help: I can book a visit.
servers:
  ledger: {transport: stdio, command: [python, ledger_server.py]}
tools:
  pay_keyed: {server: ledger, write: true, settle: idempotent_by_key}
tasks:
  visit:
    description: Book a visit.
    title: book a visit
    request: visit
    resume: booking a visit
    examples: [book a visit]
    slots:
      date: {type: date, prompt: "Which day?"}
      time: {type: time, prompt: "What time?", likely: {from: "08:00", to: "18:00"}}
      pin: {type: digits, sensitive: true, prompt: "Your pin?", min_length: 4, max_length: 4}
    initial: day
    states:
      day: {kind: collect, slot: date, to: hour}
      hour: {kind: collect, slot: time, to: confirm}
      confirm: {kind: confirm, slots: [date, time], text: "{date} at {time}. Shall I book it?", "yes": book}
      book:
        kind: act
        tool: pay_keyed
        arguments: {reference: call.caller}
        progress: One moment.
        to: done
        failed: sorry
      done: {kind: done, text: "Booked for {date} at {time}."}
      sorry: {kind: failed, text: Not booked., reason: tool_failed}
  secret:
    description: Check a pin.
    title: check a pin
    request: pin check
    resume: checking a pin
    examples: [check my pin]
    slots:
      pin: {type: digits, sensitive: true, prompt: "Your pin?", min_length: 4, max_length: 4}
    initial: ask
    states:
      ask: {kind: collect, slot: pin, to: done}
      done: {kind: done, text: Thank you.}
"""


@pytest.fixture
def desk(world: World, tmp_path: Path) -> World:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "agent.yaml").write_text(AGENT)
    shutil.copy(HERE / "ledger_server.py", folder)
    world.agents = folder
    world.step = step
    world.clock = now_ms
    return world


@asynccontextmanager
async def connect(engine: Any, token: str = "secret-1", mode: str = "auto") -> AsyncIterator[Client]:
    """Connect a client to an engine."""
    url = f"http://127.0.0.1:{engine.task_server.port}/mcp"
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"})
    async with http, Client(streamable_http_client(url, http_client=http), mode=mode) as client:
        yield client


async def served(world: World, **settings: Any) -> Any:
    given = {"engine_mcp_port": 0, "engine_mcp_tokens": SecretStr(TOKENS)} | settings
    return await world.engine(**given)


async def view(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    made: dict[str, Any] = result.structured_content  # type: ignore[assignment]
    return made


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return str(result.content[0].text)  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_every_task_is_a_tool_with_a_schema_of_its_slots(desk: World, mode: str) -> None:
    async with connect(await served(desk), mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"desk_visit", "desk_secret", "answer_task", "task_status", "cancel_task"}
    assert set(tools["desk_visit"].input_schema["properties"]) == {"date", "time", "words", "caller"}
    assert tools["desk_visit"].output_schema is not None
    assert "state" in tools["desk_visit"].output_schema["properties"]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_visit_is_booked_in_text(desk: World, mode: str) -> None:
    async with connect(await served(desk), mode=mode) as client:
        made = await view(client, "desk_visit", words="next Tuesday please", caller="+15550001")
        assert (made["state"], made["question"], made["expects"]["kind"]) == ("asking", "What time?", "time")
        session = made["session"]
        made = await view(client, "answer_task", session=session, words="at ten a.m.")
        assert made["question"].endswith("Shall I book it?")
        assert made == await view(client, "task_status", session=session)
        made = await view(client, "answer_task", session=session, words="yes please")
        assert (made["state"], made["question"]) == ("done", None)
        assert made["result"].startswith("Booked for")
        assert await view(client, "task_status", session=session) == made
        assert "ended" in await refusal(client, "answer_task", session=session, words="one more thing")

    session_id = session.rpartition(".")[0]
    (call,) = desk.session.calls
    assert (call.call.channel, call.call.session_id, call.call.caller) == (CHANNEL_TEXT, session_id, "")
    assert call.call.callee == "agent:desk"
    (started,) = await desk.facts("call_started", 1)
    (ended,) = await desk.facts("call_ended", 1)
    assert started.call.call_id == call.call.call_id
    assert ended.reason == END_REASON_AGENT_HUNG_UP
    said = [turn.text for turn in desk.session.turns[session_id].values()]
    assert "next Tuesday please" in said
    assert any(text.startswith("Booked for") for text in said)


async def test_what_is_proposed_is_no_confirmation(desk: World) -> None:
    async with connect(await served(desk)) as client:
        made = await view(client, "desk_visit", date="tomorrow", time="10:00", words="tomorrow at ten, yes")
        assert made["state"] == "asking"
        assert made["question"].endswith("Shall I book it?")


async def test_a_secret_is_pressed_and_written_down_nowhere(desk: World) -> None:
    async with connect(await served(desk)) as client:
        session = (await view(client, "desk_secret"))["session"]
        assert (await view(client, "answer_task", session=session, keys="7391#"))["state"] == "done"
        spoken = (await view(client, "desk_secret"))["session"]
        await view(client, "answer_task", session=spoken, words="seven three nine one 7391")
    for turns in desk.session.turns.values():
        assert not any("7391" in turn.text for turn in turns.values())


async def test_a_session_belongs_to_the_principal_who_started_it(desk: World) -> None:
    engine = await served(desk)
    async with connect(engine) as client, connect(engine, "secret-2") as other:
        session = (await view(client, "desk_visit"))["session"]
        for tool, arguments in (("answer_task", {"words": "hi"}), ("task_status", {}), ("cancel_task", {})):
            assert await refusal(other, tool, session=session, **arguments) == "there is no such session"
            assert await refusal(client, tool, session=f"x{session}", **arguments) == "there is no such session"
        relay = desk.relay()
        await relay.open()
        assert await refusal(client, "answer_task", session="session-1", words="yes") == "there is no such session"


@pytest.mark.parametrize("token", ["x", "secret", "front-desk=secret-1"])
async def test_without_a_token_nothing_is_answered(desk: World, token: str) -> None:
    engine = await served(desk)
    async with httpx2.AsyncClient() as http:
        url = f"http://127.0.0.1:{engine.task_server.port}/mcp"
        answer = await http.post(url, headers={"Authorization": f"Bearer {token}"}, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_another_host_than_ours_is_not_answered(desk: World) -> None:
    engine = await served(desk)
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer secret-1", "Host": "evil.example"}) as http:
        url = f"http://127.0.0.1:{engine.task_server.port}/mcp"
        assert (await http.post(url, json={})).status_code == 421


async def test_arguments_are_checked_against_the_schema(desk: World) -> None:
    async with connect(await served(desk)) as client:
        assert "extra" in await refusal(client, "desk_visit", extra=1)
        assert "session" in await refusal(client, "answer_task", words="hi")
        assert "valid" in await refusal(client, "answer_task", session="s")
        assert "maxLength" in await refusal(client, "answer_task", session="s", words="x" * 10_000)
        assert "pattern" in await refusal(client, "answer_task", session="s", keys="12 34")
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("desk_rob", {})
    assert not desk.session.calls


async def test_a_task_is_cancelled(desk: World) -> None:
    async with connect(await served(desk)) as client:
        for words in ("", "tomorrow"):
            session = (await view(client, "desk_visit", **({"words": words} if words else {})))["session"]
            made = await view(client, "cancel_task", session=session)
            assert (made["state"], made["reason"]) == ("cancelled", "cancelled")
            assert (await view(client, "cancel_task", session=session))["state"] in ("cancelled", "ended")
    for ended in await desk.facts("call_ended", 2):
        assert ended.reason == END_REASON_AGENT_HUNG_UP


async def test_the_same_key_is_the_same_request(desk: World) -> None:
    key: Any = {"opusagent/idempotency_key": "k-1"}
    async with connect(await served(desk)) as client:
        first = await client.call_tool("desk_visit", {"words": "tomorrow"}, meta=key)
        again = await client.call_tool("desk_visit", {"words": "tomorrow"}, meta=key)
        assert first.structured_content == again.structured_content
        session = first.structured_content["session"]  # type: ignore[index]
        assert len(desk.session.calls) == 1
        for _ in range(2):
            answer = await client.call_tool("answer_task", {"session": session, "words": "at noon"}, meta=key)
            assert "Shall I book it?" in answer.structured_content["question"]  # type: ignore[index]


async def test_another_engine_goes_on_with_a_session(desk: World) -> None:
    async with connect(await served(desk)) as first, connect(await served(desk)) as second:
        session = (await view(first, "desk_visit", words="tomorrow at noon"))["session"]
        made = await view(second, "task_status", session=session)
        assert made["question"].endswith("Shall I book it?")
        made = await view(second, "answer_task", session=session, words="no, at ten a.m.")
        assert "10 AM" in made["question"]
        made = await view(first, "answer_task", session=session, words="yes")
        assert made["state"] == "done"
        assert "10 AM" in made["result"]


async def test_progress_is_told_while_a_tool_is_at_work(desk: World) -> None:
    heard: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message)

    (desk.agents / "hook.json").write_text('{"at": "before", "kill": "server", "calls": 2}')
    async with connect(await served(desk, engine_mcp_wait_seconds=0.3)) as client:
        session = (await view(client, "desk_visit", words="tomorrow at noon"))["session"]
        answer = {"session": session, "words": "yes"}
        result = await client.call_tool("answer_task", answer, progress_callback=hear)
        assert result.structured_content["state"] == "working"  # type: ignore[index]
        assert heard == ["One moment."]
        (desk.agents / "hooked").touch()
        made = await view(client, "cancel_task", session=session)
        assert made["state"] == "working", "a write that was begun is not taken back"


async def test_an_abandoned_session_is_ended(desk: World) -> None:
    async with connect(await served(desk, engine_mcp_idle_seconds=0.05)) as client:
        session = (await view(client, "desk_visit", words="tomorrow"))["session"]
        (ended,) = await desk.facts("call_ended", 1)
        assert ended.reason == END_REASON_CALLER_HUNG_UP
        assert (await view(client, "task_status", session=session))["state"] == "ended"


async def test_a_session_that_a_dead_engine_left_is_ended(desk: World) -> None:
    async with connect(await served(desk)) as client:
        await view(client, "desk_visit", words="tomorrow")
    await desk.engines[0].stop()
    await served(desk, engine_mcp_idle_seconds=0.05)
    (ended,) = await desk.facts("call_ended", 1)
    assert ended.reason == END_REASON_CALLER_HUNG_UP


async def test_without_a_port_nothing_is_offered(desk: World) -> None:
    assert (await desk.engine()).task_server is None


def test_tokens_are_demanded_where_others_can_reach_it() -> None:
    unsafe: Any
    for unsafe in ({"environment": "production"}, {"engine_mcp_host": "0.0.0.0"}):
        with pytest.raises(ValidationError, match="ENGINE_MCP_TOKENS"):
            EngineSettings(engine_mcp_port=7070, **unsafe)
        EngineSettings(engine_mcp_port=7070, engine_mcp_tokens=SecretStr("t"), **unsafe)
    assert EngineSettings(engine_mcp_port=7070).mcp_tokens == {}
    assert set(EngineSettings(engine_mcp_tokens=SecretStr("a=1, 2")).mcp_tokens.values()) == {"1", "2"}
