"""From state to state: effects on the way, and which way out is taken, with the reason why each other is not."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import Effects, Transition
from fsa_engine.domain.salience import apply
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.turn import Turn

NOTHING = Effects()


def move(
    turn: Turn, task: TaskInstance, to: str, why: str, *, do: Effects = NOTHING, values: Mapping[str, Any] | None = None
) -> TaskInstance:
    """Put a task into a state, afresh: the effects of leaving, of the edge, and of entering."""
    turn.note(f"{task.task}: {task.state} -> {to} ({why})")
    task = apply(turn, task, getattr(turn.state(task), "on_exit", NOTHING))
    task = apply(turn, task, do, values)
    attempts = {state: count for state, count in task.attempts.items() if state != task.state}
    return enter(turn, turn.put(task, attempts=MappingProxyType(attempts)), to)


def enter(turn: Turn, task: TaskInstance, state: str) -> TaskInstance:
    """Put a task into a state as if it came from nowhere."""
    task = turn.put(
        task,
        state=state,
        asked=False,
        changing=False,
        verifying=False,
        waiting="",
        held=None,
        entered_ms=turn.event.at_ms,
    )
    return apply(turn, task, getattr(turn.state(task), "on_entry", NOTHING))


def follow(
    turn: Turn,
    task: TaskInstance,
    edges: tuple[Transition, ...],
    result: Mapping[str, Any] | None = None,
    proposal: Mapping[str, Any] | None = None,
) -> bool:
    """Take the first way out that holds; log why the others were not taken. False if there is none."""
    values = turn.values(task, result, proposal)
    for index, edge in enumerate(edges):
        if _stands(turn, task, edge, values, proposal) and take(turn, task, edge, values, (result, proposal)):
            pass_over(turn, task, edges[index + 1 :], "an earlier one was taken")
            return True
    return False


def follow_wish(turn: Turn, task: TaskInstance, edges: tuple[Transition, ...], wanted: tuple[Transition, ...]) -> bool:
    """Take the first way out that the caller wants and that holds; log why the others were not. False if none does."""
    values = turn.values(task)
    for index, edge in enumerate(wanted):
        rule = turn.definition(task).rules.compile(edge.when) if edge.when else None
        if rule is not None and not turn.judge(task, rule, values, f"-> {edge.to}").holds:
            continue
        if take(turn, task, edge, values):
            pass_over(turn, task, wanted[index + 1 :], "an earlier one was taken")
            pass_over(turn, task, tuple(e for e in edges if e not in wanted), "the caller wanted something else")
            return True
    return False


def pass_over(turn: Turn, task: TaskInstance, edges: tuple[Transition, ...], why: str) -> None:
    """Log why ways out were not even looked at."""
    for edge in edges:
        _skip(turn, task, edge, why)


def take(
    turn: Turn,
    task: TaskInstance,
    edge: Transition,
    values: Mapping[str, Any],
    given: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None] = (None, None),
) -> bool:
    """Take an edge if what it requires holds before, and what it ensures after; else nothing has happened."""
    compiler = turn.definition(task).rules
    for text in edge.requires:
        if not turn.judge(task, compiler.compile(text), values, f"-> {edge.to}: requires").holds:
            return False
    before, notes = turn.snapshot, len(turn.notes)
    why = edge.when or ("always" if edge.kind == "rule" else edge.kind)
    moved = move(turn, task, edge.to, why, do=edge.do, values=values)
    if edge.ensures:
        after = turn.values(moved, *given)
        for text in edge.ensures:
            if not turn.judge(task, compiler.compile(text), after, f"-> {edge.to}: ensures").holds:
                turn.snapshot = before
                del turn.notes[notes:]
                return False
    return True


def _stands(
    turn: Turn, task: TaskInstance, edge: Transition, values: Mapping[str, Any], proposal: Mapping[str, Any] | None
) -> bool:
    """Tell whether an edge of its kind may be taken now, its `requires` and `ensures` apart."""
    if edge.kind == "intent":
        _skip(turn, task, edge, "only when the caller wants it")
        return False
    if edge.proposable and (proposal or {}).get("transition") != edge.proposal:
        _skip(turn, task, edge, "the model did not propose it")
        return False
    if edge.when is None:
        return True
    rule = turn.definition(task).rules.compile(edge.when)
    return turn.judge(task, rule, values, f"-> {edge.to}").holds


def _skip(turn: Turn, task: TaskInstance, edge: Transition, why: str) -> None:
    rule = edge.when or edge.intent or edge.kind
    entry = {"task": task.task_id, "state": task.state, "rule": rule, "for": f"-> {edge.to}", "skipped": why}
    turn.rules.append(entry)
