"""Who has the floor: the conversation's own questions, the focused task, and what comes after a task ended."""

from fsa_engine.domain.definition import Act, Collect, Confirm
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
        elif isinstance(state, Act):
            turn.say(Progress(f"{turn.lead} {texts.still_working}".strip()), task.task_id)
            turn.lead = ""
    else:
        turn.ask(turn.agent.help if again else turn.agent.greeting, "intent", _titles(turn))


def _put_resuming(turn: Turn, again: bool) -> None:
    texts, tasks = turn.agent.texts, turn.snapshot.tasks
    if again:
        template = texts.which_to_continue if len(tasks) > 1 else texts.continue_or_over
    else:
        template = texts.welcome_back_several if len(tasks) > 1 else texts.welcome_back
    turn.ask(turn.named(template, tasks), "choice", ("continue", "start over", "yes", "no"))


def _put_pending(turn: Turn, pending: Pending) -> None:
    if pending.kind == "cancel":
        task = turn.task(pending.task_id)
        text = turn.named(turn.agent.texts.confirm_cancel, (task,) if task else ())
        turn.ask(text, "yes_no", YES_NO, pending.task_id)
    else:
        options = tuple(turn.agent.tasks[name].title for name in pending.options)
        titles = joined(options, "or")
        turn.ask(fill(turn.agent.texts.choose, lambda name, _: titles if name == "titles" else None), "choice", options)


def _titles(turn: Turn) -> tuple[str, ...]:
    return tuple(task.title for task in turn.agent.tasks.values())


def give(turn: Turn) -> None:
    """After a task ended: back to another open one, or ask for more."""
    snapshot = turn.snapshot
    if snapshot.phase != "open" or snapshot.pending or snapshot.focus:
        return
    if snapshot.tasks:
        back = snapshot.tasks[-1]
        focus(turn, back, turn.named(turn.agent.texts.back_to, (back,)))
    else:
        turn.change(phase="offering_more", misunderstood=0)
        put_question(turn)


def focus(turn: Turn, task: TaskInstance, lead: str = "") -> None:
    """Give the floor to a task and put its question (again)."""
    turn.change(phase="open", focus=task.task_id, pending=None, keys="")
    turn.lead = turn.lead or lead
    turn.put(task, asked=False, changing=False)
    if isinstance(turn.state(task), Act) and task.waiting:
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
        tasks = turn.snapshot.tasks
        escalate(turn, turn.snapshot.focused, escalation.text, escalation.target, turn.named("{tasks}", tasks))
        return
    turn.lead = escalation.unavailable
    if turn.snapshot.tasks or turn.snapshot.phase == "offering_more":
        put_question(turn)
    else:
        put_question(turn, again=True)


def work_would_be_lost(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether the caller gave something that giving up would throw away."""
    return any(slot.source != "tool" for slot in task.slots.values())


def is_writing(turn: Turn, task: TaskInstance) -> bool:
    """Tell whether a tool that changes things is at work for a task: it cannot be taken back."""
    state = turn.state(task)
    return isinstance(state, Act) and bool(task.waiting or task.held) and turn.agent.tools[state.tool].write
