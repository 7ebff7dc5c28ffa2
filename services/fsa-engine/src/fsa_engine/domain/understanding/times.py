"""Clock times as people say them.

An hour from 1 to 12 without "a.m." or a part of the day stands for two times. The one within the slot's likely hours is
meant; if both or neither are, seven to eleven is in the morning and the rest after noon.
"""

from dataclasses import dataclass

from fsa_engine.domain.understanding.words import Reading, cardinal, phrase_at

_NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}
_INTRODUCTIONS = {"at", "around", "about", "by"}
_BEFORE_ONE = _INTRODUCTIONS | {
    "for",
    "no",
    "yes",
    "it",
    "till",
    "until",
    "say",
    "tomorrow",
    "today",
    "·",
    "at",
    "maybe",
    "like",
}
_PARTS = {
    "am": "am", "in the morning": "am", "pm": "pm", "in the afternoon": "pm", "in the evening": "pm",
    "at night": "pm",
    "a m": "am", "p m": "pm", "morning": "am", "afternoon": "pm", "evening": "pm", "tonight": "pm",
}  # fmt: skip
_NOT_A_TIME_BEFORE = {
    "minutes", "minute", "hours", "hour", "days", "day", "weeks", "week", "months", "month", "years", "year", "people",
    "persons", "times", "of", "percent", "dollars", "january", "february", "march", "april", "may", "june", "july",
    "august", "september", "october", "november", "december", "things", "questions", "more", "or",
}  # fmt: skip
_NOT_A_TIME_AFTER = {"in", "next", "the", "number", "room", "am", "are", "january", "february", "march", "april",
                     "june", "july", "august", "september", "october", "november", "december"}  # fmt: skip


@dataclass(frozen=True)
class _Clock:
    hour: int
    minute: int
    end: int
    part: str = ""
    plain: bool = False
    certain: bool = False


def find_times(tokens: tuple[str, ...], likely: tuple[int, int] | None = None) -> list[Reading]:
    """Find clock times; values are "HH:MM". `likely`: minutes of the day, from and to, that a bare hour falls in."""
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        clock = _named(tokens, at) or _relative(tokens, at) or _hour(tokens, at)
        if clock is None:
            at += 1
            continue
        start = at - 1 if at and tokens[at - 1] in _INTRODUCTIONS else at
        clock = _with_part(tokens, clock)
        hour = _settle(clock, _part_before(tokens, start) if not clock.part else "", likely)
        plain = clock.plain or bool(clock.part) or start < at
        found.append(Reading(f"{hour:02d}:{clock.minute:02d}", start, clock.end, plain))
        at = clock.end
    return found


def _named(tokens: tuple[str, ...], at: int) -> _Clock | None:
    for skip in (0, 1):
        if skip and tokens[at] not in {"twelve", "12"}:
            return None
        word = tokens[at + skip] if at + skip < len(tokens) else ""
        if word in _NAMED:
            return _Clock(*_NAMED[word], end=at + skip + 1, plain=True, certain=True)
    return None


def _relative(tokens: tuple[str, ...], at: int) -> _Clock | None:
    """Read "half past nine", "quarter to four", "twenty past ten"."""
    minutes, end = 0, at
    if tokens[at] == "a" and at + 1 < len(tokens) and tokens[at + 1] == "quarter":
        end = at + 1
    word = tokens[end]
    if word in {"half", "quarter"}:
        minutes, end = (30 if word == "half" else 15), end + 1
    else:
        number = cardinal(tokens, at)
        if number is None or not 0 < number[0] < 60:
            return None
        minutes, end = number
        if end < len(tokens) and tokens[end] in {"minutes", "minute"}:
            end += 1
    if end + 1 >= len(tokens) or tokens[end] not in {"past", "after", "to", "till", "before"}:
        return None
    direction = tokens[end]
    if word == "half" and direction != "past":
        return None
    hour = cardinal(tokens, end + 1)
    if tokens[end + 1] in _NAMED:
        hour = (_NAMED[tokens[end + 1]][0] or 24, end + 2)
    if hour is None or not 1 <= hour[0] <= 24:
        return None
    back = direction in {"to", "till", "before"}
    value = (hour[0] - 1) if back else hour[0]
    return _Clock(value or 12, 60 - minutes if back else minutes, hour[1], plain=True, certain=hour[0] > 12)


def _hour(tokens: tuple[str, ...], at: int) -> _Clock | None:
    word = tokens[at]
    if at and tokens[at - 1] in _NOT_A_TIME_AFTER:
        return None
    if ":" in word or "." in word:
        hour, minute = (int(part) for part in word.replace(".", ":").split(":"))
        return _checked(
            _Clock(hour, minute, at + 1, plain=":" in word, certain=hour > 12 or word.startswith("0")), tokens
        )
    if word.isdecimal() and len(word) in {3, 4}:
        compact = _Clock(int(word[:-2]), int(word[-2:]), at + 1, certain=int(word[:-2]) > 12 or word.startswith("0"))
        return _checked(compact, tokens)
    number = cardinal(tokens, at)
    if number is None or (word.isdecimal() and len(word) > 2):
        return None
    value, end = number
    after = _minute(tokens, end)
    if after:
        return _checked(_Clock(value, *after, certain=value > 12), tokens)
    if end < len(tokens) and tokens[end] == "oclock":
        return _checked(_Clock(value, 0, end + 1, plain=True, certain=value > 12), tokens)
    bare = _checked(_Clock(value, 0, end, certain=value > 12), tokens)
    return None if bare and _is_pronoun(tokens, at, end) else bare


def _is_pronoun(tokens: tuple[str, ...], at: int, end: int) -> bool:
    """Tell "one" in "the blue one" from "at one" and "one p.m."."""
    parted = any(phrase_at(tokens, end, phrase) for phrase in _PARTS)
    return tokens[at] == "one" and at > 0 and tokens[at - 1] not in _BEFORE_ONE and not parted


def _checked(clock: _Clock, tokens: tuple[str, ...]) -> _Clock | None:
    following = tokens[clock.end] if clock.end < len(tokens) else ""
    possible = 0 <= clock.hour <= 23 and 0 <= clock.minute <= 59
    return clock if possible and following not in _NOT_A_TIME_BEFORE else None


def _minute(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    """Read minutes after an hour: "thirty", "oh five", "15"."""
    if at < len(tokens) and tokens[at] in {"oh", "o", "zero"}:
        digit = cardinal(tokens, at + 1)
        return digit if digit and 0 < digit[0] < 10 else None
    number = cardinal(tokens, at)
    return number if number and 10 <= number[0] <= 59 else None


def _with_part(tokens: tuple[str, ...], clock: _Clock) -> _Clock:
    end = clock.end + (1 if clock.end < len(tokens) and tokens[clock.end] == "oclock" else 0)
    for phrase, part in _PARTS.items():
        after = phrase_at(tokens, end, phrase)
        if after:
            return _Clock(clock.hour, clock.minute, after, part, True, clock.certain)
    return clock


def _part_before(tokens: tuple[str, ...], start: int) -> str:
    """Return the part of the day named earlier: "tomorrow afternoon at four", "in the morning at ten"."""
    return next(
        (_PARTS[w] for w in reversed(tokens[:start]) if w in {"morning", "afternoon", "evening", "tonight"}), ""
    )


def _settle(clock: _Clock, part_before: str, likely: tuple[int, int] | None) -> int:
    hour, part = clock.hour, clock.part or part_before
    if part == "pm" and hour < 12 and not (clock.certain and hour == 0):
        return hour + 12
    if part == "am" and hour == 12:
        return 0
    if part or clock.certain or hour == 0 or hour > 12:
        return hour
    choices = (hour % 12, hour % 12 + 12)
    if likely:
        fitting = [choice for choice in choices if likely[0] <= choice * 60 + clock.minute <= likely[1]]
        if len(fitting) == 1:
            return fitting[0]
    return choices[0] if 7 <= hour <= 11 else choices[1]
