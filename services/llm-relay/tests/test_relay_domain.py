"""The pure parts: turns, outputs, silence, response times, sentences, backchannels."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_relay.domain.backchannel import is_backchannel
from llm_relay.domain.outputs import FILLER_PATIENCE_MS, Outputs
from llm_relay.domain.response import ResponseTimer, Stage
from llm_relay.domain.sentences import sentences
from llm_relay.domain.silence import Silence
from llm_relay.domain.turns import REPORT_GRACE_MS, Caller, Floor
from opusagent.fsa.v1.fsa_pb2 import Ask, HangUp, Output, Progress, Result, Steer, Verbatim

ANY = settings(deadline=None)


def output(name: str, body: str, text: str = "") -> Output:
    bodies: dict[str, Any] = {
        "ask": Ask(text=text),
        "progress": Progress(text=text),
        "result": Result(text=text),
        "verbatim": Verbatim(text=text),
        "steer": Steer(text=text),
        "hang_up": HangUp(),
    }
    return Output(output_id=name, **{body: bodies[body]})


# ---- turns


def test_heard_words_are_cut_by_their_share_of_time() -> None:
    floor = Floor()
    item = floor.item("i")
    assert item is not None
    item.add(1000, "One two three four.", False, 0)
    item.add(500, "", False, 0)
    item.add(500, "Five six.", True, 0)
    item.heard_ms = 1500
    assert item.heard_text == "One two three four."
    item.heard_ms = 750
    assert item.heard_text == "One two"
    assert item.wholly_heard_text == ""
    item.heard_ms = 2000
    assert item.heard_text == "One two three four. Five six."


@ANY
@given(
    st.lists(st.tuples(st.integers(1, 3000), st.text("ab cd.", max_size=20)), min_size=1, max_size=8),
    st.integers(0, 25_000),
)
def test_what_was_heard_only_grows(pieces: list[tuple[int, str]], heard_ms: int) -> None:
    floor = Floor()
    item = floor.item("i")
    assert item is not None
    for milliseconds, text in pieces:
        item.add(milliseconds, text, False, 0)
    words = " ".join(text for _, text in pieces).split()
    item.heard_ms = heard_ms
    before = item.heard_text.split()
    assert before == words[: len(before)]
    item.heard_ms = heard_ms + 500
    assert item.heard_text.split()[: len(before)] == before


def test_an_item_that_was_cut_takes_no_more_audio() -> None:
    floor = Floor()
    floor.item("i")
    assert [item.item_id for item in floor.cut(0)] == ["i"]
    assert floor.item("i") is None
    assert floor.cut(0) == [], "once"
    ended = floor.heard("i", 120, True, 0)
    assert ended is not None
    assert ended.cut
    assert floor.item("i") is None, "nor after it has ended"
    assert floor.heard("i", 200, True, 0) is None


def test_an_item_begins_when_it_is_heard_not_when_it_is_sent() -> None:
    floor = Floor()
    floor.media_ms = 1000
    first, second = floor.item("1"), floor.item("2")
    assert first is not None
    assert second is not None
    floor.media_ms = 1240
    floor.heard("1", 200, False, 0)
    floor.media_ms = 3000
    floor.heard("1", 1900, True, 0)
    floor.media_ms = 3220
    floor.heard("2", 200, False, 0)
    floor.heard("2", 400, False, 0)
    assert (first.started_ms, second.started_ms) == (1040, 3020)


def test_an_item_is_overdue_only_when_all_of_it_was_sent() -> None:
    floor = Floor()
    item = floor.item("i")
    assert item is not None
    item.add(1000, "Hello.", False, 0)
    assert floor.due_ms() is None
    item.add(0, "", True, 100)
    assert floor.due_ms() == 100 + 1000 + REPORT_GRACE_MS
    floor.heard("i", 400, False, 500)
    assert floor.due_ms() == 500 + 600 + REPORT_GRACE_MS
    assert floor.overdue(500) == []
    [late] = floor.overdue(500 + 600 + REPORT_GRACE_MS)
    assert late.heard_ms == 1000
    assert floor.quiet


def test_understanding_an_old_turn_does_not_silence_a_new_one() -> None:
    floor = Floor()
    floor.caller = Caller.SPEAKING
    floor.understood()
    assert floor.caller is Caller.SPEAKING


# ---- outputs

LATER = FILLER_PATIENCE_MS
"""When a filler given at 0 may be said."""


def take_texts(outputs: Outputs, merge: bool = False) -> list[str]:
    found = []
    while (delivery := outputs.take(merge, LATER)) is not None:
        found.append(" ".join(line.text for line in delivery.lines))
        outputs.generated(delivery.delivery_id)
    return found


def test_merged_deliveries_stop_before_the_closing() -> None:
    outputs = Outputs(1)
    first, second = output("1", "result", "Done."), output("2", "verbatim", "Thank you.")
    outputs.add([first, second, output("3", "ask", "More?"), output("4", "hang_up")], answers_caller=False, now_ms=0)
    assert take_texts(outputs, merge=True) == ["Done.", "Thank you. More?"]
    closing = outputs.next_closing()
    assert closing is not None
    assert closing.output_id == "4"


def test_an_answer_to_the_caller_makes_waiting_questions_old() -> None:
    outputs = Outputs(1)
    outputs.add([output("1", "ask", "When?"), output("2", "result", "Paid.")], answers_caller=False, now_ms=0)
    assert outputs.add([output("3", "progress", "One moment.")], answers_caller=True, now_ms=0) == ["1"]
    assert take_texts(outputs) == ["Paid.", "One moment."]


def test_a_filler_waits_a_moment_and_goes_when_what_it_bridges_is_there() -> None:
    outputs = Outputs(1)
    outputs.add(
        [output("1", "result", "Yes."), output("2", "progress", "One moment.")], answers_caller=True, now_ms=100
    )
    assert outputs.take(True, 100) is not None
    assert outputs.take(True, 100 + FILLER_PATIENCE_MS - 1) is None
    assert outputs.due_ms(100) == 100 + FILLER_PATIENCE_MS
    assert outputs.add([output("3", "steer", "Be kind.")], answers_caller=False, now_ms=200) == []
    assert outputs.add([output("4", "result", "Booked.")], answers_caller=False, now_ms=300) == ["2"]
    assert outputs.due_ms(300) is None
    assert take_texts(outputs) == ["Be kind.", "Booked."]


def test_a_filler_in_front_holds_back_nothing_for_longer() -> None:
    outputs = Outputs(1)
    outputs.add([output("1", "progress", "One moment."), output("2", "hang_up")], answers_caller=True, now_ms=0)
    assert outputs.next_closing() is None
    assert take_texts(outputs) == ["One moment."]
    assert outputs.next_closing() is not None


def test_an_empty_answer_makes_nothing_old() -> None:
    outputs = Outputs(1)
    outputs.add([output("1", "ask", "When?")], answers_caller=False, now_ms=0)
    assert outputs.add([], answers_caller=True, now_ms=0) == []
    assert outputs.add([output("2", "steer", "Be kind.")], answers_caller=True, now_ms=0) == []
    assert take_texts(outputs) == ["When?", "Be kind."]


def test_a_question_takes_back_a_hang_up() -> None:
    outputs = Outputs(1)
    outputs.add([output("1", "hang_up")], answers_caller=False, now_ms=0)
    assert outputs.add([output("2", "ask", "Yes?")], answers_caller=True, now_ms=0) == ["1"]
    assert outputs.next_closing() is None


def test_the_rest_of_a_cut_delivery_leaves_out_what_was_heard() -> None:
    outputs, floor = Outputs(1), Floor()
    outputs.add(
        [output("1", "verbatim", "One two. Three four."), output("2", "ask", "Five?")], answers_caller=False, now_ms=0
    )
    delivery = outputs.take(True, LATER)
    assert delivery is not None
    outputs.item_begun(delivery.delivery_id, "i")
    item = floor.item("i")
    assert item is not None
    item.add(1000, "One two.", False, 0)
    item.add(1000, "Three four.", False, 0)
    item.heard_ms, item.cut = 1200, True
    assert outputs.item_ended(item) is None, "more of it may be made"
    settled = outputs.generated(delivery.delivery_id)
    assert settled is delivery
    assert [line.text for line in delivery.rest] == ["Three four.", "Five?"]


def test_a_question_that_was_cut_is_not_put_back_after_a_newer_one() -> None:
    outputs = Outputs(1)
    outputs.add([output("1", "ask", "When?"), output("2", "result", "Paid.")], answers_caller=False, now_ms=0)
    old, paid = outputs.take(False, LATER), outputs.take(False, LATER)
    assert old is not None
    assert paid is not None
    outputs.add([output("3", "ask", "Where?")], answers_caller=True, now_ms=0)
    assert outputs.put_back(old.lines) == ["1"]
    assert outputs.put_back(paid.lines) == []
    assert take_texts(outputs) == ["Paid.", "Where?"]


KINDS = st.sampled_from(["ask", "progress", "result", "verbatim", "steer"])


@ANY
@given(st.lists(st.tuples(KINDS, st.booleans(), st.booleans()), max_size=20), st.booleans())
def test_every_output_is_said_or_dropped_exactly_once(steps: list[tuple[str, bool, bool]], merge: bool) -> None:
    outputs = Outputs(1)
    said: list[str] = []
    dropped: list[str] = []
    given_in: list[str] = []
    for number, (body, answers, speak_now) in enumerate(steps):
        made = output(f"o{number}", body, f"Text {number}.")
        given_in.append(made.output_id)
        dropped += outputs.add([made, made], answers_caller=answers, now_ms=0)
        if speak_now and (delivery := outputs.take(merge, LATER)) is not None:
            said += delivery.output_ids
            assert outputs.generated(delivery.delivery_id) is delivery
    while (delivery := outputs.take(merge, LATER)) is not None:
        said += delivery.output_ids
    assert sorted(said + dropped) == sorted(given_in)
    assert said == sorted(said, key=lambda name: int(name[1:])), "in order"


# ---- silence


def test_silence_runs_only_while_it_is_quiet() -> None:
    silence = Silence()
    silence.observe(True, 0)
    assert silence.deadline_ms is None
    silence.arm(5000)
    silence.observe(True, 1000)
    assert silence.deadline_ms == 6000
    silence.observe(True, 2000)
    assert silence.deadline_ms == 6000
    silence.observe(False, 3000)
    assert not silence.run_out(60_000)
    silence.observe(True, 4000)
    assert not silence.run_out(8999)
    assert silence.run_out(9000)
    assert not silence.run_out(9000), "once"


# ---- response times


def test_response_times_add_up() -> None:
    timer = ResponseTimer()
    timer.caller_stopped(1000, 1400)
    timer.reached(Stage.STT, 1450)
    timer.reached(Stage.ENGINE, 1460)
    timer.reached(Stage.ENGINE, 9999)
    spent = timer.answered(1500)
    assert spent == {"endpoint": 400, "stt": 50, "engine": 10, "tts_first": 40, "total": 500}
    assert timer.answered(2000) == {}


def test_a_model_that_answers_by_itself_has_a_total() -> None:
    timer = ResponseTimer()
    timer.caller_stopped(1000, 1400)
    assert timer.answered(1900) == {"endpoint": 400, "total": 900}


# ---- words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How can I help?", ["Hello.", "How can I help?"]),
        ("At 10 a.m. tomorrow. Is that right?", ["At 10 a.m. tomorrow.", "Is that right?"]),
        ("With Dr. Okafor at 10 a.m. Shall I?", ["With Dr. Okafor at 10 a.m. Shall I?"]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("It costs 3.50 in all", ["It costs 3.50 in all"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@ANY
@given(st.text("abC .!?\"'(1é\n", max_size=80))
def test_sentences_lose_no_word(text: str) -> None:
    assert " ".join(sentences(text)).split() == text.split()


@pytest.mark.parametrize("text", ["Mm-hm.", "Uh-huh", "Hmm...", "mhm"])
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["Yes.", "No", "Okay", "Right, but", "", "um ten"])
def test_words_are_no_backchannels(text: str) -> None:
    assert not is_backchannel(text)
