"""Texts brought into one form."""

import re
from collections.abc import Callable, Sequence

_NORMALISERS: dict[str, Callable[[str], str]] = {
    "trim": lambda text: " ".join(text.split()),
    "upper": str.upper,
    "lower": str.lower,
    "capitalise": lambda text: text[:1].upper() + text[1:],
    "no_spaces": lambda text: "".join(text.split()),
    "digits_only": lambda text: re.sub(r"\D", "", text),
    "letters_and_digits": lambda text: re.sub(r"[\W_]", "", text),
}


def normalised(value: str, names: Sequence[str]) -> str:
    """Apply normalisers by name, in order."""
    for name in names:
        value = _NORMALISERS[name](value)
    return value
