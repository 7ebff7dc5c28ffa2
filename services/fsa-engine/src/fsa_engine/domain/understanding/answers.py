"""Yes and no, and the little commands that a caller gives to the conversation itself."""

from functools import lru_cache

from fsa_engine.domain.understanding.lexicon import (
    ALSO_YES,
    CANCEL,
    CANCEL_ALONE,
    CONTINUE,
    CORRECTION,
    DONE,
    DOUBTS,
    FILLERS,
    GOODBYE,
    HELP,
    HUMAN,
    NO,
    NO_THAT_MEANS_YES,
    OFFERS,
    POLITE,
    REPEAT,
    START_OVER,
    YES,
)
from fsa_engine.domain.understanding.words import find_phrase, phrase_at, phrases_of, spans_of, tokens_of

STRANGE = 2
"""Words that may stand beside a clear yes without being understood: with more, it is no plain yes."""


def yes_or_no(tokens: tuple[str, ...], question: str = "") -> bool | None:
    """Tell a plain yes from a plain no; None for anything with a doubt, a condition or both in it.

    Words of the `question` that was asked are no strange words in its answer, and its own offer repeated is a yes.
    """
    asked = tokens_of(question)
    offer = _offer(asked)
    no = _spans(tokens, NO) - _spans(tokens, NO_THAT_MEANS_YES)
    strong = _spans(tokens, YES)
    yes = strong | _spans(tokens, ALSO_YES)
    if offer and not (no and find_phrase(tokens, offer) - 1 in no):
        strong |= _spans(tokens, (offer,))
        yes |= strong
    if no - yes or (no and not yes - no):
        return None if yes - no and not _only_polite(tokens, yes, no) else False
    if not yes or (DOUBTS - set(offer.split())) & set(tokens):
        return None
    strange = [t for i, t in enumerate(tokens) if i not in yes and t not in FILLERS and t not in asked]
    return True if len(strange) <= (STRANGE if strong else 0) else None


@lru_cache(maxsize=16)
def _offer(asked: tuple[str, ...]) -> str:
    """Return "book it" of "... Shall I book it?"."""
    ends = [phrase_at(asked, at, phrase) for phrase in OFFERS for at in range(len(asked))]
    return " ".join(asked[max(ends) :]) if any(ends) else ""


def _only_polite(tokens: tuple[str, ...], yes: set[int], no: set[int]) -> bool:
    """Tell whether every yes-like word is politeness after a refusal: "no, that's okay", "no, I'm good thanks"."""
    return all(i > min(no) and tokens[i] in POLITE for i in yes - no)


def _spans(tokens: tuple[str, ...], phrases: tuple[str, ...]) -> set[int]:
    return {at for span in spans_of(tokens, phrases_of(phrases)) for at in span}


def _has(tokens: tuple[str, ...], phrases: tuple[str, ...]) -> bool:
    return any(spans_of(tokens, phrases_of(phrases)))


def wants_repeat(tokens: tuple[str, ...]) -> bool:
    """Tell "sorry, what was that?" from an answer."""
    words = tuple(t for t in tokens if t not in {"sorry", "um", "uh", "i", "please", "oh"})
    alone = words in {("what",), ("huh",), ("again",), ("repeat",)} or tokens == ("sorry",)
    return alone or (len(tokens) <= 8 and _has(tokens, REPEAT))


def wants_cancel(tokens: tuple[str, ...]) -> bool:
    """Tell a wish to give up what is going on; "cancel my appointment" is a task of its own and none."""
    words = tuple(t for t in tokens if t not in FILLERS | {"no", "sorry", "actually"})
    return (len(words) == 1 and words[0] in CANCEL_ALONE) or (len(tokens) <= 10 and _has(tokens, CANCEL))


def wants_human(tokens: tuple[str, ...]) -> bool:
    """Tell a wish for a person."""
    return len(tokens) <= 15 and _has(tokens, HUMAN)


def wants_help(tokens: tuple[str, ...]) -> bool:
    """Tell a question for what can be done here."""
    return (len(tokens) <= 3 and "help" in tokens) or (len(tokens) <= 8 and _has(tokens, HELP))


def says_goodbye(tokens: tuple[str, ...]) -> bool:
    """Tell a farewell."""
    return len(tokens) <= 8 and _has(tokens, GOODBYE)


def is_plain(tokens: tuple[str, ...], question: str = "") -> bool:
    """Tell whether there is nothing in it but a yes or a no, polite words, and words of the question."""
    said = _spans(tokens, YES) | _spans(tokens, ALSO_YES) | _spans(tokens, NO)
    asked = tokens_of(question)
    rest = [t for at, t in enumerate(tokens) if at not in said and t not in FILLERS and t not in asked]
    return bool(said) and not rest


def wants_nothing_more(tokens: tuple[str, ...]) -> bool:
    """Tell that the caller is done, after "is there anything else?"."""
    thanks = set(tokens) <= FILLERS | {"lot", "no", "nope"} and bool({"thanks", "thank"} & set(tokens))
    return len(tokens) <= 10 and (_has(tokens, DONE) or thanks)


def wants_start_over(tokens: tuple[str, ...]) -> bool:
    """Tell "start over"."""
    return len(tokens) <= 15 and _has(tokens, START_OVER) and not {"don't", "not"} & set(tokens)


def wants_continue(tokens: tuple[str, ...]) -> bool:
    """Tell "continue"."""
    return _has(tokens, CONTINUE) and not {"don't", "not"} & set(tokens)


def correction_words(tokens: tuple[str, ...]) -> set[int]:
    """Return where the words are that introduce a correction."""
    return _spans(tokens, CORRECTION)


def is_correction(tokens: tuple[str, ...]) -> bool:
    """Tell that what follows replaces what was said."""
    return _has(tokens, CORRECTION)
