"""Events in, saved steps, outputs out: what the relay of a call sees of an engine."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chassis import unknown
from chassis.bus import FSA_INBOX
from chassis.rpc import RpcError, StatusCode
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.media.v1 import inbox_pb2 as media
from opusagent.session.v1.session_pb2 import LoadTaskRequest, SaveTaskRequest

World = Any


@pytest.fixture
def agents(odd_server: Path) -> Path:
    """An agent without tools, so that no tool server has to start."""
    file = odd_server / "agent.yaml"
    lines = file.read_text().splitlines(keepends=True)
    tool_lines = ("servers:", "  odd:", "tools:", "  echo: {", "      act:", "      sorry:")
    text = "".join(line for line in lines if not line.startswith(tool_lines)).replace("to: act}", "to: done}")
    file.write_text(text)
    return odd_server


def stepped(world: World, session_id: str = "session-1") -> list[str]:
    """Return the ids of the events in the saved snapshot, in order."""
    keys: str = world.saved(session_id).keys
    return keys.split()


async def test_a_call_opens_with_a_plan_and_a_greeting(world: World) -> None:
    await world.engine()
    relay = world.relay()
    relay.post("opened", plan=media.PlanRequest(call=relay.call(), styles=[STYLE_DIRECTED]))
    accepted = await relay.next()
    assert accepted.accepted.event_id == "call-1/opened"
    ready = (await relay.next()).plan
    assert (ready.plan.agent, ready.plan.style, ready.error) == ("odd", STYLE_DIRECTED, "")
    assert [one.output_id for one in ready.opening.outputs] == ["call-1/opened#0", "call-1/opened#1"]
    assert ready.opening.outputs[1].ask.expect.phrases == ["echo"]
    assert stepped(world) == ["call-1/opened"]


async def test_every_kind_of_event_is_accepted_stepped_and_answered(world: World, settled: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    for name, body in (
        ("u1", {"utterance": fsa.Utterance(text="hello")}),
        ("s1", {"start": fsa.StartTask(task="echo", arguments_json="not json")}),
        ("a1", {"answer": fsa.AnswerTask(task_id="t1", answer="x")}),
        ("c1", {"cancel": fsa.CancelTask(task_id="t1")}),
        ("n1", {"no_input": fsa.NoInput()}),
    ):
        event_id = relay.post(name, **body)
        assert (await relay.next()).accepted.event_id == event_id
        assert (await relay.next()).outputs.event_id == event_id
    key = relay.post("k1", media.SENDER_GATEWAY, key=fsa.KeyPress(digit="4"))
    assert (await relay.next()).outputs.event_id == key, "nobody waits for Accepted of a key"
    relay.close()
    late = relay.say("u2", "after the end")
    await relay.until("accepted", late)
    await settled(lambda: late in stepped(world))
    assert relay.heard.empty()
    assert [event.removeprefix("call-1/") for event in stepped(world)] == [
        "opened",
        "u1",
        "s1",
        "a1",
        "c1",
        "n1",
        "k1",
        "closed",
        "u2",
    ]


async def test_the_same_event_again_is_answered_alike_and_not_stepped(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    for _ in range(3):
        event_id = relay.say("u1", "hello")
    answers = [(await relay.until("outputs", event_id)).outputs for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert stepped(world) == ["call-1/opened", "call-1/u1"]


async def test_nothing_is_said_before_it_is_saved(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    saved = []
    world.session.after_save = lambda request: saved.append((request.event_id, relay.heard.qsize()))
    event_id = relay.say("u1", "hello")
    await relay.texts(event_id)
    assert saved == [(event_id, 1)], "only Accepted had been posted when the step was saved"


async def test_while_session_is_out_a_call_waits_and_others_go_on(world: World) -> None:
    await world.engine()
    first, second = world.relay(), world.relay("call-2", "session-2")
    await first.open()
    await second.open()
    out = True

    def fault(request: Any) -> None:
        if out and request.session_id == "session-1":
            raise RpcError(StatusCode.UNAVAILABLE, "the store is out")

    world.session.fault = fault
    events = [first.say(f"u{n}", f"word {n}") for n in range(5)]
    assert [(await first.next()).accepted.event_id for _ in events] == events, "accepted while session is out"
    assert await second.texts(second.say("u1", "me too")) == ["heard me too"]
    assert first.heard.empty()
    out = False
    for n, event_id in enumerate(events):
        assert await first.texts(event_id) == [f"heard word {n}"]
    assert stepped(world) == ["call-1/opened", *events]


async def test_a_save_whose_answer_was_lost_happens_once(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    lost = iter([True])

    def after(_: SaveTaskRequest) -> None:
        if next(lost, False):
            raise RpcError(StatusCode.DEADLINE_EXCEEDED, "too late")

    world.session.after_save = after
    assert await relay.texts(relay.say("u1", "hello")) == ["heard hello"]
    assert await relay.texts(relay.say("u2", "and")) == ["heard and"]
    assert stepped(world) == ["call-1/opened", "call-1/u1", "call-1/u2"]


async def test_a_step_that_another_engine_overtook_is_computed_again(world: World) -> None:
    await world.engine()
    await world.engine()
    relay = world.relay()
    await relay.open()
    relay.engine_slot = 1
    assert await relay.texts(relay.say("u1", "one")) == ["heard one"]
    relay.engine_slot = 0
    assert await relay.texts(relay.say("u2", "two")) == ["heard two"], "the first engine's memory was old"
    relay.engine_slot = 1
    assert await relay.texts(relay.say("u3", "three")) == ["heard three"]
    assert stepped(world) == ["call-1/opened", "call-1/u1", "call-1/u2", "call-1/u3"]


async def test_a_new_relay_gets_only_what_was_not_delivered(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    await relay.texts(relay.say("u1", "hello"))
    kept = world.session.session("session-1")
    kept.undelivered = [one for one in kept.undelivered if not one.output_id.startswith("call-1/opened#")]
    relay.generation = 2
    ready = await relay.open()
    assert [one.output_id for one in ready.opening.outputs] == ["call-1/u1#0"]
    assert ready.plan.agent == "odd"
    assert stepped(world) == ["call-1/opened", "call-1/u1"]


async def test_a_later_call_hears_how_tasks_came_out_and_no_old_questions(world: World) -> None:
    await world.engine()
    kept = world.session.session("session-1")
    kept.undelivered = [
        fsa.Output(output_id="call-0/u1#0", ask=fsa.Ask(text="What time?")),
        fsa.Output(output_id="call-0/u2/i0/result#0", result=fsa.Result(text="It is booked.")),
        fsa.Output(output_id="call-0/u2/i0/result#1", hang_up=fsa.HangUp()),
    ]
    ready = await world.relay().open(resumed=True)
    said = [one.WhichOneof("body") for one in ready.opening.outputs]
    assert said == ["verbatim", "result", "ask"]
    world.relay("call-3", "session-3")
    await world.relays["call-3"].open()
    assert [one.output_id for one in kept.undelivered if one.output_id.startswith("call-0/")] == [
        "call-0/u2/i0/result#0"
    ]


async def test_a_defect_in_a_step_costs_that_event_only(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    assert await relay.texts(relay.say("u1", "break")) == []
    assert await relay.texts(relay.say("u2", "hello")) == ["heard hello"]
    assert stepped(world) == ["call-1/opened", "call-1/u2"]


async def test_garbage_is_dropped_and_the_next_item_is_taken(world: World, settled: Any) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    garbage = unknown.GARBAGE.labels("fsa-engine", "FsaInbox")._value
    before = garbage.get()
    world.bus.post(FSA_INBOX, 0, b"\xff\xfe garbage")
    await settled(lambda: garbage.get() == before + 1)
    world.bus.post(FSA_INBOX, 0, media.FsaInbox(items=[media.FsaItem()]).SerializeToString())
    relay.post("x1")
    stray = media.FsaItem(head=media.Head(call_id="c", sequence=1, generation=1), utterance=fsa.Utterance(text="x"))
    world.bus.post(FSA_INBOX, 0, media.FsaInbox(items=[stray]).SerializeToString())
    assert await relay.texts(relay.say("u1", "hello")) == ["heard hello"]


async def test_a_stale_generation_is_not_heard(world: World) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    relay.generation = 2
    assert await relay.texts(relay.say("u1", "new")) == ["heard new"]
    relay.generation = 1
    relay.say("u2", "zombie")
    relay.generation = 2
    assert await relay.texts(relay.say("u3", "newer")) == ["heard newer"]
    assert "call-1/u2" not in stepped(world)


async def test_a_number_that_nobody_serves_is_an_error_to_the_relay(world: World) -> None:
    (world.agents / "agent.yaml").rename(world.agents / "gone.yaml")
    await world.engine()
    ready = await world.relay().open()
    assert ready.error
    assert world.session.session("session-1").version == 0


async def test_words_without_a_plan_are_answered_with_nothing(world: World) -> None:
    await world.engine()
    relay = world.relay()
    assert await relay.texts(relay.say("u1", "hello")) == []


async def test_what_session_refuses_for_good_is_said_to_the_relay(world: World) -> None:
    await world.engine()

    def fault(request: Any) -> None:
        if isinstance(request, LoadTaskRequest):
            raise RpcError(StatusCode.NOT_FOUND, "no such session")

    world.session.fault = fault
    assert "no such session" in (await world.relay().open()).error


async def test_a_drain_waits_for_calls_and_says_so_to_session(world: World) -> None:
    engine = await world.engine()
    relay = world.relay()
    await relay.open()
    draining = asyncio.create_task(engine.drain())
    assert await relay.texts(relay.say("u1", "still here")) == ["heard still here"]
    assert "engine-0" in world.session.draining
    assert not draining.done()
    relay.close()
    async with asyncio.timeout(10):
        await draining


async def test_a_session_whose_call_ended_is_forgotten_and_can_come_back(world: World, settled: Any) -> None:
    engine = await world.engine(session_idle_seconds=0.01)
    relay = world.relay()
    await relay.open()
    relay.close()
    await settled(lambda: len(engine.conversations) == 0)
    again = world.relay("call-2", "session-1")
    await again.open(resumed=True)
    assert stepped(world) == ["call-1/opened", "call-1/closed", "call-2/opened"]


async def test_stopping_saves_what_was_accepted(world: World) -> None:
    engine = await world.engine()
    relay = world.relay()
    await relay.open()
    event_id = relay.say("u1", "last words")
    await relay.until("accepted", event_id)
    await engine.stop()
    assert stepped(world)[-1] == event_id


@pytest.mark.parametrize("text", ["", "x" * 100_000, "\u0000 \U0001f600"])
async def test_any_words_are_taken(world: World, text: str) -> None:
    await world.engine()
    relay = world.relay()
    await relay.open()
    assert await relay.texts(relay.say("u1", text)) == [f"heard {text}"]
