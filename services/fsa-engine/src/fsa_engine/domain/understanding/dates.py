"""Days as people say them, relative to the day of the call.

A weekday alone is the next such day after today; "this Friday" may be today; "next Friday" is the one of the following
week (weeks begin on Monday), "last Friday" the latest before today. A day without a year is the next one to come.
"""

from datetime import date, timedelta

from fsa_engine.domain.understanding.words import Reading, cardinal, ordinal, phrase_at

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # noqa: E501  # fmt: skip
_DAY_NAMES = {**{name: i for i, name in enumerate(WEEKDAYS)}, **{f"{name}s": i for i, name in enumerate(WEEKDAYS)},
              "tues": 1, "weds": 2, "thurs": 3, "thur": 3}  # fmt: skip
_MONTH_NAMES = {**{name: i + 1 for i, name in enumerate(MONTHS)}, "jan": 1, "feb": 2, "apr": 4, "aug": 8, "sept": 9,
                "sep": 9, "oct": 10, "nov": 11, "dec": 12}  # fmt: skip
_NEAR = {"the day after tomorrow": 2, "day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0, "yesterday": -1,
         "the day before yesterday": -2}  # fmt: skip
_SPANS = {"day": 1, "days": 1, "week": 7, "weeks": 7, "fortnight": 14}
_NOT_A_DAY = {"available", "one", "option", "thing", "time", "opening", "appointment", "slot", "free", "choice", "two"}


def find_dates(tokens: tuple[str, ...], today: date, month_first: bool = True) -> list[Reading]:
    """Find days; values are "YYYY-MM-DD". `month_first`: how 5/3 is read."""
    found: list[Reading] = []
    at = 0
    while at < len(tokens):
        reading = (
            _named(tokens, at, today)
            or _ago(tokens, at, today)
            or _span(tokens, at, today)
            or _weekday(tokens, at, today)
            or _of_month(tokens, at, today)
            or _numeric(tokens, at, today, month_first)
            or _day_alone(tokens, at, today)
        )
        if reading is None:
            at += 1
            continue
        start = reading.start - 1 if at and tokens[at - 1] in {"on", "for"} else reading.start
        found.append(Reading(reading.value, start, reading.end, reading.plain or tokens[start] == "on"))
        at = reading.end
    return found


def _named(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    for phrase, days in _NEAR.items():
        end = phrase_at(tokens, at, phrase)
        if end:
            return _day(today + timedelta(days=days), at, end)
    return None


def _span(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    """Read "in two weeks", "three days from now", "a week from Tuesday"."""
    introduced = tokens[at] == "in"
    amount = _amount(tokens, at + 1 if introduced else at)
    if amount is None or amount[1] >= len(tokens):
        return None
    count, end = amount
    unit = tokens[end]
    end += 1
    if unit in {"month", "months"}:
        return _months(today, count, at, end) if introduced or phrase_at(tokens, end, "from now") else None
    if unit not in _SPANS or count > 1000:
        return None
    days = timedelta(days=count * _SPANS[unit])
    for phrase in ("from now", "from today"):
        if phrase_at(tokens, end, phrase):
            return _day(today + days, at, end + 2)
    if end < len(tokens) and tokens[end] in {"from", "after"} and not introduced:
        base = _named(tokens, end + 1, today) or _weekday(tokens, end + 1, today) if end + 1 < len(tokens) else None
        return _day(date.fromisoformat(base.value) + days, at, base.end) if base else None
    return _day(today + days, at, end) if introduced else None


def _ago(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    """Read "two days ago", "a week ago": a day only where one is asked for, for it also tells since when."""
    amount = _amount(tokens, at)
    if amount is None or amount[0] > 1000 or not phrase_at(tokens, amount[1] + 1, "ago"):
        return None
    count, end = amount
    if tokens[end] in {"month", "months"}:
        return _months(today, -count, at, end + 2) if count <= 120 else None
    days = _SPANS.get(tokens[end])
    return _day(today - timedelta(days=count * days), at, end + 2, plain=False) if days else None


def _amount(tokens: tuple[str, ...], at: int) -> tuple[int, int] | None:
    for phrase, count in (("a couple of", 2), ("a couple", 2), ("a", 1), ("an", 1), ("one", 1)):
        end = phrase_at(tokens, at, phrase)
        if end:
            return count, end
    return cardinal(tokens, at)


def _months(today: date, count: int, at: int, end: int) -> Reading | None:
    if count > 120:
        return None
    index = today.month - 1 + count
    year, month = today.year + index // 12, index % 12 + 1
    day = min(today.day, _days_in(year, month))
    return _day(date(year, month, day), at, end, plain=count > 0)


_WHICH = ("next week on", "next week", "last week on", "last week", "this coming", "this past", "this", "coming",
          "next", "last", "past")  # fmt: skip
_WHICH_AFTER = {"of next week": "next week", "next week": "next week", "of last week": "last week",
                "last week": "last week", "gone": "last"}  # fmt: skip


def _weekday(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    end = at
    which = ""
    for phrase in _WHICH:
        after = phrase_at(tokens, at, phrase)
        if after:
            which, end = phrase, after
            break
    if end >= len(tokens) or tokens[end] not in _DAY_NAMES:
        return None
    number = _DAY_NAMES[tokens[end]]
    end += 1
    for phrase, meant in _WHICH_AFTER.items():
        after = phrase_at(tokens, end, phrase)
        if after:
            which, end = meant, after
    day = _that_weekday(today, number, which)
    exact = _of_month(tokens, end + 1 if end < len(tokens) and tokens[end] == "the" else end, today)
    if exact is not None:
        same = day < today and exact.value[4:] == day.isoformat()[4:]
        return Reading(day.isoformat() if same else exact.value, at, exact.end)
    return _day(day, at, end)


def _that_weekday(today: date, number: int, which: str) -> date:
    if which.startswith("next"):
        return today + timedelta(days=7 - today.weekday() + number)
    if which.startswith("last week"):
        return today - timedelta(days=7 + today.weekday() - number)
    if which in {"last", "past", "this past"}:
        return today - timedelta(days=(today.weekday() - number) % 7 or 7)
    ahead = (number - today.weekday()) % 7
    return today + timedelta(days=ahead if ahead or which.startswith("this") else 7)


def _of_month(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    """Read "May 3rd", "May the third", "the 3rd of May", "3 May", each with or without a year."""
    if at >= len(tokens):
        return None
    if tokens[at] in _MONTH_NAMES:
        after = at + 2 if phrase_at(tokens, at + 1, "the") else at + 1
        day = ordinal(tokens, after) or cardinal(tokens, after)
        month, end = _MONTH_NAMES[tokens[at]], day[1] if day else 0
    else:
        begin = at + 1 if tokens[at] == "the" else at
        day = ordinal(tokens, begin) or cardinal(tokens, begin)
        after = day[1] if day else 0
        if day and phrase_at(tokens, after, "of"):
            after += 1
        if day is None or after >= len(tokens) or tokens[after] not in _MONTH_NAMES:
            return None
        month, end = _MONTH_NAMES[tokens[after]], after + 1
    if day is None or not 1 <= day[0] <= 31:
        return None
    year = int(tokens[end]) if end < len(tokens) and tokens[end].isdecimal() and len(tokens[end]) == 4 else 0
    if year and not 1900 <= year <= 2200:
        year = 0
    return _on(day[0], month, year, today, at, end + 1 if year else end)


def _numeric(tokens: tuple[str, ...], at: int, today: date, month_first: bool) -> Reading | None:
    word = tokens[at]
    if word.count("-") == 2:
        year, month, day = (int(part) for part in word.split("-"))
        return _on(day, month, year, today, at, at + 1)
    if "/" not in word:
        return None
    parts = [int(part) for part in word.split("/")]
    month, day = (parts[0], parts[1]) if month_first else (parts[1], parts[0])
    year = parts[2] if len(parts) == 3 else 0
    return _on(day, month, year + 2000 if 0 < year < 100 else year, today, at, at + 1)


def _day_alone(tokens: tuple[str, ...], at: int, today: date) -> Reading | None:
    """Read "the 3rd", "the twenty first": of this month if still to come, else of the next that has it."""
    day = ordinal(tokens, at + 1) if tokens[at] == "the" else ordinal(tokens, at)
    if at and tokens[at - 1] in _MONTH_NAMES:
        return None
    if day is None or not 1 <= day[0] <= 31 or (day[1] < len(tokens) and tokens[day[1]] in _NOT_A_DAY):
        return None
    if tokens[at] == "second" or (day[1] < len(tokens) and tokens[day[1]] in {"of"}):
        return None
    year, month = today.year, today.month
    for _ in range(3):
        if day[0] <= _days_in(year, month) and date(year, month, day[0]) >= today:
            return _day(date(year, month, day[0]), at, day[1], plain=False)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return None


def _on(day: int, month: int, year: int, today: date, *span: int) -> Reading | None:
    """Make a day of its parts (year 0: the next to come); `span`: start and end in tokens."""
    years = (year,) if year else range(today.year, today.year + 5)
    for candidate in years:
        if 1 <= month <= 12 and 1 <= candidate <= 9999 and 1 <= day <= _days_in(candidate, month):
            that = date(candidate, month, day)
            if year or that >= today:
                return _day(that, span[0], span[1])
    return None


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1) if year < 9999 or month < 12 else date(9999, 12, 31)
    return (following - timedelta(days=1)).day if following != date(9999, 12, 31) else 31


def _day(value: date, start: int, end: int, plain: bool = True) -> Reading:
    return Reading(value.isoformat(), start, end, plain)
