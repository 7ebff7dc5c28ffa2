"""Values as they are said back to the caller, relative to the call's clock."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from fsa_engine.domain.understanding.dates import MONTHS, WEEKDAYS


def spoken_date(value: str, today: date, preposition: str = "") -> str:
    """Say YYYY-MM-DD: "tomorrow", "Tuesday, December 2nd"; `preposition` is put before a named day only."""
    day = date.fromisoformat(value)
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get((day - today).days)
    if near:
        return near
    name = f"{WEEKDAYS[day.weekday()].capitalize()}, {MONTHS[day.month - 1].capitalize()} {spoken_ordinal(day.day)}"
    if abs((day - today).days) > 330:
        name += f", {day.year}"
    return f"{preposition} {name}" if preposition else name


def spoken_time(value: str) -> str:
    """Say HH:MM: "10 AM", "3:30 PM", "noon"."""
    hour, minute = (int(part) for part in value.split(":"))
    if minute == 0 and hour in {0, 12}:
        return "noon" if hour else "midnight"
    clock = f"{hour % 12 or 12}" + (f":{minute:02d}" if minute else "")
    return f"{clock} {'AM' if hour < 12 else 'PM'}"


def spoken_ordinal(number: int) -> str:
    """Say 2 as "2nd"."""
    suffix = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def joined(parts: Sequence[str], word: str = "and") -> str:
    """Join as in speech: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def spoken(value: Any, kind: str, now: datetime, preposition: str = "", of: str = "text") -> str:
    """Say a slot's value; `kind` is its type, `of` the type of a list's items."""
    if kind == "date":
        return spoken_date(value, now.date(), preposition)
    if kind == "time":
        return spoken_time(value)
    if kind == "yes_no":
        return "yes" if value else "no"
    if kind in {"digits", "phone"}:
        return " ".join(str(value))
    if kind == "list":
        return joined([spoken(item, of, now) for item in value], "or")
    if kind == "decimal" and float(value).is_integer():
        return str(int(value))
    if kind == "enum":
        return str(value).replace("_", " ")
    return str(value)
