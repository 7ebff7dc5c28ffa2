"""What an expected kind of answer looks like, and how it turns several readings of one utterance into the best one.

Pure. The rules, in this order:
1. An expected phrase is taken when the audio supports it about as well as the free reading (`PHRASE_MARGIN`). Measured:
   the right phrase lies within 4 nats of a misread free reading, a wrong one 8 or more below.
2. A free reading that does not fit the kind gives way to the next one that does, if it is about as likely
   (`FIT_MARGIN`) and the first was not a confident one: callers may always say something else.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Nats, over the whole phrase.
PHRASE_MARGIN = 4.0
# Nats, per token.
FIT_MARGIN = 0.5
# Mean log probability per token above which a free reading is never replaced by another that fits better.
CONFIDENT = -0.35

_UNITS = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_NUMBER = rf"(?:\d+|{_UNITS}|{_TEENS}|{_TENS})"
_NUMBER_WORD = re.compile(rf"{_NUMBER}")
_DAYS = "today|tomorrow|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday|week|weekend"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_ORDINAL = r"(?:\d+(?:st|nd|rd|th)|first|second|third|[a-z]+th)"

_FITS: dict[str, re.Pattern[str]] = {
    "yes_no": re.compile(r"\b(yes|yeah|yep|no|nope|right|correct|wrong|sure|ok|okay|please|fine)\b"),
    "time": re.compile(rf"\b({_NUMBER}|noon|midday|midnight|morning|afternoon|evening)\b"),
    "date": re.compile(rf"\b({_DAYS}|{_MONTHS}|{_ORDINAL})\b"),
    "digits": re.compile(rf"\b{_NUMBER}\b"),
    "number": re.compile(rf"\b({_NUMBER}|hundred|thousand)\b"),
}
_LOOSE_TIME = re.compile(r"\b(1[0-2]|[1-9])[ .:-]?([0-5]\d)[ -]*([ap])\.?m\b\.?", re.IGNORECASE)
# Answers that every question of a kind gets, whatever the agent's definition lists.
_COMMON: dict[str, tuple[str, ...]] = {"yes_no": ("Yes.", "No.", "Yes, please.", "No, thank you.")}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of an utterance, with the log probability of its tokens given the audio."""

    text: str
    total: float
    tokens: int

    @property
    def mean(self) -> float:
        """Per token."""
        # One more than there are: the end of the text is a token too, and always likely.
        return self.total / (self.tokens + 1)


def words(text: str) -> tuple[str, ...]:
    """What is compared: lower case, without punctuation."""
    return tuple(re.sub(r"[^\w' ]", " ", text.lower().replace("a.m.", "am").replace("p.m.", "pm")).split())


def fits(text: str, kind: str) -> bool:
    """Whether it can be an answer of that kind; an unknown kind is fitted by everything."""
    pattern = _FITS.get(kind)
    return pattern is None or pattern.search(text.lower()) is not None


def tidy(text: str) -> str:
    """Times of day as they are written: "330 p.m.", "3 30 PM" and "3.30pm" become "3:30 p.m."."""
    return _LOOSE_TIME.sub(lambda found: f"{found[1]}:{found[2]} {found[3].lower()}.m.", text)


def expected(kind: str, phrases: Sequence[str], limit: int = 12) -> list[str]:
    """Whole answers to be tried on the audio, written as the recogniser writes: capital, full stop."""
    seen: dict[tuple[str, ...], str] = {}
    for phrase in (*phrases, *_COMMON.get(kind, ())):
        if phrase.strip():
            text = phrase.strip()
            seen.setdefault(words(text), text[0].upper() + text[1:].rstrip(".") + ".")
    return list(seen.values())[:limit]


def best(readings: Sequence[Reading], phrases: Sequence[Reading], kind: str) -> list[Reading]:
    """All readings in the order they are to be believed. `readings`: free ones, likeliest first, at least one."""
    first = readings[0]
    ordered = list(readings)
    supported = [phrase for phrase in phrases if phrase.total >= first.total - PHRASE_MARGIN]
    if supported:
        phrase = max(supported, key=lambda reading: reading.total)
        if words(phrase.text) != words(first.text) and not _holds_more(first.text, phrase.text):
            ordered.insert(0, phrase)
    elif first.mean < CONFIDENT and not fits(first.text, kind):
        near = (reading for reading in readings if reading.mean >= first.mean - FIT_MARGIN and fits(reading.text, kind))
        fitting = next(near, None)
        if fitting is not None:
            ordered.remove(fitting)
            ordered.insert(0, fitting)
    return _distinct(ordered)


def looping(text: str) -> bool:
    """Whether the reading goes round in a circle, as Whisper does on noise: a group of words three times or more, or a
    single one four times or more, one after the other. Digits may repeat.
    """
    said = words(text)
    return any(_repeats(said, size) >= (4 if size == 1 else 3) for size in range(1, len(said) // 3 + 1))


def _repeats(said: tuple[str, ...], size: int) -> int:
    longest = run = 1
    for at in range(size, len(said) - size + 1):
        group = said[at : at + size]
        same = group == said[at - size : at] and not all(_NUMBER_WORD.fullmatch(word) for word in group)
        run = run + 1 if same else 1
        longest = max(longest, 1 + (run - 1 + size - 1) // size if same else 1)
    return longest


def _holds_more(text: str, phrase: str) -> bool:
    """Whether the text says the phrase and something besides: then the phrase would lose it."""
    long, short = words(text), words(phrase)
    return len(long) > len(short) and any(
        long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1)
    )


def _distinct(readings: Sequence[Reading], key: Callable[[str], tuple[str, ...]] = words) -> list[Reading]:
    seen: dict[tuple[str, ...], Reading] = {}
    for reading in readings:
        seen.setdefault(key(reading.text), reading)
    return list(seen.values())
