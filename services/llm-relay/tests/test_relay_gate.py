"""Gated states: nothing that the model says of its own accord is heard before the engine has answered the caller."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_relay.awaiting import GATED_HOLD_MS
from llm_relay.backends.port import Said, ToolCall
from llm_relay.domain.gate import HELD_MS, Fate, Gate, Piece
from llm_relay.testing import TALKER, FakeBackend, toolbox
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED
from opusagent.fsa.v1.fsa_pb2 import Ask, Floor, KeyPress, Output, Outputs, Progress, Result, Steer, Verbatim
from opusagent.media.v1.inbox_pb2 import Heard

PROMISE = b"\x11" * 800
GATED, FREE = Floor(gated=True), Floor(gated=False)


@pytest.fixture
async def rig(make_rig: Any) -> Any:
    return await make_rig(FakeBackend(TALKER))


def ask(output_id: str, text: str = "Shall I block it?") -> Output:
    return Output(output_id=output_id, task_id="t1", ask=Ask(text=text))


def said_of(rig: Any, item_id: str) -> bytes:
    return b"".join(item.audio.audio for item in rig.sent("audio") if item.audio.item_id == item_id)


async def in_gated_state(rig: Any) -> Any:
    """A question of a gated state has been put and heard."""
    session = await rig.open(ask("o#0"))
    rig.wire.engine(outputs=Outputs(event_id="call-1/x", floor=GATED, toolbox=toolbox(answer=["t1"])))
    rig.wire.gateway(heard=Heard(item_id=session.speak(), heard_ms=1000, ended=True))
    return session


def turn(session: Any, text: str = "Yes, block it.", started_ms: int = 3000) -> None:
    session.listener.caller_started(started_ms)
    session.listener.caller_stopped(started_ms + 900)
    session.listener.caller_said(Said(text, started_ms, started_ms + 900))


def promise(session: Any, item_id: str = "own", last: bool = True) -> None:
    """The model says on its own that it is done."""
    session.listener.item_audio(item_id, PROMISE, "Your card is blocked.", False)
    session.listener.item_audio(item_id, PROMISE, " All done.", last)


def answer_call(call_id: str = "f1") -> ToolCall:
    return ToolCall(call_id, "answer_task", json.dumps({"task_id": "t1", "answer": "yes"}))


async def test_in_a_free_state_the_model_speaks_as_it_likes(rig: Any) -> None:
    session = await rig.open(ask("o#0"))
    rig.wire.gateway(heard=Heard(item_id=session.speak(), heard_ms=1000, ended=True))
    turn(session)
    promise(session)
    assert said_of(rig, "own") == PROMISE * 2
    assert rig.posted("utterance") == []


async def test_a_promise_before_the_verdict_is_never_heard(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    session.busy = True
    promise(session, last=False)
    session.listener.tool_called(answer_call())
    [event] = rig.posted("answer")
    assert event.answer.caller_words == "Yes, block it."
    assert said_of(rig, "own") == b""
    refusal = Output(output_id="f#0", verbatim=Verbatim(text="I could not block it."))
    silenced = session.silenced
    session.busy = False
    rig.wire.engine(outputs=Outputs(event_id=event.event_id, outputs=[refusal], floor=FREE))
    session.listener.item_audio("own", PROMISE, "Indeed.", True)
    assert said_of(rig, "own") == b""
    assert session.silenced == silenced + 1
    assert session.truncated[-1] == ("own", 0)
    assert session.texts[-1] == "I could not block it."
    session.speak()
    assert said_of(rig, session.deliveries[-1][0]) != b""


async def test_a_model_that_calls_nothing_is_no_way_around_the_engine(rig: Any) -> None:
    session = await in_gated_state(rig)
    session.busy = True
    turn(session)
    promise(session)
    assert rig.posted("utterance") == [], "the model may yet call a function"
    session.busy = False
    session.listener.freed()
    [event] = rig.posted("utterance")
    assert (event.event_id, event.utterance.text) == ("call-1/u3000", "Yes, block it.")
    rig.wire.engine(outputs=Outputs(event_id=event.event_id, outputs=[ask("u#0", "Please say yes or no.")]))
    assert said_of(rig, "own") == b""
    assert session.texts[-1] == "Please say yes or no."


async def test_words_that_come_after_the_models_answer_are_asked_about_once(rig: Any) -> None:
    session = await in_gated_state(rig)
    session.listener.caller_started(3000)
    session.listener.caller_stopped(3900)
    promise(session)
    session.listener.freed()
    assert rig.posted("utterance") == []
    session.listener.caller_said(Said("Yes.", 3000, 3900))
    session.listener.freed()
    assert len(rig.posted("utterance")) == 1


async def test_what_was_held_is_let_go_where_the_answer_ends_the_gated_state_without_a_word(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    promise(session)
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[], floor=FREE))
    assert said_of(rig, "own") == PROMISE * 2
    assert session.truncated == []
    texts = [item.audio.transcript for item in rig.sent("audio") if item.audio.item_id == "own"]
    assert texts == ["Your card is blocked.", " All done."]


async def test_a_verdict_without_words_that_keeps_the_state_gated_lets_nothing_go(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    promise(session)
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[], floor=GATED))
    promise(session, "later")
    assert said_of(rig, "own") == said_of(rig, "later") == b""
    result = Output(output_id="r#0", result=Result(text="It is blocked."))
    rig.wire.engine(outputs=Outputs(event_id="call-1/tool", outputs=[result], floor=FREE))
    assert session.texts[-1] == "It is blocked."
    assert said_of(rig, "later") == b""


async def test_a_state_without_an_announcement_of_its_own_stays_as_it_was(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[ask("u#0")]))
    session.speak()
    turn(session, started_ms=9000)
    promise(session)
    assert said_of(rig, "own") == b""


async def test_an_item_begun_before_the_state_was_gated_goes_on(rig: Any) -> None:
    session = await rig.open()
    turn(session)
    session.listener.item_audio("own", PROMISE, "Let me", False)
    rig.wire.engine(outputs=Outputs(event_id="call-1/x", floor=GATED, toolbox=toolbox(answer=["t1"])))
    session.listener.item_audio("own", PROMISE, "see.", True)
    assert said_of(rig, "own") == PROMISE * 2


async def test_what_the_engine_wants_said_is_not_said_before_its_answer(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    progress = Output(output_id="p#0", progress=Progress(text="I am looking."))
    rig.wire.engine(outputs=Outputs(event_id="call-1/other", outputs=[progress], floor=FREE))
    rig.timers.advance(5_000)
    promise(session)
    assert said_of(rig, "own") == b"", "another event's floor does not open the gate"
    assert len(session.texts) == 1
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[ask("u#0", "Sure?")], floor=GATED))
    assert "Sure?" in session.texts[-1]


async def test_any_step_can_gate_the_state(rig: Any) -> None:
    session = await rig.open(ask("o#0"))
    rig.wire.gateway(heard=Heard(item_id=session.speak(), heard_ms=1000, ended=True))
    rig.wire.gateway(key=KeyPress())
    rig.wire.engine(outputs=Outputs(event_id="call-1/tool", outputs=[], floor=GATED))
    promise(session)
    assert said_of(rig, "own") == b""


async def test_noise_needs_no_verdict_and_the_question_is_put_again(rig: Any) -> None:
    session = await in_gated_state(rig)
    session.listener.caller_started(3000)
    session.listener.caller_stopped(3100)
    promise(session)
    session.listener.caller_unclear()
    assert said_of(rig, "own") == b""
    assert session.texts[-1] == "Shall I block it?"
    assert rig.posted("utterance") == []


async def test_an_engine_that_never_answers_lets_nothing_of_the_models_own_pass(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    promise(session)
    rig.timers.advance(GATED_HOLD_MS + 1)
    assert said_of(rig, "own") == b""
    apology = Output(output_id="z#0", verbatim=Verbatim(text="One moment."))
    rig.wire.engine(outputs=Outputs(event_id="call-1/other", outputs=[apology]))
    assert session.texts[-1] == "One moment."
    assert len(rig.posted("utterance")) > 5


async def test_guidance_alone_is_nothing_to_say(rig: Any) -> None:
    session = await in_gated_state(rig)
    turn(session)
    promise(session)
    steer = Output(output_id="s#0", steer=Steer(text="Be brief."))
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[steer], floor=FREE))
    assert said_of(rig, "own") == PROMISE * 2


async def test_a_directed_call_is_not_held_up(make_rig: Any) -> None:
    rig = await make_rig()
    session = await rig.open(ask("o#0"), style=STYLE_DIRECTED)
    rig.wire.engine(outputs=Outputs(event_id="call-1/x", floor=GATED, toolbox=toolbox(answer=["t1"])))
    rig.wire.gateway(heard=Heard(item_id=session.speak(), heard_ms=1000, ended=True))
    turn(session)
    assert len(rig.posted("utterance")) == 1
    rig.wire.engine(outputs=Outputs(event_id="call-1/u3000", outputs=[ask("u#0", "Sure?")], floor=GATED))
    assert said_of(rig, session.speak()) != b""
    assert session.texts[-1] == "Sure?"


# ---- the gate itself

ITEMS = st.sampled_from("abcd")
STEPS = st.one_of(
    st.tuples(st.just("take"), ITEMS, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("carries"), ITEMS, st.just(b"")),
    st.tuples(st.just("turn"), st.just(""), st.just(b"")),
    st.tuples(st.just("verdict"), st.sampled_from(["gated", "free", "same"]), st.sampled_from([b"says", b""])),
)


@given(st.lists(STEPS, max_size=60))
def test_nothing_of_the_models_own_passes_while_gated(steps):
    gate, carried, passing, heard = Gate(8), set(), set(), {}
    for kind, name, data in steps:
        if kind == "carries":
            gate.carries(name)
            carried.add(name)
        elif kind == "turn":
            gate.turn_began()
        elif kind == "verdict":
            gated = {"gated": True, "free": False, "same": None}[name]
            verdict = gate.verdict(gated, says=bool(data))
            assert not (verdict.released and (data or gate.gated))
            for item_id, pieces in verdict.released:
                passing.add(item_id)
                heard[item_id] = heard.get(item_id, b"") + b"".join(piece.audio for piece in pieces)
        else:
            fate = gate.take(name, Piece(data, "", False))
            if fate is Fate.PASSES:
                if gate.gated:
                    assert name in carried | passing
                else:
                    passing.add(name)
            if name in carried and fate is not Fate.PASSES:
                raise AssertionError("what the engine wants said always passes")


def test_what_is_held_is_bounded():
    gate = Gate(8)
    gate.gated = True
    assert gate.take("a", Piece(b"x" * 8 * (HELD_MS - 1), "", False)) is Fate.HELD
    assert gate.take("b", Piece(b"x" * 8, "", True)) is Fate.HELD
    assert gate.take("a", Piece(b"x" * 8, "", False)) is Fate.DROPPED
    assert gate.take("a", Piece(b"x", "", True)) is Fate.DROPPED
    assert gate.take("c", Piece(b"x" * 8 * (HELD_MS - 1), "", True)) is Fate.HELD
    verdict = gate.verdict(False, says=False)
    assert [item_id for item_id, _ in verdict.released] == ["b", "c"]
