"""E-mail addresses, account numbers and their check digits, postal addresses."""

import re

from fsa_engine.domain.understanding.words import TENS, UNITS, tokens_of

_EMAIL = re.compile(r"(?<![\w.+-])[a-z0-9][\w.+-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}", re.ASCII)
_EMAIL_INTROS = re.compile(
    r"^\W*(?:(?:yes|sure|okay|ok|um|uh|well)\W+)*"
    r"(?:(?:my|the) (?:e-?mail|address)(?: address)?(?: is)?|it(?:'s| is))?\s*"
)
_SPOKEN = {"dot": ".", "point": ".", "period": ".", "at": "@", "underscore": "_", "dash": "-", "hyphen": "-",
           "minus": "-", "plus": "+"}  # fmt: skip
_ADDRESS_INTROS = re.compile(
    r"^\W*(?:(?:yes|sure|okay|ok|um|uh|well)\W+)*"
    r"(?:(?:my|the|our) (?:new |home |postal )?address (?:is|would be)|i(?:'m| am)? (?:now )?(?:live|living) (?:at|in)|"
    r"i moved to|it(?:'s| is)|that(?:'s| is))\s+",
    re.IGNORECASE,
)
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24,
    "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TR": 26, "UA": 29,
}  # fmt: skip
"""Characters by country (ISO 13616 registry)."""


def find_email(text: str) -> str:
    """Return an e-mail address as written or spelled: "john dot smith at example dot com"; empty if there is none."""
    lowered = text.lower()[:400]
    written = _EMAIL.search(lowered)
    if written:
        return written.group()
    words = _EMAIL_INTROS.sub("", lowered).replace(".", " . ").split()
    cleaned = _tens([word.strip(",;:!?'\"") for word in words])
    parts = [_SPOKEN.get(word, str(UNITS[word]) if UNITS.get(word, 10) < 10 else word) for word in cleaned]
    if parts and parts[-1] == ".":
        parts.pop()
    found = _EMAIL.search("".join(parts))
    return found.group() if found else ""


def _tens(words: list[str]) -> list[str]:
    """Write "forty two" as 42."""
    made: list[str] = []
    for word in words:
        if word in UNITS and 0 < UNITS[word] < 10 and made and made[-1] in TENS:
            made[-1] = str(TENS[made[-1]] + UNITS[word])
        else:
            made.append(word)
    return [str(TENS[word]) if word in TENS else str(UNITS[word]) if UNITS.get(word, 0) > 9 else word for word in made]


def find_address(text: str) -> str:
    """Return a postal address: what was said, without "my new address is"; empty if it can be none."""
    words = " ".join(text.split())[:300]
    rest = _ADDRESS_INTROS.sub("", words).strip(" .")
    numbered = any(token.isdecimal() or token in UNITS for token in tokens_of(rest))
    return rest if numbered and len(tokens_of(rest)) >= 2 else ""


def luhn(digits: str) -> bool:
    """Tell whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return bool(digits) and total % 10 == 0


def iban(account: str) -> bool:
    """Tell whether an IBAN has its country's length and check digits (ISO 13616, ISO 7064 mod 97-10)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", account, re.ASCII):
        return False
    if IBAN_LENGTHS.get(account[:2], len(account)) != len(account):
        return False
    return int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 == 1


def find_iban(text: str, checked: bool = True) -> str:
    """Return a valid IBAN as written or spelled (unless `checked`, one of the right length); empty if there is none."""
    units = [token for token in tokens_of(text) if token not in {"my", "the", "is", "iban", "it's", "and", "account"}]
    spelled = "".join(str(UNITS[t]) if UNITS.get(t, 10) < 10 else "0" if t == "oh" else t for t in units).upper()
    for match in re.finditer(r"(?=([A-Z]{2})\d{2})", spelled):
        length = IBAN_LENGTHS.get(match.group(1), len(spelled) - match.start())
        candidate = spelled[match.start() : match.start() + length]
        if iban(candidate) or (not checked and len(candidate) == IBAN_LENGTHS.get(match.group(1))):
            return candidate
    return ""
