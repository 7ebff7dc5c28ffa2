"""One way to read a slot of any type out of an utterance, and out of what a model proposes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fsa_engine.domain.understanding.answers import yes_or_no
from fsa_engine.domain.understanding.dates import find_dates
from fsa_engine.domain.understanding.texts import find_choices, find_digits, find_name, find_numbers, find_text
from fsa_engine.domain.understanding.times import find_times
from fsa_engine.domain.understanding.words import Reading, tokens_of


@dataclass(frozen=True)
class Shape:
    """What a slot accepts. `likely`: minutes of the day; `values`: choices with synonyms; lengths in digits."""

    kind: str
    likely: tuple[int, int] | None = None
    values: Mapping[str, Sequence[str]] | None = None
    shortest: int = 1
    longest: int = 40


@dataclass(frozen=True)
class Setting:
    """What values are relative to: local time of the call, and the language (BCP 47)."""

    now: datetime
    language: str = "en-US"

    @property
    def month_first(self) -> bool:
        """How 5/3 is read."""
        return self.language.lower() in {"en-us", "en"}


def read(text: str, shape: Shape, setting: Setting) -> list[Reading]:
    """Read all values of a shape; spans are in tokens of the text."""
    tokens = tokens_of(text)
    if shape.kind == "date":
        return find_dates(tokens, setting.now.date(), setting.month_first)
    if shape.kind == "time":
        days = find_dates(tokens, setting.now.date(), setting.month_first)
        return find_times(_blanked(tokens, days), shape.likely)
    if shape.kind == "integer":
        return find_numbers(tokens)
    if shape.kind == "decimal":
        return _decimals(text, tokens)
    if shape.kind == "digits":
        return find_digits(tokens, shape.shortest, shape.longest)
    if shape.kind == "phone":
        return _phones(text, tokens)
    if shape.kind == "enum":
        return find_choices(tokens, shape.values or {})
    return _whole(text, shape, tokens)


def _whole(text: str, shape: Shape, tokens: tuple[str, ...]) -> list[Reading]:
    value: Any = None
    if shape.kind == "yes_no":
        value = yes_or_no(tokens)
    elif shape.kind == "name":
        value = find_name(text) or None
    elif shape.kind == "text":
        value = find_text(text) or None
    return [] if value is None else [Reading(value, 0, len(tokens), plain=False)]


def _blanked(tokens: tuple[str, ...], readings: list[Reading]) -> tuple[str, ...]:
    """Hide what belongs to days, so that "the 3rd at ten" has one time and "5/3" none; keeps an "at" before it."""
    hidden = {i for reading in readings for i in range(reading.start, reading.end)}
    return tuple("tonight" if t == "tonight" else "·" if i in hidden else t for i, t in enumerate(tokens))


def _decimals(text: str, tokens: tuple[str, ...]) -> list[Reading]:
    for word in text.replace(",", "").replace("$", " ").split():
        try:
            return [Reading(float(word.rstrip(".?!")), 0, len(tokens), plain=False)]
        except ValueError:
            continue
    return [Reading(float(r.value), r.start, r.end, False) for r in find_numbers(tokens)]


def _phones(text: str, tokens: tuple[str, ...]) -> list[Reading]:
    plus = "+" if text.strip().startswith("+") or "plus" in tokens[:2] else ""
    whole = "".join(r.value for r in find_digits(tokens))
    return [Reading(plus + whole, 0, len(tokens), plain=False)] if 7 <= len(whole) <= 15 else []


def proposed(value: Any, shape: Shape, setting: Setting) -> Any:
    """Read a value that a model or a tool proposes, in the slot's own form or in words; None if it is none."""
    if isinstance(value, bool) and shape.kind == "yes_no":
        return value
    if shape.kind == "list":
        return list(value) if isinstance(value, list | tuple) else None
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
