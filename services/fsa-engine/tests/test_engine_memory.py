"""What an agent remembers of a caller: kept with the step that changed it, known when the caller rings again."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from fsa_engine.casting import Casting
from fsa_engine.domain.snapshot import CallFacts, Snapshot
from fsa_engine.domain.step import step
from opusagent.session.v1.session_pb2 import CallerMemory, LoadTaskRequest

World = Any
DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
CLUB = """
version: 1
agent: {agent}
name: Club
called_numbers: ["{number}"]
greeting: Hello.
help: I can note your name.
context:
  member: {{type: text, remember: true}}
memory: {{retention_days: 30, history: 5}}
tasks:
  sign_up:
    description: Note a name.
    title: sign up
    request: wish
    resume: signing up
    examples: [I want to sign up]
    slots: {{name: {{type: name, prompt: "What is your name?"}}}}
    initial: ask
    states:
      ask: {{kind: collect, slot: name, on_exit: {{set: {{member: name}}}}, to: done}}
      done: {{kind: done, text: Noted.}}
"""


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    for name, number in (("club", "+1800"), ("other", "+1900")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agent.yaml").write_text(CLUB.format(agent=name, number=number))
    return tmp_path


@pytest.fixture
async def engine(world: World) -> Any:
    world.step = step
    return await world.engine()


async def signed_up(world: World) -> CallerMemory:
    relay = world.relay()
    await relay.open()
    await relay.texts(relay.say("u1", "I want to sign up"))
    await relay.texts(relay.say("u2", "Anna Lee"))
    kept: CallerMemory = world.session.session("session-1").memory["club"]
    return kept


def opened_with(world: World, session_id: str) -> Any:
    """What the opening of a session's call was given to remember, as the audit has it."""
    record = orjson.loads(world.session.session(session_id).audit[0])
    return record["event"]["memory"]


async def test_facts_and_outcomes_are_kept_for_as_long_as_the_agent_says(world: World, engine: Any) -> None:
    kept = await signed_up(world)
    memory = orjson.loads(kept.memory_json)
    assert memory["facts"]["member"]["value"] == "Anna Lee"
    assert [(entry["task"], entry["outcome"]) for entry in memory["history"]] == [("sign_up", "done")]
    assert kept.until_ms == NOW_MS + 30 * DAY_MS


async def test_the_caller_is_known_in_his_next_session(world: World, engine: Any) -> None:
    kept = await signed_up(world)
    assert opened_with(world, "session-1") == {}
    world.session.session("session-2").memory = {"club": kept}
    later = world.relay("call-2", "session-2")
    await later.open()
    assert opened_with(world, "session-2") == orjson.loads(kept.memory_json)
    known = world.saved("session-2")
    assert known.facts["member"].value == "Anna Lee"
    assert [entry["task"] for entry in known.memory["history"]] == ["sign_up"]


async def test_an_agent_knows_nothing_of_what_another_one_remembers(world: World, engine: Any) -> None:
    kept = await signed_up(world)
    world.session.session("session-2").memory = {"club": kept}
    later = world.relay("call-2", "session-2")
    await later.open("+1900")
    assert opened_with(world, "session-2") == {}
    assert not world.saved("session-2").facts


async def test_memory_is_asked_for_when_a_call_opens_and_kept_when_it_changed(world: World, engine: Any) -> None:
    loads: list[bool] = []
    world.session.fault = lambda asked: (
        loads.append(asked.with_memory) if isinstance(asked, LoadTaskRequest) and asked.session_id else None
    )
    await signed_up(world)
    saves = world.session.session("session-1").saves
    assert any(loads)
    assert [event for event, save in saves.items() if save.HasField("memory")][-1] == "call-1/u2"
    assert not saves["call-1/u1"].HasField("memory")


async def test_only_who_took_the_call_keeps_what_it_knows(world: World, engine: Any) -> None:
    casting = Casting(engine.catalog)
    taken = Snapshot(call=CallFacts(call_id="call-1", callee="+1800"))
    assert casting.remembers(engine.catalog.named("club"), taken)
    assert not casting.remembers(engine.catalog.named("other"), taken)
    assert not casting.remembers(engine.catalog.named("club"), Snapshot(call=CallFacts(callee="+1234")))
