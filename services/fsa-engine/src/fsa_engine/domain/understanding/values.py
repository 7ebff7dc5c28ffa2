"""One way to read a slot of any type out of an utterance, and out of what a model proposes."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from fsa_engine.domain.understanding.amounts import MOST, duration_seconds, find_amounts, find_durations, iso_duration
from fsa_engine.domain.understanding.answers import yes_or_no
from fsa_engine.domain.understanding.dates import find_dates
from fsa_engine.domain.understanding.identifiers import find_address, find_email, find_iban, luhn
from fsa_engine.domain.understanding.normalising import normalised
from fsa_engine.domain.understanding.texts import find_choices, find_digits, find_name, find_numbers, find_text
from fsa_engine.domain.understanding.times import find_times
from fsa_engine.domain.understanding.words import Reading, cardinal, pointed, quantity, tokens_of

LONGEST_LIST = 20
"""Items of a list."""
_DATETIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})")
_BETWEEN = re.compile(r"\s*(?:,\s*and\b|,|;|\band\b)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Shape:
    """What a slot accepts. `likely`: minutes of the day; `values`: choices with synonyms; lengths in digits.

    `of`: type of a list's items; `checksum`: "luhn" or "iban"; `normalise`: see `normalising`; `cues`: tokens beside
    which a value is plain; `unit`: of a bare number that stands for a duration.
    """

    kind: str
    likely: tuple[int, int] | None = None
    values: Mapping[str, Sequence[str]] | None = None
    shortest: int = 1
    longest: int = 40
    of: str = "text"
    checksum: str | None = None
    normalise: tuple[str, ...] = ()
    cues: tuple[tuple[str, ...], ...] = ()
    unit: str | None = None


@dataclass(frozen=True)
class Setting:
    """What values are relative to: local time of the call, and the language (BCP 47)."""

    now: datetime
    language: str = "en-US"

    @property
    def month_first(self) -> bool:
        """How 5/3 is read."""
        return self.language.lower() in {"en-us", "en"}


WHOLE = frozenset({"text", "name", "address"})
"""Types whose answer is the whole utterance."""


def read(text: str, shape: Shape, setting: Setting) -> list[Reading]:
    """Read all values of a shape; spans are in tokens of the text."""
    tokens = tokens_of(text)
    readings = _READERS[shape.kind](text, tokens, shape, setting)
    if shape.cues:
        readings = [replace(r, plain=r.plain or _cued(tokens, r, shape.cues)) for r in readings]
    if not shape.normalise:
        return readings
    changed = [
        replace(r, value=normalised(r.value, shape.normalise) if isinstance(r.value, str) else r.value)
        for r in readings
    ]
    return [r for r in changed if r.value != ""]


def _cued(tokens: tuple[str, ...], reading: Reading, cues: tuple[tuple[str, ...], ...]) -> bool:
    """Tell whether a cue stands right after a value, or before it and after no other one: "two people, three"."""
    after = tokens[reading.end :]
    for cue in cues:
        begin = reading.start - len(cue)
        leads = begin >= 0 and tokens[begin : reading.start] == cue
        if after[: len(cue)] == cue or (leads and (begin == 0 or cardinal(tokens, begin - 1) is None)):
            return True
    return False


def fails_checksum(text: str, shape: Shape, setting: Setting) -> bool:
    """Tell whether words hold a number of a shape's form whose check digits are wrong."""
    if shape.checksum == "iban":
        return not find_iban(text) and bool(find_iban(text, checked=False))
    whole = shape.checksum and not read(text, shape, setting)
    return bool(whole and read(text, replace(shape, checksum=None), setting))


_Tokens: TypeAlias = tuple[str, ...]
_Reader: TypeAlias = Callable[[str, _Tokens, Shape, Setting], list[Reading]]


def _dates(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    return find_dates(tokens, setting.now.date(), setting.month_first)


def _times(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    days = find_dates(tokens, setting.now.date(), setting.month_first)
    return find_times(_blanked(tokens, days), shape.likely)


def _datetimes(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    """Read a day with a time; neither alone is one."""
    written = _DATETIME.search(text)
    if written and is_value(f"{written.group(1)}T{written.group(2)}", "datetime"):
        return [Reading(f"{written.group(1)}T{written.group(2)}", 0, len(tokens))]
    days, times = _dates(text, tokens, shape, setting), _times(text, tokens, shape, setting)
    if not days or not times:
        return []
    return [Reading(f"{days[-1].value}T{times[-1].value}", 0, len(tokens), days[-1].plain)]


def _digits(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    if shape.checksum == "iban":
        return _all(find_iban(text), tokens)
    found = find_digits(tokens, shape.shortest, shape.longest)
    return [r for r in found if luhn(r.value)] if shape.checksum == "luhn" else found


def _durations(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    written = text.strip()
    seconds = duration_seconds(written) if written[:1] == "P" else None
    if seconds is not None:
        return _all(iso_duration(seconds), tokens)
    found = find_durations(tokens_of(pointed(text)))
    if found or not shape.unit:
        return found
    numbers = ((n, find_durations((str(n.value), shape.unit))) for n in find_numbers(tokens))
    return [replace(n, value=meant[0].value) for n, meant in numbers if meant]


def _listed(text: str, tokens: _Tokens, shape: Shape, setting: Setting) -> list[Reading]:
    """Read several values of one type: "apples, pears and plums"."""
    item = replace(shape, kind=shape.of, normalise=())
    parts = _BETWEEN.split(" ".join(text.split())[:1000])
    if shape.of in WHOLE:
        found = [Reading(part, 0, 0) for part in map(find_text, parts) if part]
    elif shape.of == "time" and all(read(part, item, setting) for part in parts if part):
        found = [r for part in parts if part for r in read(part, item, setting)]
    else:
        found = sorted(read(text, item, setting), key=lambda reading: reading.start)
    values = [normalised(r.value, shape.normalise) if isinstance(r.value, str) else r.value for r in found]
    return [Reading(values[:LONGEST_LIST], 0, len(tokens), plain=False)] if values else []


def _all(value: Any, tokens: _Tokens) -> list[Reading]:
    """Return the reading of a whole utterance; none for None and empty text."""
    return [] if value is None or value == "" else [Reading(value, 0, len(tokens), plain=False)]


_READERS: Mapping[str, _Reader] = {
    "date": _dates,
    "time": _times,
    "datetime": _datetimes,
    "duration": _durations,
    "integer": lambda text, tokens, shape, setting: find_numbers(tokens),
    "decimal": lambda text, tokens, shape, setting: _decimals(text),
    "money": lambda text, tokens, shape, setting: find_amounts(text),
    "digits": _digits,
    "phone": lambda text, tokens, shape, setting: _phones(text, tokens),
    "email": lambda text, tokens, shape, setting: _all(find_email(text), tokens),
    "enum": lambda text, tokens, shape, setting: find_choices(tokens, shape.values or {}),
    "yes_no": lambda text, tokens, shape, setting: _all(yes_or_no(tokens), tokens),
    "name": lambda text, tokens, shape, setting: _all(find_name(text), tokens),
    "address": lambda text, tokens, shape, setting: _all(find_address(text), tokens),
    "text": lambda text, tokens, shape, setting: _all(find_text(text), tokens),
    "list": _listed,
}


def _blanked(tokens: tuple[str, ...], readings: list[Reading]) -> tuple[str, ...]:
    """Hide what belongs to days, so that "the 3rd at ten" has one time and "5/3" none; keeps an "at" before it."""
    hidden = {i for reading in readings for i in range(reading.start, reading.end)}
    return tuple("tonight" if t == "tonight" else "·" if i in hidden else t for i, t in enumerate(tokens))


def _decimals(text: str) -> list[Reading]:
    """Read numbers with fractions; spans are in tokens of the text with its decimal points as words."""
    tokens, found, at = tokens_of(pointed(text.replace("-", " minus "))), [], 0
    while at < len(tokens):
        number = quantity(tokens, at)
        if number is None:
            at += 1
            continue
        negative = at > 0 and tokens[at - 1] in {"minus", "negative"}
        found.append(Reading(-number[0] if negative else number[0], at, number[1], plain=False))
        at = number[1]
    return found


def _number(value: float, kind: str) -> Any:
    """Return a number that was proposed as one, if a slot of its kind can have it."""
    if not abs(value) <= MOST or (kind == "integer" and value != int(value)) or (kind == "money" and value < 0):
        return None
    return int(value) if kind == "integer" else round(float(value), 2) if kind == "money" else float(value)


def _phones(text: str, tokens: tuple[str, ...]) -> list[Reading]:
    plus = "+" if text.strip().startswith("+") or "plus" in tokens[:2] else ""
    whole = "".join(r.value for r in find_digits(tokens))
    return [Reading(plus + whole, 0, len(tokens), plain=False)] if 7 <= len(whole) <= 15 else []


def proposed(value: Any, shape: Shape, setting: Setting) -> Any:
    """Read a value that a model or a tool proposes, in the slot's own form or in words; None if it is none."""
    if isinstance(value, bool) and shape.kind == "yes_no":
        return value
    if shape.kind == "list" and isinstance(value, list | tuple):
        items = [proposed(item, replace(shape, kind=shape.of), setting) for item in value[:LONGEST_LIST]]
        return items if items and None not in items else None
    if isinstance(value, int | float) and not isinstance(value, bool) and shape.kind in {"integer", "decimal", "money"}:
        return _number(value, shape.kind)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        readings = read(str(value), shape, setting)
        return readings[-1].value if readings else None
    return None


def proposals(answer: str) -> dict[str, Any] | None:
    """Return the slots of a model's answer if it is a JSON object, else None (it is words)."""
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


_FORMS = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "time": re.compile(r"([01]\d|2[0-3]):[0-5]\d"),
    "datetime": re.compile(r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "phone": re.compile(r"\+?\d{3,15}"),
    "digits": re.compile(r"[0-9A-Z]{1,40}"),
}
LONGEST_VALUE = 500
"""Characters of a text that a tool may give."""


def is_value(value: Any, kind: str) -> bool:
    """Tell whether something has exactly the form that a slot's value has in JSON; no list."""
    if kind == "yes_no":
        return isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in {"decimal", "money"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_VALUE:
        return False
    if kind == "duration":
        return duration_seconds(value) is not None
    form = _FORMS.get(kind)
    if form is not None and form.fullmatch(value) is None:
        return False
    return kind not in {"date", "datetime"} or _is_day(value[:10])


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
