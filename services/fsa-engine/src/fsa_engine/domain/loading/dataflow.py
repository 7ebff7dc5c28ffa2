"""The graph of a task: every state reachable, none without a way to an end, and every slot filled before it is used."""

from collections.abc import Iterator

from fsa_engine.domain.definition import (
    Act,
    Collect,
    Confirm,
    Constant,
    Done,
    Failing,
    Handoff,
    HandOver,
    State,
    SubTask,
    Task,
)
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source
from fsa_engine.domain.template import required


def check_graph(task: Task, source: Source, path: Path) -> list[Problem]:
    """Return the problems of a task whose names are all known."""
    reached = _reached(task)
    problems = [
        source.problem((*path, "states", f"#{name}"), f"state {name!r} is never reached", "remove it or lead to it")
        for name in task.states
        if name not in reached
    ]
    ending = _ending(task)
    problems += [
        source.problem(
            (*path, "states", f"#{name}"), f"from state {name!r} the task never ends", "lead to done or failed"
        )
        for name in task.states
        if name in reached and name not in ending
    ]
    return problems or list(_uses(task, source, path))


def _reached(task: Task) -> set[str]:
    reached: set[str] = set()
    waiting = [task.initial]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [target for _, target in task.states[name].targets()]
    return reached


def _ending(task: Task) -> set[str]:
    """Return the states from which an end can be reached."""
    ending = {name for name, state in task.states.items() if isinstance(state, Done | Failing | Handoff | HandOver)}
    while True:
        more = {n for n, s in task.states.items() if n not in ending and any(t in ending for _, t in s.targets())}
        if not more:
            return ending
        ending |= more


def filled_at(task: Task) -> dict[str, frozenset[str]]:
    """Return, for each state, the slots that are filled on every path to it."""
    everything = frozenset(task.slots)
    filled = dict.fromkeys(task.states, everything)
    filled[task.initial] = frozenset(task.takes)
    waiting = [task.initial]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for key, target in task.states[name].targets():
            after = (filled[name] | _gives(task.states[name], key)) - _loses(task, name, key, target)
            both = filled[target] & after
            if both != filled[target] or target not in seen:
                filled[target] = both
                waiting.append(target)
    return filled


_BY_RULE = {"to", "transitions"}


def _gives(state: State, key: str) -> frozenset[str]:
    if isinstance(state, Collect) and key in _BY_RULE:
        return frozenset({state.slot})
    if isinstance(state, Act | SubTask) and key in _BY_RULE:
        return frozenset(state.fill)
    return frozenset()


def _loses(task: Task, name: str, key: str, target: str) -> set[str]:
    """Return the slots that are emptied on the way from one state to another."""
    state = task.states[name]
    ways = [edge.do for edge in getattr(state, "transitions", ()) if edge.to == target]
    effects = [getattr(state, "on_exit", None), getattr(task.states[target], "on_entry", None), *ways]
    return {slot for each in effects if each is not None for slot in each.clear}


def _uses(task: Task, source: Source, path: Path) -> Iterator[Problem]:
    filled = filled_at(task)
    for name, state in task.states.items():
        here: Path = (*path, "states", name)
        for field, slots in _used(task, state):
            for slot in sorted(slots - filled[name]):
                fix = f"collect {slot} on every way here"
                yield source.problem((*here, field), f"slot {slot!r} may not be filled yet in state {name!r}", fix)


def _used(task: Task, state: State) -> Iterator[tuple[str, set[str]]]:
    for field in ("text", "prompt", "progress"):
        template = getattr(state, field, None)
        if template:
            yield field, required(template)
    if isinstance(state, Confirm):
        yield "slots", set(state.slots)
    if isinstance(state, Act | SubTask):
        yield "arguments", {g for g in state.arguments.values() if not isinstance(g, Constant) and "." not in g}
    if isinstance(state, Collect):
        return
    rules = [edge.when for edge in getattr(state, "transitions", ()) if edge.when]
    fills = set(state.fill) if isinstance(state, Act | SubTask) else set()
    for rule in rules:
        yield "transitions", set(task.rules.compile(rule).names & set(task.slots)) - fills
