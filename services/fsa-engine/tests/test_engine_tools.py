"""Intents: what becomes of tool calls that hang, die, flood, or outlive their engine."""

import os
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis.rpc import RpcError, StatusCode

World = Any
KEYED = {"write": True, "settle": "idempotent_by_key"}
ONCE = {"write": True, "settle": "once"}


async def test_a_tool_result_comes_back_as_an_event(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    event_id = relay.ask_tool("u1", tool="echo", arguments={"text": "hi"}, sensitive=["text"])
    assert await relay.texts(event_id) == ["One moment."]
    assert await relay.result(event_id) == {"ok": True, "error": "", "unknown": False, "result": {"text": "hi"}}
    assert world.session.session("session-1").open_intents == {}
    (called,) = await world.facts("tool_called", 1)
    assert (called.intent_id, called.attempt, orjson.loads(called.arguments_json)) == (
        f"{event_id}/i0",
        1,
        {"text": "***"},
    )
    (returned,) = await world.facts("tool_returned", 1)
    assert (returned.ok, orjson.loads(returned.result_json)) == (True, {"text": "***"})


async def test_a_hanging_tool_fails_at_its_limit_and_the_call_goes_on_meanwhile(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    event_id = relay.ask_tool("u1", tool="hang", timeout_ms=300)
    assert await relay.texts(relay.say("u2", "are you there")) == ["heard are you there"]
    result = await relay.result(event_id)
    assert (result["ok"], result["error"], result["unknown"]) == (False, "timeout", False)


async def test_a_hanging_write_is_tried_again_with_its_key_and_then_unknown(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    arguments = {"path": str(counted.path)}
    result = await relay.result(relay.ask_tool("u1", tool="hang", timeout_ms=300, arguments=arguments, **KEYED))
    assert (result["error"], result["unknown"]) == ("unknown", True)
    assert counted() == 2


async def test_a_write_of_another_kind_is_never_tried_twice(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    arguments = {"path": str(counted.path)}
    result = await relay.result(relay.ask_tool("u1", tool="die_once", arguments=arguments, **ONCE))
    assert (result["error"], result["unknown"]) == ("unknown", True)
    assert counted() == 1


@pytest.mark.parametrize("kind", [KEYED, {}])
async def test_a_server_that_dies_during_a_call_that_may_be_repeated(world: World, counted: Any, kind: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    arguments = {"path": str(counted.path)}
    result = await relay.result(relay.ask_tool("u1", tool="die_once", arguments=arguments, **kind))
    assert result["result"] == {"calls": 2}


def looked_up(counted: Any, happened: str = "result.found", **arguments: Any) -> Any:
    lookup = {"server": "odd", "tool": "found", "arguments": arguments, "happened": happened}
    return {"write": True, "settle": "lookup", "lookup": lookup, "arguments": {"path": str(counted.path)}}


async def test_an_uncertain_write_is_looked_up(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    result = await relay.result(relay.ask_tool("u1", tool="die_once", **looked_up(counted, yes=True)))
    assert (result["ok"], result["result"], counted()) == (True, {"found": True}, 1)


async def test_a_write_that_is_known_not_to_have_happened_is_made_again(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    result = await relay.result(relay.ask_tool("u1", tool="die_once", **looked_up(counted, yes=False)))
    assert (result["ok"], result["result"]) == (True, {"calls": 2})
    (saved,) = [one for event, one in world.session.session("session-1").saves.items() if "/try2/" in event]
    assert saved.settled_intents == [intent.intent_id for intent in saved.intents] == ["call-1/u1/i0"]


@pytest.mark.parametrize("happened", ["result.missing", "result.found + 1", "broken("])
async def test_a_lookup_that_does_not_say_leaves_a_write_unknown(world: World, counted: Any, happened: str) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    result = await relay.result(relay.ask_tool("u1", tool="die_once", **looked_up(counted, happened, yes=False)))
    assert (result["ok"], result["unknown"], counted()) == (False, True, 1)


async def test_what_was_saved_while_the_answer_got_lost_is_still_the_first_try(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    lost = iter([True])

    def lose(request: Any) -> None:
        if request.intents and next(lost, False):
            raise RpcError(StatusCode.UNAVAILABLE, "the answer is lost")

    world.session.after_save = lose
    result = await relay.result(relay.ask_tool("u1", tool="echo", arguments={"text": "hi"}, **ONCE))
    assert (result["ok"], result["unknown"]) == (True, False)


async def test_ten_megabytes_of_result_are_a_failure_and_the_call_goes_on(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    result = await relay.result(relay.ask_tool("u1", tool="huge", arguments={"megabytes": 10}))
    assert result["error"] == "result_too_large"
    assert await relay.texts(relay.say("u2", "still here")) == ["heard still here"]


@pytest.mark.parametrize("payload", [{"tool": "nope"}, {"server": "nope", "tool": "echo"}, {"no": "tool"}])
async def test_an_intent_that_cannot_be_carried_out_fails(world: World, payload: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    result = await relay.result(relay.ask_tool("u1", **payload))
    assert not result["ok"]


async def killed_with_an_open_intent(world: World, **payload: Any) -> Any:
    """Have an engine save an intent and die while its tool hangs; return the relay, now of the next engine."""
    first = await world.engine()
    relay = world.relay()
    await relay.open()
    event_id = relay.ask_tool("u1", tool="hang", **payload)
    await relay.texts(event_id)
    await world.facts("tool_called", 1)
    await first.stop()
    assert list(world.session.session("session-1").open_intents) == ["call-1/u1/i0"]
    server = world.agents / "odd.py"
    server.write_text(server.read_text().replace("await asyncio.Event().wait()", "pass"))
    await world.engine()
    relay.engine_slot = 1
    relay.say("u2", "hello")
    return relay


@pytest.mark.parametrize(("kind", "unknown"), [({}, False), (KEYED, False), (ONCE, True)])
async def test_the_next_engine_settles_what_was_open(world: World, kind: Any, unknown: bool) -> None:
    relay = await killed_with_an_open_intent(world, **kind)
    result = await relay.result("call-1/u1")
    assert (result["ok"], result["unknown"]) == (not unknown, unknown)
    assert world.session.session("session-1").open_intents == {}


async def test_an_intent_is_not_carried_out_twice_by_one_engine(world: World, counted: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    event_id = relay.ask_tool("u1", tool="hang", timeout_ms=700, arguments={"path": str(counted.path)})
    await relay.texts(event_id)
    relay.ask_tool("u1", tool="hang", timeout_ms=700, arguments={"path": str(counted.path)})
    relay.generation = 2
    await relay.open()
    assert (await relay.result(event_id))["error"] == "timeout"
    assert counted() == 1


async def test_a_result_that_cannot_be_saved_waits(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    failures = iter(range(5))

    def fault(request: Any) -> None:
        if getattr(request, "event_id", "").endswith("/result") and next(failures, None) is not None:
            raise RpcError(StatusCode.UNAVAILABLE, "out")

    world.session.fault = fault
    assert (await relay.result(relay.ask_tool("u1", tool="echo", arguments={"text": "hi"})))["ok"]
    assert next(failures, None) is None


async def test_a_tool_server_that_is_killed_between_calls_is_back_for_the_next(world: World, tmp_path: Path) -> None:
    server = world.agents / "odd.py"
    server.write_text(server.read_text() + "\n".replace("\n", ""))
    pid_file = tmp_path / "pid"
    server.write_text(f"import os\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\n" + server.read_text())
    await world.engine()
    relay = world.relay()
    await relay.open()
    for number in (1, 2, 3):
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        result = await relay.result(relay.ask_tool(f"u{number}", tool="echo", arguments={"text": "hi"}))
        assert result["ok"]
