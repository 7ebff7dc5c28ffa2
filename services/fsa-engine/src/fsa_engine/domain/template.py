"""Texts with `{slot}` in them. A part in `[...]` falls away while a slot in it is not filled.

`{date:on}` puts the word before a named day only: "on Tuesday, December 2nd", but "tomorrow".
"""

import re
from collections.abc import Callable

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([a-z]+))?\}")

Speak = Callable[[str, str], str | None]
"""Name and preposition to spoken value; None if not filled."""


def fill(template: str, speak: Speak) -> str:
    """Put values in; a field that is not filled and not optional becomes "that"."""

    def optional(match: re.Match[str]) -> str:
        part = match.group(1)
        missing = any(speak(name, preposition) is None for name, preposition in _FIELD.findall(part))
        return "" if missing else part

    return _FIELD.sub(lambda m: speak(m.group(1), m.group(2) or "") or "that", _OPTIONAL.sub(optional, template))


def required(template: str) -> set[str]:
    """Return the fields that must be filled."""
    return {name for name, _ in _FIELD.findall(_OPTIONAL.sub("", template))}


def mentioned(template: str) -> set[str]:
    """Return all fields."""
    return {name for name, _ in _FIELD.findall(template)}
