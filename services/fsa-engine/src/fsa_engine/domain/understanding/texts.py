"""Numbers, digits, telephone numbers, names, choices and free text in speech."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from fsa_engine.domain.understanding.words import UNITS, Reading, large_number, tokens_of, tokens_of_phrase

DICTATED = 7
"""So many digits one after the other are a telephone number or the like, and nobody's "how many"."""
_REPEATS = {"double": 2, "triple": 3}
_NAME_INTROS = re.compile(
    r"^\W*(?:(?:yes|hi|hello|sure|um|uh|it's|well)\W+)*(?:my (?:full |first |last )?name(?:'s| is)|the name(?:'s| is)|"
    r"this is|i am|i'm|it's|call me|name is)\s+",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"\W+(?:speaking|here|is my name)\W*$", re.IGNORECASE)
_TEXT_INTROS = re.compile(
    r"^\W*(?:(?:yes|sure|okay|ok|um|uh|well)\W+)*"
    r"(?:(?:please )?(?:tell|let) (?:her|him|them|the \w+)(?: know)?(?: that)?|"
    r"my message is|the message is)\s*[:,]?\s*",
    re.IGNORECASE,
)


def find_numbers(tokens: tuple[str, ...]) -> list[Reading]:
    """Find whole numbers; "minus" before one makes it negative. A telephone number said digit by digit is none."""
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        number = large_number(tokens, at)
        if number is None:
            at += 1
            continue
        digits, end = _run(tokens, at)
        if len(digits) >= DICTATED and end > number[1]:
            at = end
            continue
        negative = at > 0 and tokens[at - 1] in {"minus", "negative"}
        found.append(Reading(-number[0] if negative else number[0], at, number[1], plain=False))
        at = number[1]
    return found


def find_digits(tokens: tuple[str, ...], shortest: int = 1, longest: int = 40) -> list[Reading]:
    """Find runs of digits, spoken one by one or in groups: "double four", "oh", "20 17"."""
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        digits, end = _run(tokens, at)
        if digits and shortest <= len(digits) <= longest:
            found.append(Reading(digits, at, end, plain=False))
        at = max(end, at + 1)
    return found


def _run(tokens: tuple[str, ...], at: int) -> tuple[str, int]:
    digits, end = "", at
    while end < len(tokens):
        word = tokens[end]
        times = _REPEATS.get(word, 1)
        spoken = tokens[end + 1] if times > 1 and end + 1 < len(tokens) else word
        one = "0" if spoken in {"oh", "o"} else spoken if spoken.isdecimal() else str(UNITS.get(spoken, ""))
        if not one or (times > 1 and len(one) > 1):
            break
        digits, end = digits + one * times, end + (2 if times > 1 else 1)
    return digits, end


def find_name(text: str) -> str:
    """Return a person's name out of "my name is ...", or out of a short answer; empty if there is none."""
    rest = _NAME_ENDS.sub("", _NAME_INTROS.sub("", text.strip()))
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", rest)
    if not 1 <= len(words) <= 5 or set(tokens_of(rest)) & {
        "what",
        "the",
        "is",
        "don't",
        "why",
        "no",
        "yes",
        "and",
        "appointment",
    }:
        return ""
    return " ".join(word if word != word.lower() else word.capitalize() for word in words)


def find_text(text: str) -> str:
    """Return free text without "please tell her that"; empty if nothing is left."""
    words = " ".join(text.split())[:1000]
    stripped = _TEXT_INTROS.sub("", words)
    return (stripped if tokens_of(stripped) else words).rstrip(" .") if tokens_of(words) else ""


def find_choices(tokens: tuple[str, ...], values: Mapping[str, Sequence[str]]) -> list[Reading]:
    """Find values of a set by name or synonym; slips of one or two letters in long words are forgiven."""
    names = [(name, phrase) for name, synonyms in values.items() for phrase in (name.replace("_", " "), *synonyms)]
    names.sort(key=lambda pair: -len(pair[1]))
    found: list[Reading] = []
    taken: set[int] = set()
    for name, phrase in names:
        spoken = tokens_of_phrase(phrase)
        if not spoken or spoken[0] not in tokens:
            continue
        for at in range(len(tokens)):
            end = at + len(spoken)
            if tokens[at:end] == spoken and taken.isdisjoint(range(at, end)):
                taken.update(range(at, end))
                found.append(Reading(name, at, end))
    return found or _near_choices(tokens, names)


def _near_choices(tokens: tuple[str, ...], names: list[tuple[str, str]]) -> list[Reading]:
    single = {phrase.lower(): name for name, phrase in names if " " not in phrase and len(phrase) >= 5}
    found = []
    for at, token in enumerate(tokens):
        near = get_close_matches(token, single, 1, 0.82) if len(token) >= 5 else []
        if near:
            found.append(Reading(single[near[0]], at, at + 1))
    return found
