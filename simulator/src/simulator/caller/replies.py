"""What a caller says to what: so that he gets through a conversation in which the agent asks again, or asks more."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from simulator.caller.words import matches


@dataclass(frozen=True, slots=True)
class Reply:
    """When a turn matches `pattern` (phrases separated by "|"), say `text`, or what `text` makes of the turn."""

    pattern: str
    text: str | Callable[[str], str]

    def to(self, heard: str) -> str | None:
        """What to say to these words; None when the pattern does not fit."""
        if not matches(heard, self.pattern):
            return None
        return self.text(heard) if callable(self.text) else self.text


_TIME = re.compile(r"\b(\d{1,2})(?:[:. ](\d{2}))?\s*([ap])\.?\s?m\b", re.IGNORECASE)


def first_time_offered(text: str) -> str:
    """The first free time of an offer ("... is taken. I could offer 10:30 AM, 11 AM") as a caller says it."""
    offer = text.lower().partition("offer")[2] or text
    found = _TIME.search(offer)
    if found is None:
        return "At two in the afternoon, please."
    hour, minutes, half = found.groups()
    return f"{hour}{':' + minutes if minutes and minutes != '00' else ''} {half.upper()}M, please."
