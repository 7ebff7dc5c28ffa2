"""Amounts of money, and lengths of time, as people say them."""

import re
from collections.abc import Mapping

from fsa_engine.domain.understanding.words import Reading, cardinal, large_number, phrase_at, quantity, tokens_of

_MAJOR = {"dollar", "dollars", "buck", "bucks", "euro", "euros", "pound", "pounds", "quid", "franc", "francs",
          "usd", "eur", "gbp", "chf"}  # fmt: skip
_MINOR = frozenset(["cent", "cents", "penny", "pence", "p", "rappen"])
_SYMBOLS = {"$": " dollars ", "€": " euros ", "£": " pounds "}
_AMOUNT = re.compile(r"([$€£])\s*(\d[\d,]*(?:\.\d+)?)")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POINT = re.compile(r"(\d)\.(\d{1,2})(?!\d)")
MOST = 1e12
"""More money than this is a slip of the tongue."""


def find_amounts(text: str) -> list[Reading]:
    """Find amounts in major units, to two decimals: "$12.50", "twelve dollars fifty", "fifty cents"."""
    text = _AMOUNT.sub(lambda m: f" {m.group(2)} {_SYMBOLS[m.group(1)]}", text)
    tokens = tokens_of(_POINT.sub(r"\1 point \2 ", _GROUPED.sub("", text)))
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        reading = _amount(tokens, at)
        if reading is None:
            at += 1
            continue
        negative = at > 0 and tokens[at - 1] in {"minus", "negative"}
        if not negative and reading.value <= MOST:
            found.append(reading)
        at = reading.end
    return found


def _amount(tokens: tuple[str, ...], at: int) -> Reading | None:
    start = at + 1 if tokens[at] in {"a", "an"} and _word(tokens, at + 1) != "couple" else at
    scaled, number = quantity(tokens, at), large_number(tokens, start)
    more = scaled is not None and tokens[scaled[1] - 1] in {"hundred", "thousand", "million"}
    if scaled and (number is None or (more and number[1] < scaled[1])):
        named = _word(tokens, scaled[1]) in _MAJOR
        return Reading(round(scaled[0], 2), at, scaled[1] + named, named)
    if number is None:
        return _one(tokens, at)
    whole, end = number
    if _word(tokens, end) in _MINOR:
        return Reading(round(whole / 100, 2), at, end + 1)
    cents, end, plain = _rest(tokens, end, whole)
    return Reading(round(whole + cents / 100, 2), at, end, plain)


def _one(tokens: tuple[str, ...], at: int) -> Reading | None:
    """Read "a dollar", "a dollar and a half", "half a dollar"."""
    half = tokens[at : at + 2] in {("half", "a"), ("half", "an")}
    end = at + 1 + half
    if tokens[at] not in {"a", "an", "half"} or _word(tokens, end) not in _MAJOR:
        return None
    more = phrase_at(tokens, end + 1, "and a half")
    return Reading(0.5 if half else 1.5 if more else 1.0, at, more or end + 1)


def _rest(tokens: tuple[str, ...], end: int, whole: int) -> tuple[int, int, bool]:
    """Read what follows the whole part: cents, end, and whether a unit was named."""
    if _word(tokens, end) == "point":
        digits, end = _decimals(tokens, end + 1)
        named = _word(tokens, end) in _MAJOR
        return int(f"{digits}00"[:2]), end + named, named
    named = _word(tokens, end) in _MAJOR
    end += named
    after = end + 1 if named and _word(tokens, end) == "and" else end
    more = cardinal(tokens, after)
    if more is None or not 0 < more[0] < 100:
        return 0, end, named
    minor = _word(tokens, more[1]) in _MINOR
    if minor or (more[0] >= 10 and (named or whole < 1000) and after == end):
        return more[0], more[1] + minor, named or minor
    return 0, end, named


def _decimals(tokens: tuple[str, ...], at: int) -> tuple[str, int]:
    digits = ""
    while len(digits) < 2:
        found = cardinal(tokens, at)
        if found is None:
            break
        word = tokens[at]
        digits, at = digits + (word if word.isdecimal() else str(found[0])), found[1]
    return digits or "0", at


def _word(tokens: tuple[str, ...], at: int) -> str:
    return tokens[at] if at < len(tokens) else ""


_UNITS: Mapping[str, int] = {
    "second": 1, "seconds": 1, "sec": 1, "secs": 1, "minute": 60, "minutes": 60, "min": 60, "mins": 60, "hour": 3600,
    "hours": 3600, "hr": 3600, "hrs": 3600, "h": 3600, "day": 86_400, "days": 86_400, "night": 86_400,
    "nights": 86_400, "week": 604_800, "weeks": 604_800, "fortnight": 1_209_600,
}  # fmt: skip
_QUARTERS = {"a quarter of an hour": 1, "quarter of an hour": 1, "quarter hour": 1, "three quarters of an hour": 3}
_PLAIN_DURATION = 10_000 * 86_400


def find_durations(tokens: tuple[str, ...]) -> list[Reading]:
    """Find lengths of time, as ISO 8601: "an hour and a half" is PT1H30M, "two weeks" P14D."""
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        seconds, end = 0, at
        while part := _span(tokens, end):
            seconds, end = seconds + part[0], part[1]
            if _word(tokens, end) == "and" and _span(tokens, end + 1):
                end += 1
        if end > at and 0 < seconds <= _PLAIN_DURATION:
            found.append(Reading(iso_duration(seconds), at, end, plain=False))
        at = max(end, at + 1)
    return found


def _span(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    """Read one part: "two hours", "half an hour", "one and a half hours", "an hour and a half"."""
    if _word(tokens, at) == "half" and _word(tokens, at + 1) in {"a", "an"} and _word(tokens, at + 2) in _UNITS:
        return _UNITS[tokens[at + 2]] // 2, at + 3
    for phrase, quarters in _QUARTERS.items():
        if end := phrase_at(tokens, at, phrase):
            return quarters * 900, end
    number = quantity(tokens, at) or ((1.0, at + 1) if _word(tokens, at) in {"a", "an"} else None)
    if number is None:
        return None
    count, end = number
    unit = _UNITS.get(_word(tokens, end))
    if unit is None or count > 100_000:
        return None
    end += 1
    if count.is_integer() and phrase_at(tokens, end, "and a half"):
        count, end = count + 0.5, end + 3
    return round(count * unit), end


def iso_duration(seconds: int) -> str:
    """Write seconds as ISO 8601: P3D for whole days, else PT and hours, minutes, seconds."""
    if seconds and seconds % 86_400 == 0:
        return f"P{seconds // 86_400}D"
    parts = ((seconds // 3600, "H"), (seconds // 60 % 60, "M"), (seconds % 60, "S"))
    return "PT" + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0S")


_ISO = re.compile(r"P(?=[\dT])(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?")


def duration_seconds(value: str) -> int | None:
    """Return the seconds of an ISO 8601 duration of days, hours, minutes and seconds; None if it is none."""
    match = _ISO.fullmatch(value)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds
