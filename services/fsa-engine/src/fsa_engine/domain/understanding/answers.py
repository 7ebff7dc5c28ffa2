"""Yes and no, and the little commands that a caller gives to the conversation itself."""

from fsa_engine.domain.understanding.words import find_phrase

_YES = (
    "yes", "yeah", "yep", "yup", "yea", "ya", "sure", "ok", "okay", "correct", "right", "absolutely", "definitely", "of course",
    "go ahead", "sounds good", "do it", "book it", "cancel it", "please do", "fine", "perfect", "great", "exactly",
    "affirmative", "mm hmm", "mhm", "uh huh", "that works", "works for me", "i do", "i would", "alright", "certainly",
    "why not", "no problem", "you bet", "lovely", "good", "indeed", "i confirm", "confirm", "confirmed", "it is", "aye",
    "that'll do", "that will do", "yes please", "that's it", "i'd love to", "please", "yess", "jes",
)  # fmt: skip
_NO = (
    "no", "nope", "nah", "not really", "negative", "don't", "do not", "wrong", "incorrect", "not right", "not correct",
    "never", "no thanks", "no thank you", "nothing", "rather not", "isn't", "neither", "please don't", "not", "wait",
    "hold on",
)  # fmt: skip
_DONE = (
    "that's all", "that is all", "that's it", "that is it", "i'm good", "i am good", "all good", "i'm done", "i am done",
    "that'll be all", "that will be all", "nothing else", "we're done", "all set", "i'm fine", "that's everything",
    "no that's", "goodbye", "bye", "bye bye",
)  # fmt: skip
_DOUBTS = {"if", "but", "unless", "what", "which", "when", "where", "who", "how", "or", "instead", "maybe", "rather",
           "change", "different", "another", "later", "earlier", "depends", "because", "actually"}  # fmt: skip
_FILLERS = {
    "um", "uh", "er", "erm", "hm", "hmm", "well", "so", "and", "then", "the", "a", "an", "it", "that", "that's", "is", "this",
    "i", "i'd", "i'll", "i'm", "would", "be", "like", "to", "you", "thanks", "thank", "please", "very", "much", "just",
    "me", "for", "my", "appointment", "book", "do", "we", "can", "could", "oh", "all", "let's", "sounds", "looks", "good",
    "great", "it's", "now", "want", "go", "with", "on", "at", "yes", "in", "us", "am", "sir", "ma'am", "cancel", "pass",
    "continue", "lets", "there", "dear", "too", "works", "message", "same",
}  # fmt: skip
_REPEAT = (
    "repeat that", "repeat it", "repeat please", "say that again", "say it again", "come again", "what was that",
    "pardon", "pardon me", "what did you say", "didn't catch that", "didn't hear you", "didn't hear that",
    "didn't get that", "once more please", "one more time", "can you repeat", "could you repeat", "excuse me",
    "didn't understand you", "say again",
)  # fmt: skip
_CANCEL = ("never mind", "nevermind", "forget it", "forget about it", "forget that", "changed my mind", "cancel that",
           "cancel this", "cancel it", "stop this", "stop that", "scratch that", "i give up", "don't bother")  # fmt: skip
_CANCEL_ALONE = {"cancel", "stop", "quit", "exit", "abort"}
_HUMAN = (
    "speak to a human", "talk to a human", "speak to a person", "talk to a person", "speak to someone", "talk to someone",
    "real person", "speak to an agent", "talk to an agent", "speak with someone", "operator", "representative",
    "human being", "speak to a representative", "speak with a person", "speak with a human", "talk to somebody",
    "speak to somebody", "customer service",
)  # fmt: skip
_HELP = ("help", "help me", "what can you do", "what are my options", "what can i do", "what can i say")
_GOODBYE = ("goodbye", "bye", "bye bye", "good night", "see you", "hang up", "talk to you later")
_OVER = ("start over", "start again", "start from the beginning", "start afresh", "start fresh", "from scratch",
         "begin again", "from the beginning", "restart", "start new", "new one", "start anew", "do over")  # fmt: skip
_CONTINUE = (
    "continue",
    "go on",
    "carry on",
    "keep going",
    "where we left off",
    "pick up",
    "go ahead",
    "proceed",
    "resume",
)


def yes_or_no(tokens: tuple[str, ...]) -> bool | None:
    """Tell a plain yes from a plain no; None for anything with a doubt, a condition or both in it."""
    no = _spans(tokens, _NO)
    yes = _spans(tokens, _YES)
    for idiom in ("why not", "no problem", "don't see why not", "can't wait"):
        at = find_phrase(tokens, idiom)
        if at >= 0:
            no -= set(range(at, at + len(idiom.split())))
    both = yes & no
    if no - both or (no and not yes - no):
        return None if yes - no and not _only_after_no(tokens, yes, no) else False
    if not yes or _DOUBTS & set(tokens):
        return None
    strange = [t for i, t in enumerate(tokens) if i not in yes and t not in _FILLERS]
    return True if len(strange) <= 2 else None


def _only_after_no(tokens: tuple[str, ...], yes: set[int], no: set[int]) -> bool:
    """Tell whether every yes-like word is politeness after a refusal ("no, that's okay", "no, I'm good thanks")."""
    polite = {"ok", "okay", "fine", "alright", "good", "great", "thanks", "please", "sure"}
    return all(i > min(no) and tokens[i] in polite for i in yes - no)


def _spans(tokens: tuple[str, ...], phrases: tuple[str, ...]) -> set[int]:
    covered: set[int] = set()
    for phrase in phrases:
        words = tuple(phrase.split())
        for at in range(len(tokens) - len(words) + 1):
            if tokens[at : at + len(words)] == words:
                covered.update(range(at, at + len(words)))
    return covered


def _has(tokens: tuple[str, ...], phrases: tuple[str, ...]) -> bool:
    return any(find_phrase(tokens, phrase) >= 0 for phrase in phrases)


def wants_repeat(tokens: tuple[str, ...]) -> bool:
    """Tell "sorry, what was that?" from an answer."""
    words = tuple(t for t in tokens if t not in {"sorry", "um", "uh", "i", "please", "oh"})
    return (
        words in {("what",), ("huh",), ("again",)}
        or tokens == ("sorry",)
        or (len(tokens) <= 8 and _has(tokens, _REPEAT))
    )


def wants_cancel(tokens: tuple[str, ...]) -> bool:
    """Tell a wish to give up what is going on; "cancel my appointment" is a task of its own and none."""
    words = tuple(t for t in tokens if t not in _FILLERS | {"no", "sorry", "actually"} or t == "cancel")
    return (len(words) == 1 and words[0] in _CANCEL_ALONE) or (len(tokens) <= 10 and _has(tokens, _CANCEL))


def wants_human(tokens: tuple[str, ...]) -> bool:
    """Tell a wish for a person."""
    return len(tokens) <= 15 and _has(tokens, _HUMAN)


def wants_help(tokens: tuple[str, ...]) -> bool:
    """Tell a question for what can be done here."""
    return len(tokens) <= 3 and _has(tokens, ("help",)) or _has(tokens, _HELP[2:])


def says_goodbye(tokens: tuple[str, ...]) -> bool:
    """Tell a farewell."""
    return len(tokens) <= 8 and _has(tokens, _GOODBYE)


def wants_nothing_more(tokens: tuple[str, ...]) -> bool:
    """Tell that the caller is done, after "is there anything else?"."""
    thanks = set(tokens) <= _FILLERS | {"lot", "so"} and bool({"thanks", "thank"} & set(tokens))
    return len(tokens) <= 10 and (_has(tokens, _DONE) or thanks)


def wants_start_over(tokens: tuple[str, ...]) -> bool:
    """Tell "start over"."""
    return _has(tokens, _OVER)


def wants_continue(tokens: tuple[str, ...]) -> bool:
    """Tell "continue" or a yes to it."""
    return _has(tokens, _CONTINUE) and "don't" not in tokens and "not" not in tokens


def is_correction(tokens: tuple[str, ...]) -> bool:
    """Tell that what follows replaces what was said."""
    marks = ("no", "nope", "actually", "make it", "make that", "change", "instead", "rather", "i meant", "i mean", "i said", "wait",
             "sorry", "not", "better", "prefer", "let's do", "how about", "what about", "could we do", "can we do",
             "move it", "switch")  # fmt: skip
    return _has(tokens, marks)
