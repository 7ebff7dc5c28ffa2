"""Text as it is spoken (English): words for digits and signs, and the pieces in which it is synthesised.

Voices read "10:30 AM" or "+1 415 555 0100" each in their own way, some of them wrongly; they all read words alike.
"""

import re
from collections.abc import Callable

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_TITLES = {"Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missis", "Ms.": "Miz", "St.": "Saint", "No.": "Number"}
# Longer than this, a sentence is cut at its commas, so that the first piece comes early.
_LONG_CHARS = 160
_LARGEST = 999_999_999_999


def cardinal(number: int) -> str:
    """42 → "forty-two". Beyond a trillion: digit by digit."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number > _LARGEST:
        return digits(str(number))
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return _TENS[tens] + (f"-{_UNITS[unit]}" if unit else "")
    size, name = next((size, name) for size, name in _SCALES if number >= size)
    count, rest = divmod(number, size)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """21 → "twenty-first"."""
    head, separator, last = cardinal(number).rpartition("-")
    if not separator:
        head, separator, last = cardinal(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return head + separator + last


def digits(text: str) -> str:
    """Each digit by itself; what is not a digit parts the groups by a comma."""
    groups = re.findall(r"\d+", text)
    return ", ".join(" ".join(_UNITS[int(digit)] for digit in group) for group in groups)


def year(number: int) -> str:
    """2026 → "twenty twenty-six"; 2005 → "two thousand five"; 1900 → "nineteen hundred"."""
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010 or not 1100 <= number < 2100:
        return cardinal(number)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def _time(found: re.Match[str]) -> str:
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").upper()
    if hour > 24 or minute > 59 or (not found[2] and not half):
        return found[0]
    spoken = cardinal(hour)
    if minute:
        spoken += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        spoken += " o'clock" if 1 <= hour <= 12 else " hundred"
    if not half:
        return spoken
    # The full stop of "a.m." also ends the sentence when a new one, or nothing, follows.
    ends = found[4] and re.match(r"\s+[A-Z]|\s*$", found.string[found.end() :])
    return f"{spoken} {half} M{'.' if ends else ''}"


def _iso_date(found: re.Match[str]) -> str:
    month, day = int(found[2]), int(found[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(int(found[1]))}"


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _date(found: re.Match[str]) -> str:
    return f"{_month(found[1])} {ordinal(int(found[2]))}, {year(int(found[3]))}"


def _money(found: re.Match[str]) -> str:
    whole, cents = int(found[1].replace(",", "")), int((found[2] or "0").ljust(2, "0"))
    spoken = f"{cardinal(whole)} {'dollar' if whole == 1 else 'dollars'}"
    return f"{spoken} and {cardinal(cents)} {'cent' if cents == 1 else 'cents'}" if cents else spoken


def _number(found: re.Match[str]) -> str:
    whole = found[1].replace(",", "")
    if len(whole) > 1 and (whole[0] == "0" or (len(whole) > 4 and "," not in found[1])):
        return digits(whole)
    spoken = cardinal(int(whole))
    return f"{spoken} point {digits(found[2])}" if found[2] else spoken


def _telephone(found: re.Match[str]) -> str:
    return digits(found[0]) if 7 <= len(re.sub(r"\D", "", found[0])) <= 15 else found[0]


_MONTH = "|".join([*_MONTHS, *(month[:3] + r"\.?" for month in _MONTHS)])
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"[*_`#]+"), lambda found: ""),
    (re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|No)\.(?=\s+[A-Z0-9])"), lambda found: _TITLES[found[0]]),
    (re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"), _iso_date),
    (re.compile(r"\b(\d{1,2})(?::(\d\d))?\s*([ap])(?:m\b|\.\s?m\b(\.?))", re.IGNORECASE), _time),
    (re.compile(r"\b(\d{1,2}):(\d\d)()()\b"), _time),
    (re.compile(r"(?<![\w.])\+?\(?\d[\d ().-]{5,}\d\b"), _telephone),
    (re.compile(r"\$(\d[\d,]*)(?:\.(\d\d?))?\b"), _money),
    (re.compile(r"(\d)\s*%"), lambda found: f"{found[1]} percent"),
    (re.compile(r"\b(\d+)(?:st|nd|rd|th)\b"), lambda found: ordinal(int(found[1]))),
    (re.compile(rf"\b({_MONTH}) (\d{{1,2}}),? (\d{{4}})\b"), _date),
    (re.compile(rf"\b({_MONTH}) (\d{{1,2}})\b(?!:)"), lambda found: f"{_month(found[1])} {ordinal(int(found[2]))}"),
    (re.compile(r"\b(in|of|since|year) ((?:19|20)\d\d)\b"), lambda found: f"{found[1]} {year(int(found[2]))}"),
    (re.compile(r"(\d[\d,]*)(?:\.(\d+))?"), _number),
    (re.compile(r"\s*&\s*"), lambda found: " and "),
)


def speakable(text: str) -> str:
    """Numbers, times, dates, money and telephone numbers in words; marks of emphasis dropped; white space made one."""
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    return re.sub(r"\s+", " ", text).strip()


# An abbreviation's full stop is followed by a small letter; a sentence's is not.
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”’)\]]*\s+(?=[\"“‘(\[]?[A-Z0-9])")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")


def clauses(text: str) -> list[str]:
    """The sentences, a long one cut at its commas: pieces to synthesise one by one; none without a word."""
    pieces: list[str] = []
    for sentence in _SENTENCE.split(text):
        pieces += [sentence] if len(sentence) <= _LONG_CHARS else _joined(_CLAUSE.split(sentence))
    return [piece for piece in pieces if re.search(r"\w", piece)]


def _joined(parts: list[str]) -> list[str]:
    """Neighbours together as far as they stay short."""
    pieces: list[str] = []
    for part in parts:
        if pieces and len(pieces[-1]) + len(part) < _LONG_CHARS // 2:
            pieces[-1] += f" {part}"
        else:
            pieces.append(part)
    return pieces
