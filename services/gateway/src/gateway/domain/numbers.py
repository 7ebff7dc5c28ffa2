"""Telephone numbers as telephony hands them over."""

import re

_NUMBER = re.compile(r"\+?[0-9]{5,15}")

WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8566696", "+464"})
"""What Twilio gives for anonymous, restricted, blocked, unavailable and (SIP) unknown callers: words on a keypad."""


def telephone_number(party: str) -> str:
    """Return the number in a party such as `+1555...`, `tel:+1555...` or `sip:+1555...@host`; empty when withheld."""
    number = party.strip()
    for scheme in ("tel:", "sips:", "sip:"):
        if number.lower().startswith(scheme):
            number = number[len(scheme) :]
            break
    number = number.partition("@")[0].partition(";")[0]
    if number in WITHHELD or not _NUMBER.fullmatch(number):
        return ""
    return number


def masked(number: str) -> str:
    """Return a number for people who need not know it: its last two digits."""
    return f"…{number[-2:]}" if number else ""
