"""The conversation around the tasks: what the caller says is first for it, then for the task that has the floor."""

import re

from fsa_engine.domain.cancelling import answer_cancel, ask_to_cancel
from fsa_engine.domain.correcting import corrected
from fsa_engine.domain.definition import Collect, Confirm
from fsa_engine.domain.events import Utterance
from fsa_engine.domain.floor import focus, give, goodbye, hang_up_on_silence, put_question, to_human
from fsa_engine.domain.flow import run
from fsa_engine.domain.listening import not_understood, said_to, takes_any_words, understand
from fsa_engine.domain.matching import fact_in, lexical, meaning, outright, task_meant, tasks_only, turned_to
from fsa_engine.domain.moving import move
from fsa_engine.domain.outputs import Progress
from fsa_engine.domain.resuming import answer_resuming, start_over
from fsa_engine.domain.snapshot import Pending, TaskInstance
from fsa_engine.domain.starting import place, start, start_in_turn, values_for
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding import answers
from fsa_engine.domain.understanding.intents import Match
from fsa_engine.domain.understanding.words import tokens_of

READINGS = 5
"""How many readings of one utterance are looked at."""
_AND_THEN = re.compile(
    r"[,;]?\s+(?:and\s+)?(?:then|after that|afterwards)\s+|[,;]?\s+and\s+(?:also\s+)?", re.IGNORECASE
)
UNMISTAKABLE = 0.8
"""How like a task's phrases words must be to mean it although they fit as a correction of the task in hand."""


def hear(turn: Turn, event: Utterance) -> None:
    """Answer an utterance."""
    texts = tuple(text for text in (event.text, *event.alternatives) if tokens_of(text))[:READINGS]
    turn.change(silences=0, keys="")
    if turn.snapshot.phase == "resuming" and not turn.snapshot.roots:
        # What was left open has ended by itself since he was asked whether to go on.
        turn.change(phase="open", focus="")
    if not texts:
        _count_unclear(turn)
    elif _wish(turn, texts[0]) or _told(turn, texts[0]):
        return
    elif turn.snapshot.pending:
        _answer_pending(turn, turn.snapshot.pending, texts)
    elif turn.snapshot.phase == "resuming":
        answer_resuming(turn, texts)
    elif turn.snapshot.phase == "offering_more":
        _answer_offer(turn, texts)
    elif turn.snapshot.focused is not None:
        _answer_task(turn, turn.snapshot.focused, texts)
    else:
        _answer_openly(turn, texts)


def _count_unclear(turn: Turn) -> None:
    """Nothing in any script that is understood here."""
    task = turn.snapshot.focused
    if task is not None and turn.snapshot.phase == "open" and turn.snapshot.pending is None:
        not_understood(turn, task)
        give(turn)
    else:
        _unclear(turn)


def _wish(turn: Turn, text: str) -> bool:
    """Carry out what is said to the conversation itself: repeat, a person, stop, goodbye, help."""
    tokens = tokens_of(text)
    task, pending = turn.snapshot.focused, turn.snapshot.pending
    if task and turn.snapshot.phase == "open" and not pending and takes_any_words(turn, task) and len(tokens) > 5:
        return False
    if answers.wants_repeat(tokens):
        turn.note("asked to repeat")
        put_question(turn)
    elif answers.wants_human(tokens):
        turn.note("asked for a person")
        to_human(turn)
    elif task and not pending and _gives_up(turn, task, tokens):
        ask_to_cancel(turn, task, text)
    elif task and not pending and turn.snapshot.phase == "open" and answers.wants_start_over(tokens):
        start_over(turn, task)
    elif not turn.snapshot.tasks and answers.says_goodbye(tokens):
        goodbye(turn)
    elif answers.wants_help(tokens):
        turn.lead = turn.agent.help if task else ""
        put_question(turn, again=not task)
    else:
        return False
    return True


def _told(turn: Turn, text: str) -> bool:
    """Tell a plain fact that is asked for in between, and go on with what was asked before."""
    task = turn.snapshot.focused
    if task and turn.snapshot.phase == "open" and takes_any_words(turn, task) and len(tokens_of(text)) > 5:
        return False
    fact = fact_in(outright(turn, text)) if turn.agent.knowledge else ""
    if fact:
        _tell(turn, fact)
    return bool(fact)


def _tell(turn: Turn, fact: str) -> None:
    task = turn.snapshot.focused
    turn.note(f"told {fact}")
    turn.lead = turn.agent.knowledge[fact].answer
    if task or turn.snapshot.pending or turn.snapshot.phase != "open":
        put_question(turn)
    else:
        turn.ask(turn.agent.texts.what_else, "intent")


def _gives_up(turn: Turn, task: TaskInstance, tokens: tuple[str, ...]) -> bool:
    """Tell whether a task shall be given up; "cancel it" agrees where that is what was asked."""
    state = turn.state(task)
    if turn.snapshot.phase == "open" and isinstance(state, Confirm) and said_to(turn, task, state, " ".join(tokens)):
        return False
    return answers.wants_cancel(tokens) or answers.says_goodbye(tokens)


def _answer_task(turn: Turn, task: TaskInstance, texts: tuple[str, ...]) -> None:
    """Take words as a wish for another task, or as an answer to the focused one."""
    torn: tuple[str, ...] = ()
    if not takes_any_words(turn, task):
        label = outright(turn, texts[0])
        other = label if label in turn.agent.tasks and label != turn.snapshot.root_of(task).task else ""
        if other and not _corrects(turn, task, texts[0], other):
            start(turn, other, texts[0])
            return
        match = tasks_only(turn, lexical(turn, texts[0]))
        torn = match.close if match.torn else ()
    if understand(turn, task, texts):
        give(turn)
    elif _turns_to_other(turn, task, texts[0]):
        return
    elif len(torn) > 1:
        _ask_which(turn, torn, texts[0])
    else:
        not_understood(turn, task, texts)
        give(turn)


def _turns_to_other(turn: Turn, task: TaskInstance, text: str) -> bool:
    """Take words that the task in hand cannot use for what they mean: a plain fact, another task, one of several."""
    match = turned_to(turn, text, turn.snapshot.root_of(task).task)
    tasks = tuple(name for name in match.close if name in turn.agent.tasks)
    if fact_in(match.task):
        _tell(turn, fact_in(match.task))
    elif match.task in turn.agent.tasks:
        start(turn, match.task, text)
    elif len(tasks) > 1:
        _ask_which(turn, tasks, text)
    else:
        return False
    return True


def _ask_which(turn: Turn, tasks: tuple[str, ...], text: str) -> None:
    """Ask which of several tasks is meant, or whether one is, in the order of the definition."""
    turn.reading = "asked"
    options = tuple(name for name in turn.agent.tasks if name in tasks[:3])
    turn.change(pending=Pending("choose", options=options, words=text[:500]))
    put_question(turn)


def _corrects(turn: Turn, task: TaskInstance, text: str, other: str) -> bool:
    """Tell a correction, "no, move it to Friday", from a wish for another task whose phrases it hardly resembles."""
    corrects = answers.is_correction(tokens_of(text)) and bool(corrected(turn, task, text))
    return corrects and turn.agent.matcher.match(text, (other,)).score(other) < UNMISTAKABLE


def _answer_openly(turn: Turn, texts: tuple[str, ...]) -> None:
    """Find out which task is wanted."""
    several = _one_after_another(turn, texts[0])
    if several:
        turn.reading = "lexical"
        start_in_turn(turn, several)
        return
    if not turn.snapshot.tasks and not _like_a_task(turn, texts[0]) and _declines(turn, tokens_of(texts[0])):
        return
    matches = [meaning(turn, text) for text in texts]
    tasks = [tasks_only(turn, match) for match in matches]
    clear = next((i for i, match in enumerate(tasks) if match.task), None)
    close = next((match for match in tasks if match.close), Match())
    fitting = [name for name in close.close if _can_use(turn, name, texts[0])]
    if clear is not None:
        start(turn, tasks[clear].task, texts[clear])
    elif fact_in(matches[0].task):
        _tell(turn, fact_in(matches[0].task))
    elif len(fitting) == 1:
        turn.note(f"only {fitting[0]} can use what was said")
        turn.reading = close.by
        start(turn, fitting[0], texts[0])
    elif len(close.close) > 1 or (close.close and close.by == "embedding"):
        _ask_which(turn, close.close, texts[0])
    elif close.close and turn.snapshot.misunderstood:
        start(turn, close.close[0], texts[0])
    else:
        _unclear(turn)


def _one_after_another(turn: Turn, text: str) -> list[tuple[str, str]]:
    """Return the tasks that are wanted at once, "send money and then complain", each with its words; else nothing."""
    parts = [part for part in _AND_THEN.split(text) if tokens_of(part)]
    wanted = [(lexical(turn, part).task, part) for part in parts]
    names = {name for name, _ in wanted}
    each = 1 < len(parts) <= 3 and len(names) == len(parts) and names <= set(turn.agent.tasks)
    return wanted if each else []


def _can_use(turn: Turn, name: str, text: str) -> bool:
    """Tell whether words answer a question of a task; a choice among words may only be what they are about."""
    slots = turn.agent.tasks[name].slots
    return any(slots[slot].type != "enum" for slot in values_for(turn, name, text))


def _declines(turn: Turn, tokens: tuple[str, ...]) -> bool:
    """Take that nothing is wanted, or a no to whatever it was."""
    if answers.wants_nothing_more(tokens):
        goodbye(turn)
    elif answers.yes_or_no(tokens) is False:
        turn.change(phase="offering_more", misunderstood=0)
        put_question(turn)
    else:
        return False
    return True


def _like_a_task(turn: Turn, text: str) -> bool:
    match = tasks_only(turn, lexical(turn, text))
    return bool(match.task or match.close)


def _unclear(turn: Turn) -> None:
    count = turn.snapshot.misunderstood + 1
    turn.change(misunderstood=count)
    if count >= turn.agent.limits.no_match and turn.agent.escalation.target:
        to_human(turn)
        return
    offered = turn.snapshot.phase == "offering_more"
    turn.lead = turn.agent.texts.not_understood if count > 1 or offered or turn.snapshot.pending else ""
    put_question(turn, again=True)


def _answer_offer(turn: Turn, texts: tuple[str, ...]) -> None:
    """Take what is said after "anything else?"."""
    tokens = tokens_of(texts[0])
    verdict = answers.yes_or_no(tokens)
    if _like_a_task(turn, texts[0]):
        turn.change(phase="open")
        _answer_openly(turn, texts)
    elif verdict is False or answers.wants_nothing_more(tokens):
        goodbye(turn)
    elif verdict:
        turn.change(phase="open")
        turn.ask(turn.agent.texts.what_else, "intent")
    elif _means_anything(turn, texts[0]):
        turn.change(phase="open")
        _answer_openly(turn, texts)
    else:
        _unclear(turn)


def _means_anything(turn: Turn, text: str) -> bool:
    match = meaning(turn, text)
    return bool(match.task or match.close)


def _answer_pending(turn: Turn, pending: Pending, texts: tuple[str, ...]) -> None:
    tokens = tokens_of(texts[0])
    if pending.kind == "choose":
        _choose(turn, pending, texts[0], tokens)
        return
    verdict = answers.yes_or_no(tokens)
    if verdict is None and (answers.wants_cancel(tokens) or answers.says_goodbye(tokens)):
        verdict = True
    elif verdict is None and answers.wants_continue(tokens):
        verdict = False
    answer_cancel(turn, pending, verdict)


def _choose(turn: Turn, pending: Pending, text: str, tokens: tuple[str, ...]) -> None:
    """Take which of the tasks offered is meant, or another one."""
    if len(pending.options) > 1 and _all_of(tokens, len(pending.options)):
        turn.change(pending=None)
        start_in_turn(turn, [(name, pending.words) for name in pending.options])
        return
    named = pending.options[place(tokens)] if 0 <= place(tokens) < len(pending.options) else ""
    chosen = named or _chosen(turn, pending.options, text)
    verdict = answers.yes_or_no(tokens)
    if not chosen and verdict is None:
        chosen = task_meant(turn, text, pending.options).task or task_meant(turn, text).task
    elif not chosen and verdict and len(pending.options) == 1:
        chosen = pending.options[0]
    if chosen:
        start(turn, chosen, f"{pending.words}. {text}")
    elif verdict is False or answers.wants_cancel(tokens):
        _none_of_them(turn)
    else:
        if turn.snapshot.misunderstood + 1 >= turn.agent.limits.no_match:
            turn.change(pending=None)
        _unclear(turn)


def _all_of(tokens: tuple[str, ...], count: int) -> bool:
    """Tell whether all that was offered is meant: "both" of two, "all of them"; "not both" is none of it."""
    said = set(tokens)
    everything = {"all", "them"} <= said or ("both" in said and count == 2)
    return everything and not said & {"not", "neither", "don't", "no"}


def _chosen(turn: Turn, options: tuple[str, ...], text: str) -> str:
    """Return the task that words name: any one outright, one of those offered by a weaker sign."""
    label = outright(turn, text)
    return label if label in turn.agent.tasks else lexical(turn, text, options).task


def _none_of_them(turn: Turn) -> None:
    """Go on after a choice that none of the tasks offered was meant by."""
    task = turn.snapshot.focused
    turn.change(pending=None, phase="open")
    if task is None:
        turn.ask(turn.agent.texts.what_else, "intent")
    else:
        focus(turn, task, turn.agent.texts.go_on)


def _own_silence(turn: Turn, task: TaskInstance, count: int) -> bool:
    """Do what the state says of silence; False if it says nothing, or no more."""
    state = turn.state(task)
    if not isinstance(state, Collect | Confirm) or state.no_input is None:
        return False
    if state.no_input.to and count >= (state.no_input.attempts or turn.agent.limits.no_input):
        turn.change(silences=0)
        move(turn, task, state.no_input.to, "silence")
        run(turn, task.task_id)
        give(turn)
        return True
    if count >= (state.no_input.attempts or turn.agent.limits.no_input):
        return False
    if state.no_input.text:
        turn.instead = turn.text(task, state.no_input.text)
    else:
        turn.lead = turn.agent.texts.silence
    put_question(turn)
    return True


def silence(turn: Turn) -> None:
    """Ask whether the caller is there, at last hang up."""
    task, phase = turn.snapshot.focused, turn.snapshot.phase
    if task is not None and task.waiting and phase == "open" and not turn.snapshot.pending:
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
        return
    count = turn.snapshot.silences + 1
    turn.change(silences=count)
    if task is not None and phase == "open" and not turn.snapshot.pending and _own_silence(turn, task, count):
        return
    if phase == "offering_more" and count > 1:
        goodbye(turn)
    elif count >= turn.agent.limits.no_input:
        hang_up_on_silence(turn)
    else:
        turn.lead = turn.agent.texts.silence
        put_question(turn)
