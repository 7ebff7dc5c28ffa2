"""Whether what was recognised is what was meant: words compared with patience for a recogniser's errors."""

import re
from difflib import SequenceMatcher

_DOTTED = re.compile(r"\b([ap])\.\s?m\b\.?")
_WORD = re.compile(r"[a-z0-9:]+")
_STARRED = re.compile(r"\*(\S+)")
_SMALL = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
# How alike two spellings must be to count as one word, and which share of a phrase must be found.
_ALIKE = 0.74
_SHARE = 0.7
# Words that a recogniser may put between those of a phrase.
_SLACK = 2


def words(text: str) -> list[str]:
    """Lower-case words without punctuation; small numbers as digits, "a.m." as "am"."""
    plain = _DOTTED.sub(r"\1m", text.lower().replace("’", "'")).replace("'", "")
    return [_SMALL.get(word, word) for word in _WORD.findall(plain)]


def resemblance(heard: str, phrase: str) -> float:
    """The largest share of the phrase's words, 0 to 1, found near each other in what was heard.

    A word written with a star ("what *time would you like") must be among them: without it the share is 0.
    """
    wanted, said = words(phrase), words(heard)
    needed = words(" ".join(_STARRED.findall(phrase)))
    if not wanted:
        return 1.0
    size = len(wanted) + _SLACK
    starts = range(max(1, len(said) - len(wanted) + 1))
    windows = (said[start : start + size] for start in starts)
    fitting = (window for window in windows if _found(needed, window) == len(needed))
    return max((_found(wanted, window) / len(wanted) for window in fitting), default=0.0)


def matches(heard: str, pattern: str) -> bool:
    """Whether one of the phrases of a pattern ("anything else|goodbye") was heard."""
    return any(resemblance(heard, phrase) >= _SHARE for phrase in pattern.split("|"))


def _found(wanted: list[str], said: list[str]) -> int:
    """Words of `wanted` that occur in `said`, each of the latter used once."""
    left = list(said)
    found = 0
    for word in wanted:
        at = next((index for index, other in enumerate(left) if _alike(word, other)), None)
        if at is not None:
            del left[at]
            found += 1
    return found


def _alike(word: str, other: str) -> bool:
    if word == other:
        return True
    if min(len(word), len(other)) < 4:
        return False
    return SequenceMatcher(None, word, other).ratio() >= _ALIKE
