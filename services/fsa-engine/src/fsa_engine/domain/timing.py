"""Time limits, by the time of events: a state stayed in too long leads on, a model that is too late is given up."""

from fsa_engine.domain.definition import Agent, Collect, Confirm, Reason, TimeLimit
from fsa_engine.domain.events import ReasoningReturned
from fsa_engine.domain.flow import run
from fsa_engine.domain.moving import move
from fsa_engine.domain.reasoning import GRACE_MS
from fsa_engine.domain.snapshot import Snapshot, TaskInstance
from fsa_engine.domain.tools import take_result
from fsa_engine.domain.turn import Turn


def wake_ms(agent: Agent, snapshot: Snapshot) -> int:
    """Return when time itself leads somewhere next, Unix milliseconds; 0 = never."""
    if snapshot.phase != "open":
        return 0
    due = [_due(agent, task) for task in snapshot.tasks]
    return min((each for each in due if each), default=0)


def _due(agent: Agent, task: TaskInstance) -> int:
    """Return when a task's state ends by itself; 0 = never. A question's time runs from when it was put."""
    state = agent.tasks[task.task].states[task.state]
    limit: TimeLimit | None = getattr(state, "time_limit", None)
    since = task.asked_ms if isinstance(state, Collect | Confirm) and task.asked else 0
    if not isinstance(state, Collect | Confirm):
        since = task.entered_ms
    due = [since + round(limit.seconds * 1000)] if limit and since else []
    if isinstance(state, Reason) and task.waiting:
        due.append(task.entered_ms + (state.budget_ms or agent.reasoning.budget_ms) + GRACE_MS)
    return min(due, default=0)


def time_is_up(turn: Turn) -> bool:
    """Lead on where a limit has passed; return whether there was one of the task that has the floor."""
    if turn.snapshot.phase != "open":
        return False
    floor = False
    for task in turn.snapshot.tasks:
        current = turn.task(task.task_id)
        if current is None or current.state != task.state:
            continue
        due = _due(turn.agent, current)
        if due and due <= turn.event.at_ms:
            floor = floor or (turn.snapshot.focus == current.task_id and turn.snapshot.pending is None)
            _expire(turn, current)
    return floor


def _expire(turn: Turn, task: TaskInstance) -> None:
    state = turn.state(task)
    limit: TimeLimit | None = getattr(state, "time_limit", None)
    if limit and task.entered_ms + round(limit.seconds * 1000) <= turn.event.at_ms:
        move(turn, task, limit.to, f"stayed {limit.seconds:g} s")
        run(turn, task.task_id)
    elif isinstance(state, Reason) and not isinstance(turn.event, ReasoningReturned):
        turn.settled.append(task.waiting)
        take_result(turn, task, {"ok": False, "proposal": {}, "thoughts": "", "error": "over budget"})
