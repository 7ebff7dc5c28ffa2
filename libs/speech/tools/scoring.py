"""Word errors that count meaning, not spelling: "10 a.m." is "ten AM", "3rd of March" is "third of March"."""

import re

from speech.text import cardinal, digits, ordinal


def canonical(text: str) -> list[str]:
    """The words of a text, numbers and times in one spelling."""
    text = text.lower().replace("’", "'")
    text = re.sub(r"\b([ap])\.? ?m\b\.?", r" \1m ", text)
    text = re.sub(r"(\d)([ap]m)\b", r"\1 \2", text)
    text = re.sub(r"\b(\d{1,2}):00\b", r"\1", text)
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", lambda found: f"{cardinal(int(found[1]))} {cardinal(int(found[2]))}", text)
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda found: ordinal(int(found[1])), text)
    text = re.sub(r"(?<=\d)[-, ](?=\d)", "", text)
    text = re.sub(r"\d+", lambda found: f" {_number(found[0])} ", text)
    text = re.sub(r"[^a-z' ]", " ", text)
    text = text.replace("good bye", "goodbye").replace("o clock", "o'clock").replace("zero", "oh")
    return text.split()


def _number(figures: str) -> str:
    return cardinal(int(figures)) if len(figures) <= 2 else digits(figures).replace(",", "")


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Insertions, deletions and substitutions, and how many words were said."""
    left, right = canonical(said), canonical(heard)
    row = list(range(len(right) + 1))
    for i, word in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(left)
