"""A directed dialogue, as the gateway, the engine and session see it."""

import asyncio
from typing import Any

import pytest

from chassis.rpc import RpcError, StatusCode
from llm_relay.backends.port import Said
from llm_relay.domain.outputs import FILLER_PATIENCE_MS
from llm_relay.testing import FakeBackend, Wire, call_opened
from opusagent.call.v1.call_pb2 import (
    END_REASON_AGENT_HUNG_UP,
    END_REASON_CALLER_HUNG_UP,
    END_REASON_PROVIDER_ERROR,
)
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIRECTED
from opusagent.events.v1.events_pb2 import SPEAKER_AGENT, SPEAKER_CALLER
from opusagent.fsa.v1.fsa_pb2 import (
    Accepted,
    Ask,
    Expectation,
    Floor,
    HangUp,
    KeyPress,
    Output,
    Outputs,
    Progress,
    Result,
    Steer,
    Verbatim,
)
from opusagent.media.v1.inbox_pb2 import (
    SPEECH_PHASE_COMMITTED,
    SPEECH_PHASE_STARTED,
    SPEECH_PHASE_STOPPED,
    CallClosed,
    CallerAudio,
    Heard,
    PlanReady,
)


def ask(output_id: str, text: str, no_input_ms: int = 0) -> Output:
    return Output(output_id=output_id, ask=Ask(text=text, expect=Expectation(kind="time", no_input_ms=no_input_ms)))


def say(output_id: str, text: str) -> Output:
    return Output(output_id=output_id, verbatim=Verbatim(text=text))


def outputs(event_id: str, *items: Output) -> Outputs:
    return Outputs(event_id=event_id, outputs=items)


def hear_all(rig: Any, item_id: str, heard_ms: int = 1000) -> None:
    rig.wire.gateway(heard=Heard(item_id=item_id, heard_ms=heard_ms, ended=True))


def caller_says(session: Any, text: str, started_ms: int = 3000, ended_ms: int = 4000) -> None:
    session.listener.caller_started(started_ms)
    session.listener.caller_interrupts()
    session.listener.caller_stopped(ended_ms)
    session.listener.caller_said(Said(text, started_ms, ended_ms, ("tent a m",), 0.8))


async def written(rig: Any) -> None:
    await rig.app.calls.get("call-1")._links.transcript.close()


def floor(event_id: str, *items: Output, secret: bool) -> Outputs:
    return Outputs(event_id=event_id, outputs=items, floor=Floor(secret=secret))


async def test_what_may_be_a_secret_is_heard_by_the_engine_and_written_down_masked(rig: Any) -> None:
    session = await rig.open(ask("o#0", "What is your password?"))
    rig.wire.engine(outputs=floor("e1", secret=True))
    caller_says(session, "swordfish")
    assert [item.utterance.text for item in rig.posted("utterance")] == ["swordfish"]
    rig.wire.gateway(audio=CallerAudio(audio=b"\xff" * 8 * 4500))
    rig.wire.engine(outputs=floor("call-1/u3000", say("u#0", "Thank you."), secret=False))
    session.listener.caller_said(Said("swordfish again", 4000, 4400, (), 0.8))
    caller_says(session, "good bye", 6000, 7000)
    await written(rig)
    texts = [turn.turn.text for turn in rig.store.turns if turn.turn.speaker == SPEAKER_CALLER]
    assert texts == ["***", "***", "good bye"], "also what is recognised only when the state has passed"
    assert "swordfish" not in str([item.transcript for item in rig.sent("transcript")])


async def test_opening_asks_for_the_plan_and_speaks_the_greeting(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."), ask("o#1", "How can I help?"))
    [request] = rig.posted("plan")
    assert request.event_id == "call-1/opened"
    assert request.occurred_at_ms == 1_700_000_000_000
    assert list(request.plan.styles) == [STYLE_DIRECTED]
    assert request.route.relay_slot == 3
    assert session.texts == ["Hello."]
    session.speak()
    assert session.texts == ["Hello.", "How can I help?"], "the next is made while the first still plays"
    assert session.expectations[-1].kind == "time"
    first, last = rig.sent("audio")[:2]
    assert (first.audio.transcript, len(first.audio.audio), last.audio.last) == ("Hello.", 8000, True)
    assert first.head.generation == 1
    assert ("gateway-inbox", 5) in rig.box.slots
    assert ("fsa-inbox", 7) in rig.box.slots


async def test_what_was_heard_is_recorded_and_delivered(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello there."))
    item = session.speak()
    await written(rig)
    assert rig.store.delivered == [], "sent is not heard"
    hear_all(rig, item)
    await written(rig)
    assert rig.store.delivered == ["o#0"]
    [turn] = rig.store.turns
    assert (turn.turn.speaker, turn.turn.text, turn.turn.interrupted) == (SPEAKER_AGENT, "Hello there.", False)


async def test_an_utterance_goes_to_the_engine_and_its_answer_is_timed(rig: Any) -> None:
    session = await rig.open(ask("o#0", "When?"))
    hear_all(rig, session.speak())
    rig.wire.gateway(media_ms=4480, audio=CallerAudio(audio=b"\xff" * 160))
    session.listener.caller_started(3000)
    session.listener.caller_stopped(4000)
    rig.timers.advance(40)
    session.listener.caller_said(Said("ten a.m.", 3000, 4000, ("tent",), 0.75))
    [event] = rig.posted("utterance")
    assert event.event_id == "call-1/u3000"
    assert event.session_id == "session-1"
    assert (event.utterance.text, list(event.utterance.alternatives)) == ("ten a.m.", ["tent"])
    assert (event.utterance.started_ms, event.utterance.ended_ms) == (3000, 4000)
    rig.timers.advance(10)
    rig.wire.engine(outputs=outputs("call-1/u3000", say("u#0", "Booked.")))
    rig.timers.advance(50)
    hear_all(rig, session.speak())
    await written(rig)
    assert [turn.turn.speaker for turn in rig.store.turns] == [SPEAKER_AGENT, SPEAKER_CALLER, SPEAKER_AGENT]
    assert rig.store.turns[-1].turn.response_ms == 500 + 40 + 10 + 50
    phases = [item.speech.phase for item in rig.sent("speech")]
    assert phases == [SPEECH_PHASE_STARTED, SPEECH_PHASE_STOPPED, SPEECH_PHASE_COMMITTED]
    assert rig.sent("transcript")[0].transcript.text == "ten a.m."
    assert rig.sent("heard_through")[-1].heard_through.media_ms == 4000


async def test_barge_in_flushes_and_records_what_was_heard(rig: Any) -> None:
    session = await rig.open(say("o#0", "One two three four."))
    item = session.speak()
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=400))
    session.listener.caller_started(3000)
    assert rig.sent("flush") == [], "a sound is not an interruption yet"
    session.listener.caller_interrupts()
    assert len(rig.sent("flush")) == 1
    assert session.silenced == 1
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=500, ended=True, flushed=True))
    session.listener.item_audio(item, b"\xff" * 80, "late", False)
    assert "late" not in [sent.audio.transcript for sent in rig.sent("audio")]
    await written(rig)
    assert rig.store.delivered == ["o#0"]
    [turn] = rig.store.turns
    assert (turn.turn.text, turn.turn.interrupted) == ("One two", True)


async def test_noise_that_stopped_the_agent_lets_it_say_the_rest(rig: Any) -> None:
    session = await rig.open(say("o#0", "First sentence. Second sentence."))
    item = session.speak()
    session.listener.caller_started(500)
    session.listener.caller_interrupts()
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=300, ended=True, flushed=True))
    session.listener.caller_stopped(900)
    session.listener.caller_unclear()
    assert session.texts[-1] == "First sentence. Second sentence."
    assert rig.posted("utterance") == []


async def test_what_was_cut_before_it_was_heard_keeps_its_order(rig: Any) -> None:
    session = await rig.open(say("o#0", "One moment."), say("o#1", "It is booked."), ask("o#2", "Anything else?"))
    items = [session.speak(), session.speak(), session.speak()]
    session.listener.caller_started(500)
    session.listener.caller_interrupts()
    for item in items:
        rig.wire.gateway(heard=Heard(item_id=item, heard_ms=0, ended=True, flushed=True))
    session.listener.caller_stopped(900)
    session.listener.caller_unclear()
    session.speak()
    session.speak()
    assert session.texts[3:] == ["One moment.", "It is booked.", "Anything else?"]


async def test_a_backchannel_is_no_turn_while_the_agent_speaks(rig: Any) -> None:
    session = await rig.open(say("o#0", "A long story."))
    item = session.speak()
    session.listener.caller_started(500)
    session.listener.caller_stopped(700)
    session.listener.caller_said(Said("Mm-hm.", 500, 700))
    assert rig.posted("utterance") == []
    assert rig.sent("flush") == []
    hear_all(rig, item)
    session.listener.caller_said(Said("Mm-hm.", 2500, 2700))
    assert len(rig.posted("utterance")) == 1, "to a question it may be the answer"


async def test_a_short_word_over_the_agent_is_a_turn(rig: Any) -> None:
    session = await rig.open(ask("o#0", "Shall I book it?"))
    session.speak()
    session.listener.caller_started(500)
    session.listener.caller_stopped(700)
    session.listener.caller_said(Said("Yes.", 500, 700))
    assert len(rig.posted("utterance")) == 1
    assert len(rig.sent("flush")) == 1


async def test_an_unheard_question_is_dropped_when_the_engine_has_a_newer_one(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."), ask("o#1", "How can I help?"))
    hello = session.speak()
    question = session.speak()
    session.listener.caller_started(100)
    session.listener.caller_interrupts()
    rig.wire.gateway(heard=Heard(item_id=hello, heard_ms=400, ended=True, flushed=True))
    rig.wire.gateway(heard=Heard(item_id=question, heard_ms=0, ended=True, flushed=True))
    session.listener.caller_stopped(900)
    session.listener.caller_said(Said("book an appointment", 100, 900))
    assert len(session.deliveries) == 2, "nothing is said before the engine has answered"
    rig.wire.engine(outputs=outputs("call-1/u100", ask("u#0", "For which day?")))
    assert session.texts[2:] == ["For which day?"]
    await written(rig)
    assert set(rig.store.delivered) == {"o#0", "o#1"}


async def test_an_unheard_question_is_said_when_the_engine_has_nothing_newer(rig: Any) -> None:
    session = await rig.open(ask("o#0", "How can I help?"))
    question = session.speak()
    session.listener.caller_started(100)
    session.listener.caller_interrupts()
    rig.wire.gateway(heard=Heard(item_id=question, heard_ms=0, ended=True, flushed=True))
    session.listener.caller_stopped(900)
    session.listener.caller_said(Said("hello", 100, 900))
    rig.wire.engine(outputs=outputs("call-1/u100"))
    assert session.texts == ["How can I help?", "How can I help?"]


async def test_an_engine_that_is_slow_does_not_silence_the_call(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_said(Said("hello", 100, 900))
    rig.wire.engine(outputs=outputs("call-1/t1", Output(output_id="t#0", result=Result(text="Your order has left."))))
    assert session.texts == []
    rig.timers.advance(1500)
    assert session.texts == ["Your order has left."]


async def test_events_are_repeated_until_answered(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_said(Said("hello", 100, 900))
    rig.timers.advance(500)
    first, second = rig.posted("utterance")
    assert first.event_id == second.event_id
    assert second.head.sequence > first.head.sequence
    rig.wire.engine(accepted=Accepted(event_id=first.event_id))
    rig.timers.advance(2999)
    assert len(rig.posted("utterance")) == 2
    rig.timers.advance(1)
    assert len(rig.posted("utterance")) == 3, "the answer may have been lost"
    rig.wire.engine(outputs=outputs(first.event_id, say("u#0", "Hello.")))
    rig.timers.advance(60_000)
    assert len(rig.posted("utterance")) == 3


async def test_an_engine_that_is_out_is_asked_less_often_but_always(rig: Any) -> None:
    session = await rig.open()
    session.listener.caller_said(Said("hello", 100, 900))
    rig.timers.advance(6000)
    assert len(rig.posted("utterance")) == 1 + 12
    rig.timers.advance(30_000)
    assert len(rig.posted("utterance")) == 1 + 12 + 10


async def test_an_engine_with_nothing_to_say_leaves_the_question_standing(rig: Any) -> None:
    session = await rig.open(ask("o#0", "When?", no_input_ms=5000))
    hear_all(rig, session.speak())
    rig.timers.advance(5000)
    [event] = rig.posted("no_input")
    rig.wire.engine(outputs=outputs(event.event_id))
    rig.wire.gateway(media_ms=9000, audio=CallerAudio(audio=b"\xff" * 160))
    rig.timers.advance(5000)
    assert len(rig.posted("no_input")) == 2


async def test_repeated_outputs_are_said_once(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."))
    rig.wire.engine(outputs=outputs("call-1/opened", say("o#0", "Hello.")))
    session.speak()
    assert session.texts == ["Hello."]


async def test_silence_is_counted_from_the_end_of_playout(rig: Any) -> None:
    session = await rig.open(ask("o#0", "When?", no_input_ms=5000))
    item = session.speak()
    rig.timers.advance(900)
    assert rig.posted("no_input") == []
    rig.wire.gateway(media_ms=7000, heard=Heard(item_id=item, heard_ms=1000, ended=True))
    rig.timers.advance(4999)
    assert rig.posted("no_input") == []
    rig.timers.advance(1)
    [event] = rig.posted("no_input")
    assert event.event_id.startswith("call-1/n")
    rig.wire.engine(outputs=outputs(event.event_id, say("n#0", "Are you there?")))
    hear_all(rig, session.speak())
    rig.timers.advance(60_000)
    assert len(rig.posted("no_input")) == 1, "the next question arms it again"


async def test_speech_and_understanding_are_no_silence(rig: Any) -> None:
    session = await rig.open(ask("o#0", "When?", no_input_ms=5000))
    hear_all(rig, session.speak())
    rig.timers.advance(4000)
    session.listener.caller_started(3000)
    rig.timers.advance(20_000)
    session.listener.caller_stopped(4000)
    rig.timers.advance(20_000)
    assert rig.posted("no_input") == []
    session.listener.caller_unclear()
    rig.timers.advance(5000)
    assert len(rig.posted("no_input")) == 1


async def test_a_lost_report_of_playout_does_not_silence_the_call(rig: Any) -> None:
    session = await rig.open(ask("o#0", "When?", no_input_ms=5000))
    session.speak(1000)
    rig.timers.advance(1000 + 2500)
    await written(rig)
    assert rig.store.delivered == ["o#0"]
    rig.timers.advance(5000)
    assert len(rig.posted("no_input")) == 1


async def test_hang_up_waits_until_the_closing_was_heard(rig: Any) -> None:
    session = await rig.open(say("o#0", "Goodbye."), Output(output_id="o#1", hang_up=HangUp()))
    item = session.speak()
    assert rig.sent("hang_up") == []
    hear_all(rig, item)
    [hang_up] = rig.sent("hang_up")
    assert hang_up.hang_up.reason == END_REASON_AGENT_HUNG_UP
    await written(rig)
    assert rig.store.delivered == ["o#0", "o#1"]


async def test_a_caller_who_speaks_into_the_goodbye_is_answered(rig: Any) -> None:
    session = await rig.open(say("o#0", "Goodbye."), Output(output_id="o#1", hang_up=HangUp()))
    item = session.speak()
    caller_says(session, "Wait, one more thing.")
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=400, ended=True, flushed=True))
    assert rig.sent("hang_up") == []
    rig.wire.engine(outputs=outputs("call-1/u3000", ask("u#0", "Yes?")))
    hear_all(rig, session.speak())
    assert rig.sent("hang_up") == []
    assert session.texts[-1] == "Yes?"


async def test_guidance_for_a_model_is_delivered_without_a_word(rig: Any) -> None:
    session = await rig.open(Output(output_id="o#0", steer=Steer(text="Be brief.")), say("o#1", "Hello."))
    assert session.texts == ["Hello."]
    await written(rig)
    assert rig.store.delivered == ["o#0"]


async def test_a_key_stops_the_agent_and_waits_for_the_engine(rig: Any) -> None:
    session = await rig.open(ask("o#0", "Press one."), ask("o#1", "Or say it."))
    item = session.speak()
    rig.wire.gateway(key=KeyPress(digit="1"))
    assert len(rig.sent("flush")) == 1
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=300, ended=True, flushed=True))
    await asyncio.sleep(0)
    assert session.texts == ["Press one.", "Or say it."]
    rig.wire.engine(outputs=outputs("call-1/k1", ask("k#0", "Thank you. Which day?")))
    assert session.texts == ["Press one.", "Or say it.", "Thank you. Which day?"]


async def test_after_a_lost_socket_the_unheard_is_said_again(rig: Any) -> None:
    session = await rig.open(ask("o#0", "For which day shall I book?"))
    item = session.speak()
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=200))
    rig.wire.gateway(opened=call_opened(reattached=True, gateway_slot=9, gateway_generation=2))
    assert session.texts == ["For which day shall I book?"] * 2
    session.speak()
    assert rig.box.slots[-1] == ("gateway-inbox", 9)
    assert len({sent.audio.item_id for sent in rig.sent("audio")}) == 2


async def test_after_a_lost_socket_the_last_question_is_put_again(rig: Any) -> None:
    session = await rig.open(ask("o#0", "For which day?"))
    hear_all(rig, session.speak())
    rig.wire.gateway(opened=call_opened(reattached=True, gateway_generation=2))
    assert session.texts == ["For which day?"] * 2


async def test_early_audio_reaches_the_session_when_it_opens(make_rig: Any) -> None:
    rig = await make_rig()
    rig.wire.gateway(opened=call_opened())
    rig.wire.gateway(media_ms=0, audio=CallerAudio(audio=b"a" * 160))
    rig.wire.gateway(media_ms=20, audio=CallerAudio(audio=b"b" * 160))
    session = await rig.open()
    rig.wire.gateway(media_ms=40, audio=CallerAudio(audio=b"c" * 160))
    assert session.heard == [(b"a" * 160, 0), (b"b" * 160, 20), (b"c" * 160, 40)]


async def test_audio_taken_in_is_reported_each_second_but_not_past_a_running_turn(rig: Any) -> None:
    session = await rig.open()
    for position in range(0, 1000, 20):
        rig.wire.gateway(media_ms=position, audio=CallerAudio(audio=b"\xff" * 160))
    assert [item.heard_through.media_ms for item in rig.sent("heard_through")] == [1000]
    session.listener.caller_started(900)
    for position in range(1000, 2000, 20):
        rig.wire.gateway(media_ms=position, audio=CallerAudio(audio=b"\xff" * 160))
    assert rig.sent("heard_through")[-1].heard_through.media_ms == 900


async def test_a_model_session_is_tried_again(make_rig: Any) -> None:
    rig = await make_rig(FakeBackend(failures=1))
    rig.wire.gateway(opened=call_opened())
    rig.wire.engine(plan=PlanReady())
    await rig.app.calls.get("call-1")._opening
    assert len(rig.backend.sessions) == 1


async def test_without_a_model_session_the_call_is_ended(make_rig: Any) -> None:
    rig = await make_rig(FakeBackend(failures=100))
    rig.wire.gateway(opened=call_opened())
    rig.wire.engine(plan=PlanReady())
    await rig.app.calls.get("call-1")._opening
    assert rig.sent("hang_up")[0].hang_up.reason == END_REASON_PROVIDER_ERROR


async def test_without_an_agent_the_caller_hears_an_apology(rig: Any) -> None:
    rig.wire.gateway(opened=call_opened())
    rig.wire.engine(plan=PlanReady(error="no agent for this number"))
    await rig.app.calls.get("call-1")._opening
    [session] = rig.backend.sessions
    assert "sorry" in session.texts[0]
    hear_all(rig, session.speak())
    assert rig.sent("hang_up")


async def test_the_end_of_a_call_writes_what_was_heard_and_lets_go(rig: Any) -> None:
    session = await rig.open(say("o#0", "One two three four."), ask("o#1", "Five?", 5000))
    item = session.speak()
    rig.wire.gateway(heard=Heard(item_id=item, heard_ms=500))
    rig.wire.gateway(closed=CallClosed(reason=END_REASON_CALLER_HUNG_UP))
    assert len(rig.app.calls) == 0
    await rig.app.calls.drained()
    assert session.closed
    assert [turn.turn.text for turn in rig.store.turns] == ["One two"]
    assert rig.store.delivered == ["o#0"]
    assert rig.timers.waiting == 0
    assert rig.box.to_gateway[-1].WhichOneof("body") == "audio", "nothing is said after the end"


async def test_writes_to_session_are_repeated_while_it_is_out(make_rig: Any) -> None:
    rig = await make_rig()
    session = await rig.open(say("o#0", "Hello."))
    rig.store.errors = [RpcError(StatusCode.UNAVAILABLE, "out"), RpcError(StatusCode.UNAVAILABLE, "out")]
    hear_all(rig, session.speak())
    await written(rig)
    assert len(rig.store.turns) == 1
    assert rig.store.delivered == ["o#0"]


async def test_a_refused_write_does_not_hold_up_the_next(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."))
    rig.store.errors = [RpcError(StatusCode.NOT_FOUND, "no such session")]
    hear_all(rig, session.speak())
    await written(rig)
    assert rig.store.delivered == ["o#0"]


async def test_garbage_and_strangers_change_nothing(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."))
    rig.box.inbox(b"\xff\xff\xff", ())
    Wire(rig.box.inbox, "call-unknown").gateway(heard=Heard(item_id="x", ended=True))
    rig.wire.gateway(heard=Heard(item_id="never sent", heard_ms=5, ended=True))
    rig.wire.gateway()
    session.speak()
    assert session.texts == ["Hello."]


async def test_one_calls_trouble_is_not_anothers(rig: Any) -> None:
    await rig.open()
    other = Wire(rig.box.inbox, "call-2")
    broken = call_opened("call-2")
    broken.call.format.sample_rate_hz = 0
    other.gateway(opened=broken)
    assert rig.app.calls.get("call-2") is None
    assert rig.app.calls.get("call-1") is not None


async def test_progress_gives_way_to_a_question(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."))
    rig.wire.engine(outputs=outputs("call-1/t1", Output(output_id="t#0", progress=Progress(text="One moment."))))
    rig.wire.engine(outputs=outputs("call-1/t2", ask("t2#0", "Three o'clock, shall I book it?")))
    session.speak()
    assert session.texts == ["Hello.", "Three o'clock, shall I book it?"]


async def test_a_filler_is_said_only_where_work_takes_time(rig: Any) -> None:
    session = await rig.open(say("o#0", "Hello."))
    hear_all(rig, session.speak())
    rig.wire.engine(outputs=outputs("call-1/t1", Output(output_id="t#0", progress=Progress(text="One moment."))))
    rig.timers.advance(FILLER_PATIENCE_MS - 1)
    assert session.texts == ["Hello."]
    rig.timers.advance(1)
    assert session.texts == ["Hello.", "One moment."]


async def test_the_lease_is_taken_and_given_back(make_rig: Any) -> None:
    rig = await make_rig()
    assert rig.app.ready
    assert rig.store.leases[-1].ready
    await rig.app.drain()
    assert rig.store.leases[-1].draining
    await rig.app.stop()
    assert not rig.app.ready
    assert rig.store.released == 1
    assert not rig.backend.running


@pytest.mark.parametrize("name", ["caller_unclear", "freed"])
async def test_late_reports_after_the_end_are_harmless(rig: Any, name: str) -> None:
    session = await rig.open(say("o#0", "Hello."))
    rig.wire.gateway(closed=CallClosed())
    await rig.app.calls.drained()
    count = len(rig.box.to_gateway)
    getattr(session.listener, name)()
    assert len(rig.box.to_gateway) == count
