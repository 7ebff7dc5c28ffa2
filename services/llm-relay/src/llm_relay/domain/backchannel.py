"""Sounds that say "go on": heard while the agent speaks, they are not a turn."""

import re

_SOUNDS = frozenset(
    {"mm", "mmm", "mhm", "mm hm", "mm hmm", "mhmm", "hm", "hmm", "uh huh", "uhhuh", "uh", "um", "ah", "oh"}
)


def is_backchannel(text: str) -> bool:
    """Whether a transcript is nothing but such a sound; never true of words that may answer a question."""
    return re.sub(r"[^a-z]+", " ", text.lower()).strip() in _SOUNDS
