import pytest

from speech.expectation import Reading, best, expected, fits, looping, tidy


def reading(text: str, mean: float) -> Reading:
    return Reading(text, mean * (len(text.split()) + 1), len(text.split()))


def test_an_expected_phrase_replaces_a_misread_one() -> None:
    free = reading("Half past you.", -0.6)
    phrases = [Reading("Half past two.", -3.9, 4), Reading("In the morning.", -14.0, 4)]
    assert [r.text for r in best([free], phrases, "time")] == ["Half past two.", "Half past you."]


def test_other_words_are_not_bent_into_the_expected_ones() -> None:
    free = reading("What times do you have?", -0.1)
    phrases = [Reading("Three p.m.", -22.0, 6), Reading("In the morning.", -17.0, 4)]
    assert [r.text for r in best([free], phrases, "time")] == [free.text]


def test_a_phrase_never_swallows_what_was_said_besides() -> None:
    free = Reading("No, at eleven.", -2.0, 4)
    assert best([free], [Reading("No.", -0.3, 2)], "yes_no")[0] is free


def test_a_reading_that_fits_the_kind_beats_an_equal_one_that_does_not() -> None:
    first, second = reading("Order tonight.", -1.0), reading("quarter to nine", -1.2)
    assert best([first, second], [], "time")[0] is second
    assert best([reading("Order tonight.", -0.1), second], [], "time")[0].text == "Order tonight."


@pytest.mark.parametrize(
    ("text", "kind", "fitting"),
    [
        ("Yes, please.", "yes_no", True),
        ("Goodbye.", "yes_no", False),
        ("At 11.", "time", True),
        ("quarter tonight", "time", False),
        ("quarter to nine", "time", True),
        ("the third of March", "date", True),
        ("12th", "date", True),
        ("I don't know", "date", False),
        ("four one five", "digits", True),
        ("anything at all", "intent", True),
    ],
)
def test_kinds(text: str, kind: str, fitting: bool) -> None:
    assert fits(text, kind) is fitting


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        ("tomorrow tomorrow tomorrow tomorrow", True),
        ("no thank you no thank you no thank you", True),
        ("yes yes", False),
        ("no no no", False),
        ("5 5 5 5 1 2 3 4", False),
        ("five five five five", False),
        ("I would like to book an appointment", False),
        ("", False),
    ],
)
def test_circles(text: str, circle: bool) -> None:
    assert looping(text) is circle


def test_loose_times_are_written_as_times() -> None:
    assert tidy("330 p.m.") == "3:30 p.m."
    assert tidy("3 30 PM") == "3:30 p.m."
    assert tidy("at 10 a.m. please") == "at 10 a.m. please"
    assert tidy("Call 415 330") == "Call 415 330"


def test_expected_phrases_are_written_once_and_as_whisper_writes() -> None:
    assert expected("yes_no", ("yes", "that's right", "no thank you.")) == [
        "Yes.",
        "That's right.",
        "No thank you.",
        "No.",
        "Yes, please.",
    ]
