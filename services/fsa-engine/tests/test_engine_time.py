"""States that time itself leads out of, also when the engine that knew of it is gone."""

from pathlib import Path
from typing import Any

import pytest

from fsa_engine.alarm import Alarm
from fsa_engine.domain.step import step

World = Any
AGENT = """
version: 1
agent: patient
name: Patient
called_numbers: ["*"]
greeting: Hello.
help: I can wait.
tasks:
  wait:
    description: Wait.
    title: wait
    request: wait
    resume: waiting
    examples: [please wait for me]
    slots:
      word: {type: text, prompt: "Which word?"}
    initial: ask
    states:
      ask: {kind: collect, slot: word, to: done, time_limit: {seconds: 0.3, to: late}}
      done: {kind: done, text: Done.}
      late: {kind: failed, text: That took too long., reason: late}
"""


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "patient"
    folder.mkdir()
    (folder / "agent.yaml").write_text(AGENT)
    return folder


async def said(relay: Any) -> list[str]:
    """Return what the next step that says anything says."""
    while True:
        outputs = (await relay.until("outputs")).outputs.outputs
        texts = [getattr(getattr(one, one.WhichOneof("body") or ""), "text", "") for one in outputs]
        if texts:
            return texts


async def test_a_state_that_lasts_too_long_leads_on(world: World) -> None:
    world.step = step
    await world.engine()
    relay = world.relay()
    await relay.open()
    assert await relay.texts(relay.say("u1", "please wait for me")) == ["Which word?"]
    assert (await said(relay))[0] == "That took too long."
    (event_id,) = [event for event in world.session.session("session-1").saves if "/time-" in event]
    assert event_id.startswith("call-1/")


async def test_the_next_engine_knows_what_time_it_is(world: World) -> None:
    world.step = step
    first = await world.engine()
    relay = world.relay()
    await relay.open()
    await relay.texts(relay.say("u1", "please wait for me"))
    await first.stop()
    await world.engine()
    relay.engine_slot = 1
    relay.post("opened", plan=relay.plan_request())
    assert (await said(relay))[0] == "That took too long."


async def test_an_alarm_rings_once_for_a_time(settled: Any) -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: 1000, rung.append)
    alarm.set(1010)
    alarm.set(1005)
    await settled(lambda: rung == [1005])
    alarm.set(1005)
    alarm.set(0)
    alarm.set(900)
    await settled(lambda: rung == [1005, 900])
    alarm.set(5000)
    alarm.cancel()
