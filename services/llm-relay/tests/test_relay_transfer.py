"""A human shall take the call: what the relay sends, and what it does when he does not."""

from typing import Any

import pytest

from llm_relay.backends.port import Said
from llm_relay.testing import TALKER, FakeBackend, call_opened
from opusagent.call.v1.call_pb2 import (
    END_REASON_TRANSFERRED,
    TRANSFER_OUTCOME_ANSWERED,
    TRANSFER_OUTCOME_BUSY,
    TRANSFER_OUTCOME_FAILED,
    TransferResult,
)
from opusagent.fsa.v1.fsa_pb2 import Accepted, Ask, Expectation, HandOff, Output, Outputs, Verbatim
from opusagent.media.v1.inbox_pb2 import CallerAudio, Heard

RESULT = TransferResult(outcome=TRANSFER_OUTCOME_BUSY, detail="dial busy", event_id="call-1/t10001")


def hand_off(target: str = "tel:+15550111") -> Output:
    return Output(output_id="o#1", hand_off=HandOff(target=target, summary="Wants to move an appointment."))


def say(output_id: str, text: str) -> Output:
    return Output(output_id=output_id, verbatim=Verbatim(text=text))


def hear_all(rig: Any, item_id: str) -> None:
    rig.wire.gateway(heard=Heard(item_id=item_id, heard_ms=1000, ended=True))


async def put_through(rig: Any) -> Any:
    session = await rig.open(say("o#0", "I will connect you."), hand_off())
    hear_all(rig, session.speak())
    assert len(rig.sent("transfer")) == 1
    return session


async def test_the_human_is_asked_for_when_everything_was_heard(rig: Any) -> None:
    session = await rig.open(say("o#0", "I will connect you."), hand_off())
    item = session.speak()
    assert rig.sent("transfer") == []
    hear_all(rig, item)
    [sent] = rig.sent("transfer")
    assert (sent.transfer.target, sent.transfer.summary) == ("tel:+15550111", "Wants to move an appointment.")
    assert rig.sent("hang_up") == []


async def test_without_a_target_the_call_ends(rig: Any) -> None:
    session = await rig.open(say("o#0", "Goodbye."), hand_off(""))
    hear_all(rig, session.speak())
    assert rig.sent("transfer") == []
    [hang_up] = rig.sent("hang_up")
    assert hang_up.hang_up.reason == END_REASON_TRANSFERRED


async def test_while_the_caller_is_away_nothing_is_heard_or_said(rig: Any) -> None:
    session = await put_through(rig)
    rig.wire.gateway(media_ms=4000, audio=CallerAudio(audio=b"\xff" * 160))
    assert session.heard == []
    session.listener.item_audio("chatter", b"\xff" * 800, "Still there?", True)
    rig.wire.engine(outputs=Outputs(event_id="call-1/other", outputs=[say("x#0", "By the way.")]))
    assert [item for item in rig.sent("audio") if item.audio.item_id == "chatter"] == []
    assert session.texts == ["I will connect you."]
    rig.timers.advance(600_000)
    assert rig.posted("no_input") == []


async def test_an_answered_transfer_ends_the_agents_part(rig: Any) -> None:
    session = await put_through(rig)
    answered = TransferResult(outcome=TRANSFER_OUTCOME_ANSWERED, event_id="call-1/t1")
    rig.wire.gateway(transferred=answered)
    rig.wire.engine(outputs=Outputs(event_id="call-1/t1", outputs=[say("t#0", "Bye.")]))
    assert session.texts == ["I will connect you."]
    assert rig.posted("transferred") == []


@pytest.mark.parametrize("new_socket", [True, False])
async def test_who_comes_back_is_told_what_the_engine_decides(rig: Any, new_socket: bool) -> None:
    session = await put_through(rig)
    if new_socket:
        rig.wire.generation = 2
        rig.wire.gateway(opened=call_opened(reattached=True, gateway_generation=2))
        assert session.texts == ["I will connect you."], "not before it is known what became of it"
    rig.wire.gateway(transferred=RESULT)
    [event] = rig.posted("transferred")
    assert (event.event_id, event.transferred) == ("call-1/t10001", RESULT)
    ask = Output(output_id="t#1", ask=Ask(text="Shall I take a message?", expect=Expectation(no_input_ms=5000)))
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id, outputs=[say("t#0", "They are busy."), ask]))
    hear_all(rig, session.speak())
    hear_all(rig, session.speak())
    assert session.texts[1:] == ["They are busy.", "Shall I take a message?"]
    rig.wire.gateway(media_ms=9000, audio=CallerAudio(audio=b"\xff" * 160))
    assert len(session.heard) == 1
    session.listener.caller_started(9500)
    session.listener.caller_stopped(9900)
    session.listener.caller_said(Said("Yes please.", 9500, 9900))
    assert rig.posted("utterance")[0].utterance.text == "Yes please."


async def test_the_result_is_repeated_until_the_engine_answers(rig: Any) -> None:
    await put_through(rig)
    rig.wire.gateway(transferred=RESULT)
    rig.timers.advance(600)
    assert len(rig.posted("transferred")) == 2
    rig.wire.engine(accepted=Accepted(event_id=RESULT.event_id))
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id, outputs=[say("t#0", "They are busy.")]))
    rig.timers.advance(60_000)
    assert len(rig.posted("transferred")) == 2


async def test_the_caller_is_not_left_in_silence_by_an_engine_that_has_nothing_to_say(rig: Any) -> None:
    session = await put_through(rig)
    rig.wire.gateway(transferred=RESULT)
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id))
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id))
    assert session.texts[1:] == ["I'm sorry, nobody can take your call right now."]


async def test_a_second_human_may_be_called(rig: Any) -> None:
    session = await put_through(rig)
    rig.wire.gateway(transferred=RESULT)
    again = Output(output_id="t#1", hand_off=HandOff(target="tel:+15550112"))
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id, outputs=[say("t#0", "I will try another."), again]))
    hear_all(rig, session.speak())
    assert [item.transfer.target for item in rig.sent("transfer")] == ["tel:+15550111", "tel:+15550112"]


async def test_a_lost_result_does_not_leave_the_caller_away_for_ever(rig: Any) -> None:
    session = await put_through(rig)
    rig.wire.generation = 2
    rig.wire.gateway(opened=call_opened(reattached=True, gateway_generation=2))
    rig.wire.gateway(media_ms=9000, audio=CallerAudio(audio=b"\xff" * 160))
    assert len(session.heard) == 1
    rig.wire.engine(outputs=Outputs(event_id=RESULT.event_id, outputs=[say("t#0", "They are busy.")]))
    assert session.texts[-1] == "They are busy."


async def test_a_conversing_model_says_nothing_meanwhile(make_rig: Any) -> None:
    rig = await make_rig(FakeBackend(TALKER))
    session = await put_through(rig)
    silenced = session.silenced
    assert silenced == 1
    session.listener.item_audio("own", b"\xff" * 800, "Hello?", True)
    rig.wire.gateway(transferred=TransferResult(outcome=TRANSFER_OUTCOME_FAILED, event_id="call-1/t1"))
    rig.wire.engine(outputs=Outputs(event_id="call-1/t1", outputs=[say("t#0", "I could not reach them.")]))
    assert session.texts[-1] == "I could not reach them."
    assert [item for item in rig.sent("audio") if item.audio.item_id == "own"] == []
