"""Telephone numbers as callers' telephony writes them."""

import re

_WITHHELD = frozenset({"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld", "+266696687"})
"""What stands for "no number"; +266696687 spells ANONYMOUS and is what Twilio gives."""

_DECORATION = re.compile(r"[\s().-]+")
_DIGITS = re.compile(r"[1-9][0-9]{7,14}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def normalise(number: str) -> str:
    """Return one spelling of a number (E.164 where it is one), other identities as they are, "" when withheld."""
    text = number.strip().removeprefix("tel:")
    if text.lower() in _WITHHELD:
        return ""
    if "@" in text or ":" in text:
        return text
    bare = _DECORATION.sub("", text)
    if bare.startswith("00"):
        bare = "+" + bare[2:]
    return "+" + bare if _DIGITS.fullmatch(bare) else bare


def can_be_texted(number: str) -> bool:
    """Whether a normalised number is E.164, so that an SMS or a call can go to it."""
    return _E164.fullmatch(number) is not None


def sender(callee: str) -> str:
    """Return the number to text and dial from: the one that was called, or "" where that was no telephone number."""
    number = normalise(callee)
    return number if can_be_texted(number) else ""
