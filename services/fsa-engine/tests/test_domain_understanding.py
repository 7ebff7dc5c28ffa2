"""Dates, times and answers as people say them and as recognisers write them."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsa_engine.domain.understanding.answers import (
    wants_cancel,
    wants_continue,
    wants_nothing_more,
    wants_repeat,
    wants_start_over,
    yes_or_no,
)
from fsa_engine.domain.understanding.spoken import joined, spoken, spoken_date, spoken_ordinal, spoken_time
from fsa_engine.domain.understanding.values import Setting, Shape, proposals, proposed, read
from fsa_engine.domain.understanding.words import tokens_of

MONDAY = Setting(datetime(2025, 12, 1, 9, 0))
DATE = Shape("date")
TIME = Shape("time", likely=(8 * 60, 18 * 60))


def last(text: str, shape: Shape, setting: Setting = MONDAY) -> object:
    readings = read(text, shape, setting)
    return readings[-1].value if readings else None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("ten a.m.", "10:00"),
        ("Ten a.m., please.", "10:00"),
        ("10 am.", "10:00"),
        ("10am", "10:00"),
        ("10 A.M", "10:00"),
        ("ten a m", "10:00"),
        ("10 a.m.?", "10:00"),
        ("10", "10:00"),
        ("at eleven", "11:00"),
        ("At 11.", "11:00"),
        ("half past nine", "09:30"),
        ("noon", "12:00"),
        ("twelve noon", "12:00"),
        ("midnight", "00:00"),
        ("12 a.m.", "00:00"),
        ("12 p.m.", "12:00"),
        ("quarter to four", "15:45"),
        ("a quarter past one", "13:15"),
        ("twenty past two", "14:20"),
        ("five minutes to five", "16:55"),
        ("10:30", "10:30"),
        ("10.30", "10:30"),
        ("1030", "10:30"),
        ("ten thirty", "10:30"),
        ("ten oh five", "10:05"),
        ("three", "15:00"),
        ("at three in the afternoon", "15:00"),
        ("tomorrow afternoon at four", "16:00"),
        ("in the morning at nine", "09:00"),
        ("5 pm", "17:00"),
        ("seventeen thirty", "17:30"),
        ("15:30", "15:30"),
        ("8 o'clock", "08:00"),
        ("nine o'clock in the morning", "09:00"),
        ("no, make it 3 pm", "15:00"),
        ("one", "13:00"),
        ("at one", "13:00"),
        ("3 a.m.", "03:00"),
        ("09:00", "09:00"),
        ("I'd say about two", "14:00"),
    ],
)
def test_times_as_they_are_said(said: str, meant: str) -> None:
    assert last(said, TIME) == meant


@pytest.mark.parametrize(
    "said",
    ["", "hello", "the blue one", "that one", "in two days", "for three people", "my room is number", "can I am please",
     "on May 3rd", "12/5", "December 2nd", "twenty fifth", "next week", "I don't know", "25:00", "the 10th", "99",
     "room 7"],
)  # fmt: skip
def test_what_is_no_time(said: str) -> None:
    assert last(said, TIME) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("today", "2025-12-01"),
        ("tomorrow", "2025-12-02"),
        ("Tomorrow.", "2025-12-02"),
        ("to-morrow", "2025-12-02"),
        ("I'd like to book an appointment for tomorrow", "2025-12-02"),
        ("the day after tomorrow", "2025-12-03"),
        ("yesterday", "2025-11-30"),
        ("Wednesday", "2025-12-03"),
        ("on monday", "2025-12-08"),
        ("this Monday", "2025-12-01"),
        ("next Tuesday", "2025-12-09"),
        ("Tuesday next week", "2025-12-09"),
        ("Tuesday of next week", "2025-12-09"),
        ("this coming Friday", "2025-12-05"),
        ("last Friday", "2025-11-28"),
        ("on last Monday", "2025-11-24"),
        ("this past Sunday", "2025-11-30"),
        ("Tuesday last week", "2025-11-25"),
        ("last week on Wednesday", "2025-11-26"),
        ("it was last Friday, the 28th of November", "2025-11-28"),
        ("two days ago", "2025-11-29"),
        ("a week ago", "2025-11-24"),
        ("about two weeks ago I think", "2025-11-17"),
        ("a month ago", "2025-11-01"),
        ("Friday morning", "2025-12-05"),
        ("the 3rd of May", "2026-05-03"),
        ("third of may", "2026-05-03"),
        ("May 3rd", "2026-05-03"),
        ("May the third", "2026-05-03"),
        ("3 May", "2026-05-03"),
        ("December twenty first", "2025-12-21"),
        ("January 5, 2027", "2027-01-05"),
        ("Wednesday, December 3rd", "2025-12-03"),
        ("in two weeks", "2025-12-15"),
        ("in a week", "2025-12-08"),
        ("three days from now", "2025-12-04"),
        ("in a couple of days", "2025-12-03"),
        ("a week from Tuesday", "2025-12-09"),
        ("in a month", "2026-01-01"),
        ("on the 21st", "2025-12-21"),
        ("the first", "2025-12-01"),
        ("12/24", "2025-12-24"),
        ("2025-12-24", "2025-12-24"),
        ("the 31st", "2025-12-31"),
    ],
)
def test_days_as_they_are_said(said: str, meant: str) -> None:
    assert last(said, DATE) == meant


@pytest.mark.parametrize(
    "said",
    ["", "at ten", "ten a.m.", "hello", "next week", "May I come in at three", "the first available", "the second one",
     "February 30th", "13/45", "in the morning", "I have a sun burn", "in an hour", "an hour ago", "long ago",
     "2025-13-01"],
)  # fmt: skip
def test_what_is_no_day(said: str) -> None:
    assert last(said, DATE) is None


def test_a_day_and_a_time_in_one_breath() -> None:
    for said in ("tomorrow at ten", "at ten tomorrow", "tomorrow, ten a.m.", "10 am tomorrow"):
        assert (last(said, DATE), last(said, TIME)) == ("2025-12-02", "10:00"), said
    assert last("the 3rd at half past two", TIME) == "14:30"


def test_days_are_read_in_the_callers_country() -> None:
    assert last("3/5", DATE, Setting(MONDAY.now, "en-GB")) == "2026-05-03"
    assert last("3/5", DATE) == "2026-03-05"


@given(st.dates(date(2025, 12, 1), date(2026, 10, 20)))
def test_what_is_said_back_is_understood_again(day: date) -> None:
    assert last(spoken_date(day.isoformat(), MONDAY.now.date()), DATE) == day.isoformat()


@given(st.integers(0, 23), st.integers(0, 59))
def test_times_said_back_are_understood_again(hour: int, minute: int) -> None:
    value = f"{hour:02d}:{minute:02d}"
    assert last(spoken_time(value), TIME) == value


@given(st.integers(8, 17), st.sampled_from([0, 15, 30, 45]))
def test_a_bare_hour_means_the_one_in_opening_hours(hour: int, minute: int) -> None:
    said = f"{hour % 12 or 12}:{minute:02d}"
    if hour != 8 or minute:
        assert last(said, TIME) == f"{hour:02d}:{minute:02d}"


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    kinds = ["date", "time", "integer", "decimal", "yes_no", "digits", "phone", "name", "text"]
    for kind in kinds:
        read(text, Shape(kind), MONDAY)
    read(text, Shape("enum", values={"a_b": ("abc", text)}), MONDAY)
    for tell in (yes_or_no, wants_cancel, wants_repeat, wants_continue, wants_nothing_more, wants_start_over):
        tell(tokens_of(text))


@given(
    st.lists(
        st.sampled_from(
            ["tomorrow", "at", "ten", "half", "past", "to", "quarter", "in", "two", "weeks", "the", "third", "of",
             "may", "next", "a", "week", "from", "monday", "am", "pm", "10", "2025", "oh", "one", "hundred",
             "double", "and", "not", "or", "minus", "thirty"]
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_order_of_their_words_is_read_without_an_error(words: list[str]) -> None:
    for kind in ("date", "time", "integer", "digits", "phone"):
        for reading in read(" ".join(words), Shape(kind), MONDAY):
            assert 0 <= reading.start < reading.end <= len(words)
            if kind == "date":
                assert abs(date.fromisoformat(reading.value) - MONDAY.now.date()) < timedelta(days=366 * 300)


@pytest.mark.parametrize(
    "said",
    ["yes", "Yes, please.", "yeah", "yep that's right", "sure, go ahead", "okay", "correct", "Yes, at 10 a.m. please",
     "um yes", "no problem", "why not", "That's correct.", "sounds good", "please do", "perfect, thank you"],
)  # fmt: skip
def test_yes(said: str) -> None:
    assert yes_or_no(tokens_of(said)) is True


@pytest.mark.parametrize(
    "said",
    ["no", "No, thanks.", "nope", "not now", "that's wrong", "no, that's okay", "I don't think so", "that's not right",
     "never", "no, I'm good thanks", "please don't"],
)  # fmt: skip
def test_no(said: str) -> None:
    assert yes_or_no(tokens_of(said)) is False


@pytest.mark.parametrize(
    "said",
    ["", "what?", "yes but at eleven", "yes no", "maybe", "yes if it is free", "banana", "cancel it",
     "I told my wife yes when we met in Paris", "would you say yes or no", "book it",
     "it is missing", "good morning doctor", "the right time", "is it Tuesday?"],
)  # fmt: skip
def test_neither_yes_nor_no(said: str) -> None:
    assert yes_or_no(tokens_of(said)) is None


def test_the_offer_repeated_is_a_yes_to_that_offer_alone() -> None:
    assert yes_or_no(tokens_of("book it"), "It's at ten. Shall I book it?") is True
    assert yes_or_no(tokens_of("yes, cancel it please"), "Shall I cancel it?") is True
    assert yes_or_no(tokens_of("cancel it"), "Shall I book it?") is None
    assert yes_or_no(tokens_of("don't book it"), "Shall I book it?") is False


def test_wishes_to_the_conversation() -> None:
    assert wants_repeat(tokens_of("Sorry, what was that?"))
    assert not wants_repeat(tokens_of("tomorrow"))
    assert wants_cancel(tokens_of("never mind"))
    assert wants_cancel(tokens_of("Cancel, please."))
    assert not wants_cancel(tokens_of("I want to cancel my appointment"))
    assert wants_start_over(tokens_of("let's start over"))
    assert not wants_start_over(tokens_of("I don't want to start over"))
    assert wants_continue(tokens_of("Continue."))
    assert wants_nothing_more(tokens_of("no, that's all, thanks"))
    assert not wants_nothing_more(tokens_of("yes, one more question"))


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("integer", "twenty five", 25),
        ("integer", "two hundred and five", 205),
        ("integer", "one thousand two hundred", 1200),
        ("integer", "minus 4", -4),
        ("integer", "5550123", 5550123),
        ("integer", "two, no, three", 3),
        ("integer", "5, 5, 5, 0, 1, 2, 3, 4, 5,", None),
        ("decimal", "12.50 please", 12.5),
        ("digits", "one two double four oh", "12440"),
        ("digits", "12 34", "1234"),
        ("phone", "+1 555 010 0199", "+15550100199"),
        ("phone", "five five five oh one double nine", "5550199"),
        ("name", "my name is john smith", "John Smith"),
        ("name", "It's Mary-Ann O'Neil.", "Mary-Ann O'Neil"),
        ("name", "what is the time", None),
        ("text", "please tell her that my knee hurts.", "my knee hurts"),
        ("yes_no", "nope", False),
        ("integer", "two dozen", 24),
        ("decimal", "three point two five", 3.25),
        ("decimal", "minus two point five", -2.5),
        ("decimal", "-2.5", -2.5),
        ("decimal", "twelve and a half", 12.5),
        ("decimal", "infinity", None),
        ("decimal", "nan", None),
        ("money", "two and a half thousand dollars", 2500.0),
        ("money", "1.5 million", 1_500_000.0),
        ("money", "a dollar and a half", 1.5),
        ("money", "half a million euros", 500_000.0),
        ("money", "a couple of hundred", 200.0),
        ("money", "twelve dollars fifty", 12.5),
        ("duration", "three quarters of an hour", "PT45M"),
        ("duration", "1.5 hours", "PT1H30M"),
        ("duration", "two and a half hours", "PT2H30M"),
        ("duration", "an hour and a half", "PT1H30M"),
        ("duration", "a couple of days", "P2D"),
        ("email", "john underscore smith forty two at example dot com", "john_smith42@example.com"),
        ("name", "this is Anna Lee speaking", "Anna Lee"),
    ],
)
def test_other_values(kind: str, said: str, meant: object) -> None:
    assert last(said, Shape(kind)) == meant


def test_several_values_are_told_apart() -> None:
    said = {"time": "ten, eleven and half past three", "money": "ten dollars fifty and twenty dollars"}
    assert last(said["time"], Shape("list", of="time", likely=TIME.likely)) == ["10:00", "11:00", "15:30"]
    assert last(said["money"], Shape("list", of="money")) == [10.5, 20.0]


def test_choices_by_synonym_and_with_slips() -> None:
    shape = Shape("enum", values={"check_up": ("checkup", "examination"), "vaccination": ("shot", "jab")})
    assert last("a check up please", shape) == "check_up"
    assert last("I need a jab", shape) == "vaccination"
    assert last("a vacination", shape) == "vaccination"
    assert last("a pizza", shape) is None


def test_proposals_of_a_model() -> None:
    assert proposed("2025-12-02", DATE, MONDAY) == "2025-12-02"
    assert proposed("tomorrow", DATE, MONDAY) == "2025-12-02"
    assert proposed("10:00", TIME, MONDAY) == "10:00"
    assert proposed({"x": 1}, DATE, MONDAY) is None
    assert proposed(True, Shape("integer"), MONDAY) is None
    assert proposed(1e30, Shape("integer"), MONDAY) is None
    assert proposed(float("nan"), Shape("decimal"), MONDAY) is None
    assert proposed(2.5, Shape("integer"), MONDAY) is None
    assert proposed(-1, Shape("money"), MONDAY) is None
    assert proposed(12.345, Shape("money"), MONDAY) == 12.35
    assert proposed(True, Shape("yes_no"), MONDAY) is True
    assert proposals('{"date": "tomorrow"}') == {"date": "tomorrow"}
    assert proposals("tomorrow") is None
    assert proposals("[1]") is None


def test_values_said_back() -> None:
    now = MONDAY.now
    assert spoken("2025-12-02", "date", now) == "tomorrow"
    assert spoken("2025-12-09", "date", now, "on") == "on Tuesday, December 9th"
    assert spoken("2025-12-02", "date", now, "on") == "tomorrow"
    assert spoken("2027-01-05", "date", now) == "Tuesday, January 5th, 2027"
    assert spoken("15:30", "time", now) == "3:30 PM"
    assert spoken(["10:00", "12:00"], "list", now, of="time") == "10 AM or noon"
    assert spoken("1234", "digits", now) == "1 2 3 4"
    assert [spoken_ordinal(n) for n in (1, 2, 3, 4, 11, 22, 113)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "22nd",
        "113th",
    ]
    assert joined(["a", "b", "c"], "or") == "a, b or c"
