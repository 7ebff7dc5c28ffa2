"""Speech to tokens: lower case, no punctuation, clock times and ordinals kept whole, number words left as words."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

MAX_TOKENS = 400
"""Longer utterances are cut: nobody answers a question in more words, and parsing stays linear."""

_MERIDIEM = re.compile(r"(?<=[\d\w])\s*\b([ap])\s*\.\s*m\b\.?", re.IGNORECASE)
_GLUED_MERIDIEM = re.compile(r"(\d)\s*([ap])\s*\.?\s*m\b\.?")
_TOKEN = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,2}[:.]\d{2}(?!\d)|\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d+(?:st|nd|rd|th)\b|\d+|[^\W\d_]+(?:'[a-z]+)?"
)
_SPELLINGS = {
    "to-morrow": "tomorrow",
    "to morrow": "tomorrow",
    "good-by ": "goodbye ",
    "good bye": "goodbye",
    "good-bye": "goodbye",
    "o'clock": "oclock",
    "o clock": "oclock",
    "wensday": "wednesday",
    "all right": "alright",
    "can not": "cannot",
}

UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}  # noqa: E501  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """A value found in tokens[start:end]. `plain`: recognisable as its type even where nobody asked for one."""

    value: Any
    start: int
    end: int
    plain: bool = True


@lru_cache(maxsize=16)
def tokens_of(text: str) -> tuple[str, ...]:
    """Split speech, as recognisers write it, into tokens.

    A step asks for the same words again and again, so the latest few are remembered: no more, for what callers say is
    not to be kept.
    """
    return _split(text)


@lru_cache(maxsize=4096)
def tokens_of_phrase(phrase: str) -> tuple[str, ...]:
    """Split words of a definition: as `tokens_of`, but remembered."""
    return _split(phrase)


def _split(text: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFKC", text[:4000]).lower().replace("’", "'").replace("‘", "'")
    for written, meant in _SPELLINGS.items():
        text = text.replace(written, meant)
    text = _GLUED_MERIDIEM.sub(r"\1 \2m ", text)
    text = _MERIDIEM.sub(r" \1m ", text)
    return tuple(_TOKEN.findall(text))[:MAX_TOKENS]


def cardinal(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    """Read a number below a hundred (or any digits) at a position; return it and the position after it."""
    if at >= len(tokens):
        return None
    word = tokens[at]
    if word.isdecimal():
        return (int(word), at + 1) if len(word) <= 12 else None
    if word in UNITS:
        return UNITS[word], at + 1
    if word in TENS:
        unit = UNITS.get(tokens[at + 1], 0) if at + 1 < len(tokens) else 0
        return (TENS[word] + unit, at + 2) if 0 < unit < 10 else (TENS[word], at + 1)
    return None


def ordinal(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    """Read "3rd", "third" or "twenty first" at a position; return the number and the position after it."""
    if at >= len(tokens):
        return None
    word = tokens[at]
    if word[:1].isdecimal() and word[-2:] in {"st", "nd", "rd", "th"}:
        return (int(word[:-2]), at + 1) if len(word) <= 4 else None
    if word in ORDINALS:
        return ORDINALS[word], at + 1
    if word in TENS and at + 1 < len(tokens) and 0 < ORDINALS.get(tokens[at + 1], 0) < 10:
        return TENS[word] + ORDINALS[tokens[at + 1]], at + 2
    return None


def large_number(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    """Read a whole number with hundreds and thousands at a position."""
    total, group, end, seen = 0, 0, at, False
    while end < len(tokens):
        word = tokens[end]
        found = cardinal(tokens, end)
        if found:
            if seen and group % 100:
                break
            group, end, seen = group + found[0], found[1], True
        elif word == "hundred":
            group, end, seen = max(group, 1) * 100, end + 1, True
        elif word == "dozen":
            group, end, seen = max(group, 1) * 12, end + 1, True
        elif word in {"thousand", "million"}:
            total += max(group, 1) * (1000 if word == "thousand" else 1_000_000)
            group, end, seen = 0, end + 1, True
        elif word == "and" and seen and cardinal(tokens, end + 1):
            end += 1
        else:
            break
    return (total + group, end) if seen else None


_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_POINT = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?![\d.])")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def pointed(text: str) -> str:
    """Write decimal points as a word and thousands without commas: "1,200.5" is "1200 point 5"."""
    return _POINT.sub(r"\1 point \2", _GROUPED.sub("", text))


def quantity(tokens: tuple[str, ...], at: int) -> tuple[float, int] | None:
    """Read a number with its fraction: "three point five", "two and a half thousand", "half a million"."""
    scale = _SCALES.get(tokens[at + 2], 0) if len(tokens) > at + 2 else 0
    if tokens[at : at + 2] == ("half", "a") and scale:
        return scale / 2, at + 3
    couple = next((end for p in ("a couple of", "a couple", "couple of") if (end := phrase_at(tokens, at, p))), 0)
    number = (2, couple) if couple else large_number(tokens, at)
    if number is None:
        return None
    value, end = float(number[0]), number[1]
    fraction = _fraction(tokens, end)
    if fraction:
        value, end = value + fraction[0], fraction[1]
    if (fraction or couple) and end < len(tokens) and tokens[end] in _SCALES:
        value, end = value * _SCALES[tokens[end]], end + 1
    return value, end


def _fraction(tokens: tuple[str, ...], at: int) -> tuple[float, int] | None:
    if phrase_at(tokens, at, "and a half"):
        return 0.5, at + 3
    digits, end = "", at + 1
    while at < len(tokens) and tokens[at] == "point" and len(digits) < 9 and (found := cardinal(tokens, end)):
        digits, end = digits + (tokens[end] if tokens[end].isdecimal() else str(found[0])), found[1]
    return (float(f"0.{digits}"), end) if digits else None


def phrase_at(tokens: tuple[str, ...], at: int, phrase: str) -> int:
    """Return the position after a phrase of space-separated words at a position, or 0."""
    words = _words_of(phrase)
    return at + len(words) if tokens[at : at + len(words)] == words else 0


def find_phrase(tokens: tuple[str, ...], phrase: str) -> int:
    """Return where a phrase begins, or -1."""
    words = _words_of(phrase)
    if not words or words[0] not in tokens:
        return -1
    return next((i for i, token in enumerate(tokens) if token == words[0] and phrase_at(tokens, i, phrase)), -1)


Phrases: TypeAlias = Mapping[str, Sequence[tuple[str, ...]]]
"""Phrases as words, by their first word."""


@lru_cache(maxsize=256)
def phrases_of(phrases: tuple[str, ...]) -> Phrases:
    """Sort phrases by their first word."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases:
        words = _words_of(phrase)
        if words:
            found.setdefault(words[0], []).append(words)
    return found


def spans_of(tokens: tuple[str, ...], phrases: Phrases) -> Iterator[range]:
    """Yield where phrases stand."""
    for at, token in enumerate(tokens):
        for words in phrases.get(token, ()):
            if tokens[at : at + len(words)] == words:
                yield range(at, at + len(words))


@lru_cache(maxsize=4096)
def _words_of(phrase: str) -> tuple[str, ...]:
    return tuple(phrase.split())
