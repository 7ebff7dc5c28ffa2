"""Texts into sentences: what is synthesised, cached and said again as one."""

import re

_END = re.compile(r"(?<=[.!?…])([\"”’)\]]*)\s+(?=[\"“‘(\[]?[^\Wa-z_])")
_ABBREVIATION = re.compile(r"(?:^|\s)(?:mr|mrs|ms|dr|st|no|prof|a\.m|p\.m|e\.g|i\.e|vs)\.$", re.IGNORECASE)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; joined by spaces they have the words of the text."""
    found: list[str] = []
    start = 0
    for match in _END.finditer(text):
        if not _ABBREVIATION.search(text[start : match.start()]):
            found.append(text[start : match.end(1)].strip())
            start = match.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]
