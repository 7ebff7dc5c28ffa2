"""Values as they are said back to the caller, relative to the call's clock."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from fsa_engine.domain.understanding.amounts import duration_seconds
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


def spoken_amount(value: float, currency: str) -> str:
    """Say money: "12 dollars and 50 cents"."""
    major, minor = divmod(round(value * 100), 100)
    one, many, cent, cents = _CURRENCIES.get(currency, (currency, currency, "", ""))
    if minor and not cent:
        return f"{major}.{minor:02d} {many}"
    parts = [f"{major} {one if major == 1 else many}"] if major or not minor else []
    if minor:
        parts.append(f"{minor} {cent if minor == 1 else cents}")
    return " and ".join(parts)


def spoken_duration(value: str) -> str:
    """Say an ISO 8601 duration: "1 hour and 30 minutes"."""
    seconds = duration_seconds(value) or 0
    parts = []
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return joined(parts) or "no time"


_CURRENCIES = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "CHF": ("franc", "francs", "rappen", "rappen"),
    "CAD": ("dollar", "dollars", "cent", "cents"),
    "AUD": ("dollar", "dollars", "cent", "cents"),
}
_SIGNS = {"@": " at ", ".": " dot ", "_": " underscore ", "-": " dash ", "+": " plus "}


def spelled(value: Any) -> str:
    """Say character by character."""
    return " ".join(str(value).replace(" ", ""))


def spoken(
    value: Any, kind: str, now: datetime, preposition: str = "", of: str = "text", *, currency: str = "USD"
) -> str:
    """Say a slot's value; `kind` is its type, `of` the type of a list's items."""
    if kind == "list":
        return joined([spoken(item, of, now, currency=currency) for item in value], "or")
    if kind == "date":
        return spoken_date(value, now.date(), preposition)
    if kind == "datetime":
        day, clock = value.split("T")
        return f"{spoken_date(day, now.date(), preposition)} at {spoken_time(clock)}"
    if kind == "money":
        return spoken_amount(value, currency)
    if kind == "yes_no":
        return "yes" if value else "no"
    if kind == "decimal":
        return str(int(value)) if float(value).is_integer() else str(value)
    return _SPOKEN.get(kind, str)(value)


_SPOKEN: Mapping[str, Callable[[Any], str]] = {
    "time": spoken_time,
    "duration": spoken_duration,
    "digits": spelled,
    "phone": spelled,
    "enum": lambda value: str(value).replace("_", " "),
    "email": lambda value: " ".join("".join(_SIGNS.get(c, c) for c in str(value)).split()),
}
