import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.text import cardinal, clauses, ordinal, speakable, year


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Your appointment is tomorrow at 10 AM.", "Your appointment is tomorrow at ten A M."),
        ("At 10:30 a.m. Is that right?", "At ten thirty A M. Is that right?"),
        ("at 10 a.m. tomorrow", "at ten A M tomorrow"),
        ("at 9:05 pm, please", "at nine oh five P M, please"),
        ("at 14:05", "at fourteen oh five"),
        ("Call +1 415 555 0100 now", "Call one, four one five, five five five, zero one zero zero now"),
        ("code 90210", "code nine zero two one zero"),
        ("on March 5, 2026", "on March fifth, twenty twenty-six"),
        ("on 2026-12-21", "on December twenty-first, twenty twenty-six"),
        ("on Mar 3", "on March third"),
        ("the 21st", "the twenty-first"),
        ("$9.99 & 15%", "nine dollars and ninety-nine cents and fifteen percent"),
        ("1,250 of 3.5", "one thousand two hundred fifty of three point five"),
        ("Dr. Smith", "Doctor Smith"),
        ("**Yes**", "Yes"),
    ],
)
def test_what_a_voice_is_given(written: str, spoken: str) -> None:
    assert speakable(written) == spoken


@given(st.text(max_size=80))
def test_any_text_is_spoken_without_digits_or_error(text: str) -> None:
    assert not any(char in "0123456789" for char in speakable(text))


@given(st.integers(0, 10**13))
def test_every_number_has_words(number: int) -> None:
    assert not any(char.isdigit() for char in cardinal(number))


def test_numbers() -> None:
    assert [ordinal(n) for n in (1, 2, 12, 20, 31, 100)] == [
        "first",
        "second",
        "twelfth",
        "twentieth",
        "thirty-first",
        "one hundredth",
    ]
    assert [year(n) for n in (1900, 2005, 2026, 1805)] == [
        "nineteen hundred",
        "two thousand five",
        "twenty twenty-six",
        "eighteen oh five",
    ]


def test_sentences_part_and_abbreviations_do_not() -> None:
    assert clauses("Welcome back! We meet at ten p.m. please. Okay?") == [
        "Welcome back!",
        "We meet at ten p.m. please.",
        "Okay?",
    ]


@given(st.lists(st.text("abc ,.", min_size=1, max_size=60), max_size=6))
def test_no_word_is_lost_in_the_cutting(parts: list[str]) -> None:
    text = " ".join(" ".join(parts).split())
    assert "".join(clauses(text)).replace(" ", "").strip(",.") == text.replace(" ", "").strip(",.")
