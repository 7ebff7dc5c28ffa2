"""Giving a task up: at once if nothing would be lost, else after asking."""

from fsa_engine.domain.floor import focus, give, is_writing, put_question, work_would_be_lost
from fsa_engine.domain.flow import close
from fsa_engine.domain.matching import outright
from fsa_engine.domain.outputs import Failed, Progress
from fsa_engine.domain.snapshot import Pending, TaskInstance
from fsa_engine.domain.starting import start
from fsa_engine.domain.turn import Turn


def ask_to_cancel(turn: Turn, task: TaskInstance, words: str = "") -> None:
    """Take the wish to give a task up, with all that it is a part of. While a tool changes things for it, it cannot.

    `words`: in which it was said; another task that they ask for comes instead.
    """
    task = turn.snapshot.root_of(task)
    if is_writing(turn, task):
        turn.reject("a tool that cannot be taken back is at work")
        turn.say(Progress(turn.agent.texts.still_working), task.task_id)
    elif work_would_be_lost(turn, task):
        turn.change(phase="open", focus=task.task_id, pending=_question(task, words), keys="")
        put_question(turn)
    else:
        drop(turn, task, words)


def _question(task: TaskInstance, words: str) -> Pending:
    return Pending("cancel", task_id=task.task_id, words=words[:500])


def answer_cancel(turn: Turn, pending: Pending, verdict: bool | None) -> None:
    """Take yes or no to "shall I stop ...?"; None: not understood."""
    task = turn.task(pending.task_id)
    if verdict is None:
        turn.lead = turn.agent.texts.not_understood
        put_question(turn, again=True)
    elif task is None:
        turn.change(pending=None)
        give(turn)
    elif verdict and not is_writing(turn, task):
        drop(turn, task, pending.words)
    else:
        focus(turn, turn.snapshot.leaf_of(task), turn.agent.texts.go_on)


def drop(turn: Turn, task: TaskInstance, words: str = "") -> None:
    """End a task because the caller wants it so, and begin the other one that he wants, if any."""
    turn.change(phase="open", pending=None)
    close(turn, task, "cancelled")
    turn.say(Failed(turn.agent.texts.cancelled, "cancelled"), task.task_id)
    instead = outright(turn, words) if words else ""
    if instead in turn.agent.tasks and instead != task.task:
        start(turn, instead, words)
    else:
        give(turn)
