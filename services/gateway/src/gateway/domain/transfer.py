"""What may be dialled for a caller, and what may be said or written about him: pure."""

import re

MAX_SUMMARY = 500
"""Characters of a summary that are whispered or written into a header; the caller waits while it is read."""

_TEL = re.compile(r"tel:(\+?[0-9(][0-9*#.()\-]{1,30})", re.IGNORECASE)
_SIP = re.compile(r"sips?:[^\s<>\"]{1,250}", re.IGNORECASE)
_SEPARATORS = re.compile(r"[.()\-]")


def number_in(target: str) -> str:
    """Return the number of a tel: URI without its visual separators (RFC 3966, 3); empty where it is none."""
    found = _TEL.fullmatch(target.replace(" ", ""))
    return _SEPARATORS.sub("", found[1]) if found else ""


def is_target(target: str) -> bool:
    """Whether telephony can be asked to dial this: a tel: or sip: URI."""
    return bool(number_in(target) or _SIP.fullmatch(target))


def one_line(summary: str) -> str:
    """Return a summary without line breaks or other control characters, and not too long to be listened to."""
    words = "".join(char if char.isprintable() else " " for char in summary).split()
    text = " ".join(words)
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1].rstrip() + "…"


def ring_seconds(seconds: int) -> int:
    """Return how long to let it ring, within what telephony takes (Twilio's `<Dial timeout>`: 5 to 600 s)."""
    return min(max(seconds, 5), 600)
