"""A call begins: greeted as new, or welcomed back to what was left open."""

from typing import Any

from fsa_engine.domain.events import Opened
from fsa_engine.domain.filling import heard, put_values, settle
from fsa_engine.domain.floor import focus, give, is_writing, put_question
from fsa_engine.domain.flow import close
from fsa_engine.domain.listening import takes_any_words
from fsa_engine.domain.matching import lexical, outright, task_meant
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.starting import place, start
from fsa_engine.domain.tools import take_result
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding import answers
from fsa_engine.domain.understanding.words import tokens_of


def open_call(turn: Turn, event: Opened) -> None:
    """Greet, or welcome back: with a tool's result that came meanwhile, or with the offer to go on."""
    tasks = (*turn.snapshot.tasks, *turn.snapshot.aside) if event.resumed else ()
    turn.change(
        phase="open",
        tasks=tasks,
        aside=(),
        focus="",
        pending=None,
        silences=0,
        misunderstood=0,
        closing_spoken=False,
        transfer=None,
        heard=(),
    )
    if tasks and turn.agent.resume.identify:
        _identify(turn, turn.agent.resume.identify)
        return
    if not tasks:
        put_question(turn)
        return
    held = [task for task in tasks if task.held is not None]
    turn.change(focus=(held or list(tasks))[-1].task_id)
    if not held:
        turn.change(phase="resuming")
        put_question(turn)
        return
    turn.lead = turn.agent.texts.welcome_back_done
    for task in held:
        take_result(turn, task, task.held or {})
    give(turn)


def _identify(turn: Turn, name: str) -> None:
    """Make sure who calls before anything is said of what was left open, in the same words to everyone."""
    aside = tuple(task for task in turn.snapshot.tasks if turn.snapshot.root_of(task).task != name)
    turn.change(tasks=(), aside=aside)
    turn.lead = turn.agent.texts.identify_first
    start(turn, name)


def answer_resuming(turn: Turn, texts: tuple[str, ...]) -> None:
    """Take "continue", "start over", which of several, or at once what the task asks for."""
    tokens = tokens_of(texts[0])
    task = _meant(turn, texts[0], tokens)
    other = _other_task(turn, outright(turn, texts[0]))
    if answers.wants_start_over(tokens):
        start_over(turn, task or turn.snapshot.roots[-1], texts[0])
    elif other:
        start(turn, other, texts[0])
    elif task is not None and _goes_on(turn, task, texts[0], tokens):
        go_on(turn, task, texts[0])
    elif answers.yes_or_no(tokens) is None and (other := _other_task(turn, task_meant(turn, texts[0]).task)):
        start(turn, other, texts[0])
    else:
        _ask_which(turn, tokens)


def _other_task(turn: Turn, label: str) -> str:
    """Return a label if it is a task that is not open."""
    open_tasks = {task.task for task in turn.snapshot.roots}
    return label if label in turn.agent.tasks and label not in open_tasks else ""


def _goes_on(turn: Turn, task: TaskInstance, text: str, tokens: tuple[str, ...]) -> bool:
    agreed = answers.wants_continue(tokens) or bool(answers.yes_or_no(tokens))
    return agreed or len(turn.snapshot.roots) > 1 or bool(_content(turn, task, text))


def _ask_which(turn: Turn, tokens: tuple[str, ...]) -> None:
    count = turn.snapshot.misunderstood + 1
    turn.change(misunderstood=count)
    if count >= turn.agent.limits.no_match:
        focus(turn, turn.snapshot.leaf_of(turn.snapshot.roots[-1]), turn.agent.texts.go_on)
        return
    turn.lead = "" if answers.yes_or_no(tokens) is not None else turn.agent.texts.not_understood
    put_question(turn, again=True)


def _meant(turn: Turn, text: str, tokens: tuple[str, ...]) -> TaskInstance | None:
    """Return which of the open tasks is meant; the only one, if there is one."""
    tasks = turn.snapshot.roots
    if len(tasks) == 1:
        return tasks[0]
    if 0 <= place(tokens) < len(tasks):
        return tasks[place(tokens)]
    match = lexical(turn, text, tuple(t.task for t in tasks))
    if not match.task and answers.yes_or_no(tokens) is None:
        match = task_meant(turn, text, tuple(t.task for t in tasks))
    return next((t for t in tasks if t.task == match.task), None)


def _content(turn: Turn, task: TaskInstance, text: str) -> dict[str, Any]:
    """Return what was said beside "yes, continue" that the task can use."""
    task = turn.snapshot.leaf_of(task)
    return {} if takes_any_words(turn, task) else heard(turn, task, text, getattr(turn.state(task), "slot", ""))


def go_on(turn: Turn, task: TaskInstance, text: str = "") -> None:
    """Continue a task, with what was said beside "yes" as its answer. A confirmation is always asked anew."""
    task = turn.snapshot.leaf_of(task)
    turn.change(phase="open", focus=task.task_id, misunderstood=0)
    turn.put(task, entered_ms=turn.event.at_ms)
    found = _content(turn, task, text)
    values = {n: v for n, v in found.items() if n not in task.slots or task.slots[n].value != v}
    if values and not is_writing(turn, task):
        settle(turn, put_values(turn, task, values, "caller"), getattr(turn.state(task), "slot", ""))
        give(turn)
    else:
        focus(turn, task)


def start_over(turn: Turn, task: TaskInstance, text: str = "") -> None:
    """Empty a task's slots and begin at its first state. What a tool is changing cannot be begun again."""
    task = turn.snapshot.root_of(task)
    if is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        focus(turn, turn.snapshot.leaf_of(task))
        return
    close(turn, task, "started over")
    start(turn, task.task, text)
