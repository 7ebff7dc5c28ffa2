"""A conversing model and the engine: function calls, the caller's words, deliveries."""

import json
from typing import Any

import pytest

from llm_relay.backends.port import Manner, Said, ToolCall
from llm_relay.testing import TALKER, FakeBackend, toolbox
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE
from opusagent.fsa.v1.fsa_pb2 import Ask, HangUp, Output, Outputs, Result, Steer, Verbatim
from opusagent.media.v1.inbox_pb2 import CallerAudio, Heard


@pytest.fixture
async def rig(make_rig: Any) -> Any:
    return await make_rig(FakeBackend(TALKER))


def call(name: str, call_id: str = "f1", **arguments: Any) -> ToolCall:
    return ToolCall(call_id, name, json.dumps(arguments))


def ask(output_id: str, text: str, task_id: str = "") -> Output:
    return Output(output_id=output_id, task_id=task_id, ask=Ask(text=text))


def speak_turn(session: Any, text: str, started_ms: int = 1000) -> None:
    session.listener.caller_started(started_ms)
    session.listener.caller_stopped(started_ms + 500)
    session.listener.caller_said(Said(text, started_ms, started_ms + 500))


async def test_the_plan_is_asked_in_the_style_of_the_backend(rig: Any) -> None:
    session = await rig.open(Output(output_id="o#0", verbatim=Verbatim(text="Hello.")))
    assert list(rig.posted("plan")[0].plan.styles) == [STYLE_DIALOGUE]
    speak_turn(session, "Book me in.")
    assert rig.posted("utterance") == [], "the model answers; the engine hears of tasks only"
    assert rig.sent("transcript")[0].transcript.text == "Book me in."


async def test_a_task_is_started_with_the_callers_own_words(rig: Any) -> None:
    session = await rig.open()
    offer(rig, start=["book"])
    speak_turn(session, "I want an appointment tomorrow.")
    session.listener.tool_called(call("start_task", task="book", arguments={"day": "tomorrow"}))
    [event] = rig.posted("start")
    assert event.event_id == "call-1/ff1"
    assert (event.start.task, json.loads(event.start.arguments_json)) == ("book", {"day": "tomorrow"})
    assert event.start.caller_words == "I want an appointment tomorrow."
    assert event.start.function_call_id == "f1"
    [(call_id, answer)] = session.answers
    assert call_id == "f1"
    assert answer.startswith("Accepted")


async def test_a_call_waits_for_words_that_are_still_being_transcribed(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_started(1000)
    session.listener.caller_stopped(1500)
    session.listener.tool_called(call("start_task", task="book"))
    assert rig.posted("start") == []
    session.listener.caller_said(Said("An appointment, please.", 1000, 1500))
    assert rig.posted("start")[0].start.caller_words == "An appointment, please."


async def test_a_call_does_not_wait_for_ever(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_started(1000)
    session.listener.caller_stopped(1500)
    session.listener.tool_called(call("start_task", task="book"))
    rig.timers.advance(1500)
    assert rig.posted("start")[0].start.caller_words == ""
    session.listener.caller_said(Said("Late.", 1000, 1500))
    assert len(rig.posted("start")) == 1
    assert len(session.answers) == 1


def offer(rig: Any, **offered: list[str]) -> None:
    rig.wire.engine(outputs=Outputs(event_id="offer", toolbox=toolbox(**offered)))


async def test_what_the_model_may_call_is_what_the_engine_says(rig: Any) -> None:
    session = await rig.open()
    assert session.tools == []
    offer(rig, start=["book"], answer=["t1"])
    assert session.tools == ["start_task", "answer_task"]
    rig.wire.engine(outputs=Outputs(event_id="e"))
    assert session.tools == ["start_task", "answer_task"], "absent means as before"
    offer(rig)
    assert session.tools == []


async def test_an_answer_goes_to_the_task_that_asked(rig: Any) -> None:
    session = await rig.open()
    offer(rig, answer=["task-2"])
    speak_turn(session, "At ten.")
    session.listener.tool_called(call("answer_task", "f1", task_id="task-2", answer="10:00"))
    session.listener.tool_called(call("answer_task", "f2", task_id="made up", answer={"place": "here"}))
    session.listener.tool_called(call("answer_task", "f3", task_id="task-2"))
    first, second, third = rig.posted("answer")
    assert (first.answer.task_id, first.answer.answer, first.answer.caller_words) == ("task-2", "10:00", "At ten.")
    assert (second.answer.task_id, json.loads(second.answer.answer)) == ("task-2", {"place": "here"})
    assert (third.answer.answer, third.answer.caller_words) == ("", "At ten.")


async def test_words_of_an_earlier_turn_answer_nothing(rig: Any) -> None:
    session = await rig.open()
    offer(rig, answer=["task-1"])
    speak_turn(session, "Yes.")
    session.listener.caller_started(3000)
    session.listener.caller_stopped(3500)
    session.listener.tool_called(call("answer_task", task_id="task-1", answer="yes"))
    rig.timers.advance(1500)
    assert rig.posted("answer")[0].answer.caller_words == ""


async def test_a_question_of_the_conversation_is_answered_by_the_callers_words_alone(rig: Any) -> None:
    session = await rig.open(ask("o#0", "Continue or start over?"))
    offer(rig, answer=[""])
    session.listener.tool_called(call("answer_task", "f0", answer="continue"))
    assert rig.posted("utterance") == []
    assert "not understood" in session.answers[-1][1]
    speak_turn(session, "Continue, please.")
    session.listener.tool_called(call("answer_task", "f1", task_id="", answer="whatever the model thinks"))
    [event] = rig.posted("utterance")
    assert event.utterance.text == "Continue, please."


@pytest.mark.parametrize(
    ("wrong", "body"),
    [
        (call("answer_task", task_id="task-1", answer="ten"), {"answer": {"task_id": "task-1", "answer": "ten"}}),
        (call("cancel_task", task_id="task-1"), {"cancel": {"task_id": "task-1"}}),
        (call("start_task", task="pay"), {"start": {"task": "pay", "arguments_json": "{}"}}),
        (ToolCall("f1", "drop_tables", "{}"), {"start": {"task": "drop_tables"}}),
    ],
)
async def test_a_call_of_what_is_not_offered_goes_on_record_and_answers_nothing(
    rig: Any, wrong: ToolCall, body: dict[str, Any]
) -> None:
    session = await rig.open()
    offer(rig, start=["book"])
    session.listener.tool_called(wrong)
    [(kind, fields)] = body.items()
    [event] = rig.posted(kind)
    assert {name: getattr(getattr(event, kind), name) for name in fields} == fields
    assert session.answers == [("f1", "Not accepted: it cannot be called now. Call only the functions that you have.")]


async def test_a_task_is_cancelled(rig: Any) -> None:
    session = await rig.open()
    offer(rig, cancel=["task-1"])
    session.listener.tool_called(call("cancel_task"))
    assert rig.posted("cancel")[0].cancel.task_id == "task-1"
    assert session.answers[0][1].startswith("Accepted")


@pytest.mark.parametrize(
    "wrong",
    [
        ToolCall("f1", "start_task", "not json"),
        ToolCall("f1", "start_task", "[]"),
        ToolCall("f1", "start_task", '{"task": 5}'),
        ToolCall("f1", "start_task", '{"task": "book", "arguments": "tomorrow"}'),
        ToolCall("f1", "answer_task", "[]"),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(rig: Any, wrong: ToolCall) -> None:
    session = await rig.open()
    session.listener.tool_called(wrong)
    assert len(rig.posted("start") + rig.posted("answer")) == 0
    [(_, answer)] = session.answers
    assert answer.startswith("Not accepted")


async def test_outputs_are_delivered_together_while_the_caller_listens(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_started(1000)
    rig.wire.engine(
        outputs=Outputs(
            event_id="e1",
            outputs=[
                Output(output_id="e1#0", steer=Steer(text="Be brief.")),
                Output(output_id="e1#1", task_id="task-1", result=Result(text="Booked.")),
                ask("e1#2", "Anything else?"),
            ],
        )
    )
    assert session.deliveries == []
    session.listener.caller_stopped(1500)
    session.end()
    (_, first), (_, second) = session.deliveries
    assert [part.manner for part in first] == [Manner.UNSPOKEN, Manner.FREELY]
    assert [(part.manner, part.question) for part in second] == [(Manner.EXACTLY, True)]


async def test_the_models_own_speech_is_a_turn_and_is_truncated_where_it_was_cut(rig: Any) -> None:
    session = await rig.open()
    session.listener.item_audio("item-1", b"\xff" * 8000, "One two three four.", False)
    rig.wire.gateway(heard=Heard(item_id="item-1", heard_ms=400))
    session.listener.caller_started(1000)
    session.listener.caller_interrupts()
    assert len(rig.sent("flush")) == 1
    rig.wire.gateway(heard=Heard(item_id="item-1", heard_ms=500, ended=True, flushed=True))
    assert session.truncated == [("item-1", 500)]
    await rig.app.calls.get("call-1")._links.transcript.close()
    assert rig.store.turns[0].turn.text == "One two"


async def test_the_call_is_ended_after_the_last_of_the_models_speech(rig: Any) -> None:
    session = await rig.open(
        Output(output_id="o#0", verbatim=Verbatim(text="Goodbye.")), Output(output_id="o#1", hang_up=HangUp())
    )
    item = session.speak()
    session.listener.item_audio("own", b"\xff" * 80, "Bye.", True)
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=1000, ended=True))
    assert rig.sent("hang_up") == []
    rig.wire.gateway(heard=Heard(item_id="own", heard_ms=10, ended=True))
    assert len(rig.sent("hang_up")) == 1
    session.listener.tool_called(call("start_task", task="book"))
    assert rig.posted("start") == [], "nothing begins after the end"


async def put_and_heard(rig: Any, session: Any, heard_ms: int, media_ms: int) -> None:
    """A question is put, behind other words, and the caller has heard that much of two seconds."""
    guidance = Output(output_id="q#s", steer=Steer(text="The caller has to say it in words of his own."))
    statement = Output(output_id="q#0", verbatim=Verbatim(text="Your card is found and active."))
    question = ask("q#1", "Shall I really block it now?", "t1")
    offered = toolbox(answer=["t1"])
    rig.wire.engine(outputs=Outputs(event_id="q", outputs=[guidance, statement, question], toolbox=offered))
    item = session.deliveries[-1][0]
    session.listener.item_begun(item, item)
    session.listener.item_audio(item, b"\xff" * 16_000, f"{statement.verbatim.text} {question.ask.text}", True)
    session.end()
    rig.wire.gateway(media_ms=0, audio=CallerAudio(audio=b"\xff" * (8 * media_ms)))
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=heard_ms))


@pytest.mark.parametrize(
    ("heard_ms", "started_ms", "before"),
    [(1500, 3000, False), (1500, 1500, True), (400, 3000, True), (0, 3000, True)],
)
async def test_the_engine_is_told_whether_a_turn_began_before_the_question(
    rig: Any, heard_ms: int, started_ms: int, before: bool
) -> None:
    session = await rig.open()
    await put_and_heard(rig, session, heard_ms, 2000)
    speak_turn(session, "Yes.", started_ms)
    session.listener.tool_called(call("answer_task", task_id="t1"))
    begin = rig.posted("answer")[0].answer.begin
    assert begin.before_question is before
    assert begin.began_at_ms == 1_700_000_000_000 - max(0, 2000 - started_ms)


async def test_a_question_that_comes_while_the_caller_speaks_is_not_answered_by_that(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_started(1000)
    offered = toolbox(answer=["t1"])
    rig.wire.engine(outputs=Outputs(event_id="q", outputs=[ask("q#0", "Shall I?", "t1")], toolbox=offered))
    session.listener.caller_stopped(1500)
    session.listener.tool_called(call("answer_task", task_id="t1", answer="the caller confirmed"))
    session.listener.caller_said(Said("Yes, yes.", 1000, 1500))
    assert rig.posted("answer")[0].answer.begin.before_question
