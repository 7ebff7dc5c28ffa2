"""Who has the floor: the conversation's own questions, the focused task, and what comes after a task ended."""

from fsa_engine.domain.definition import Act, Collect, Confirm, HandOver, Reason
from fsa_engine.domain.flow import YES_NO, escalate, question, run
from fsa_engine.domain.outputs import HangUp, Progress, Verbatim
from fsa_engine.domain.snapshot import Pending, TaskInstance
from fsa_engine.domain.template import fill
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.spoken import joined


def put_question(turn: Turn, again: bool = False) -> None:
    """Put the question that is open now, once more; `again`: because the answer was not understood."""
    snapshot, texts = turn.snapshot, turn.agent.texts
    task = snapshot.focused
    if snapshot.pending:
        _put_pending(turn, snapshot.pending)
    elif snapshot.phase == "resuming":
        _put_resuming(turn, again)
    elif snapshot.phase == "offering_more":
        turn.ask(turn.agent.closing.offer, "yes_no", (*YES_NO, *_titles(turn)))
    elif task is not None:
        state = turn.state(task)
        if isinstance(state, Collect | Confirm):
            question(turn, task, state, again)
        elif isinstance(state, Act | Reason | HandOver):
            turn.say(Progress(texts.still_working), task.task_id)
    else:
        turn.ask(turn.agent.help if again else turn.agent.greeting, "intent", _titles(turn))


def _put_resuming(turn: Turn, again: bool) -> None:
    texts, tasks = turn.agent.texts, turn.snapshot.roots
    if again:
        template = texts.which_to_continue if len(tasks) > 1 else texts.continue_or_over
    else:
        template = texts.welcome_back_several if len(tasks) > 1 else texts.welcome_back
    turn.ask(turn.named(template, tasks), "choice", ("continue", "start over", "yes", "no"))


def _put_pending(turn: Turn, pending: Pending) -> None:
    if pending.kind == "cancel":
        task = turn.task(pending.task_id)
        text = turn.named(turn.agent.texts.confirm_cancel, (turn.snapshot.root_of(task),) if task else ())
        turn.ask(text, "yes_no", YES_NO, pending.task_id)
    else:
        options = tuple(turn.agent.tasks[name].title for name in pending.options)
        titles = joined(options, "or")
        turn.ask(fill(turn.agent.texts.choose, lambda name, _: titles if name == "titles" else None), "choice", options)


def _titles(turn: Turn) -> tuple[str, ...]:
    return tuple(task.title for task in turn.agent.tasks.values() if not task.internal)


def give(turn: Turn) -> None:
    """After a task ended: back to another open one, or ask for more."""
    snapshot = turn.snapshot
    if snapshot.phase != "open" or snapshot.pending or snapshot.focus:
        return
    if snapshot.aside and _identified(turn):
        return
    if snapshot.roots:
        back, fresh = _next(turn)
        lead = "" if fresh else turn.named(turn.agent.texts.back_to, (back,))
        focus(turn, turn.snapshot.leaf_of(back), lead)
    else:
        turn.change(phase="offering_more", misunderstood=0)
        put_question(turn)


def _next(turn: Turn) -> tuple[TaskInstance, bool]:
    """Return the task to go on with, and whether it is one that waited for another and begins now."""
    roots = turn.snapshot.roots
    open_names = {task.task for task in roots}
    for task in roots:
        if task.queued and not open_names & set(_awaited(turn, task)):
            turn.note(f"{task.task}: waits no longer")
            return turn.put(task, queued=False), True
    return next((task for task in reversed(roots) if not task.queued), roots[-1]), False


def _awaited(turn: Turn, task: TaskInstance) -> tuple[str, ...]:
    """Return the tasks that a queued one waits for: those that its definition names, else all that were begun."""
    begun = tuple(other.task for other in turn.snapshot.roots if not other.queued)
    return turn.definition(task).after or begun


def _identified(turn: Turn) -> bool:
    """After the caller was identified, go back to what was set aside; False if he was not."""
    if (turn.agent.resume.identify, "done") not in turn.ended:
        return False
    turn.change(phase="resuming", tasks=turn.snapshot.aside, aside=(), focus=turn.snapshot.aside[-1].task_id)
    put_question(turn)
    return True


def focus(turn: Turn, task: TaskInstance, lead: str = "") -> None:
    """Give the floor to a task and put its question (again)."""
    turn.change(phase="open", focus=task.task_id, pending=None, keys="")
    turn.lead = turn.lead or lead
    turn.put(task, asked=False, changing=False, entered_ms=turn.event.at_ms)
    if task.waiting:
        put_question(turn)
    else:
        run(turn, task.task_id)
    give(turn)


def goodbye(turn: Turn) -> None:
    """Say the closing words and hang up."""
    turn.say(Verbatim(turn.agent.closing.goodbye))
    turn.say(HangUp())
    turn.change(phase="closing", closing_spoken=True, pending=None)


def hang_up_on_silence(turn: Turn) -> None:
    """Nobody answers: hang up, and leave open tasks open so that they can be resumed."""
    turn.say(Verbatim(turn.agent.texts.silent_goodbye))
    turn.say(HangUp())
    turn.change(phase="closing", closing_spoken=not turn.snapshot.tasks, pending=None)


def to_human(turn: Turn) -> None:
    """The caller wants a person, or cannot be understood."""
    escalation = turn.agent.escalation
    if escalation.target:
        tasks = turn.snapshot.roots
        escalate(turn, turn.snapshot.focused, escalation.text, escalation.target, turn.named("{tasks}", tasks))
        return
    turn.lead = escalation.unavailable
    if turn.snapshot.tasks or turn.snapshot.phase == "offering_more":
        put_question(turn)
    else:
        put_question(turn, again=True)


def work_would_be_lost(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether the caller gave something that giving up would throw away."""
    return any(slot.source not in {"tool", "operator"} for each in _family(turn, task) for slot in each.slots.values())


def _family(turn: Turn, task: TaskInstance) -> list[TaskInstance]:
    """Return a task and the parts of it."""
    return [task, *(t for t in turn.snapshot.tasks if t.parent and turn.snapshot.root_of(t) == task)]


def is_writing(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether a tool that changes things is at work for a task or a part of it: it cannot be taken back."""
    return any(_writes(turn, each) for each in _family(turn, task))


def _writes(turn: Turn, task: TaskInstance) -> bool:
    state = turn.state(task)
    return isinstance(state, Act) and bool(task.waiting or task.held) and turn.agent.tools[state.tool].write
