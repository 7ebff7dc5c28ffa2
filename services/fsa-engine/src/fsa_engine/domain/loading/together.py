"""Sense between agents: what one hands over is what the other one declares."""

from collections.abc import Iterator, Sequence

from fsa_engine.domain.definition import Agent, Constant, HandOver, Task
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source


def check_together(agents: Sequence[tuple[Agent, Source]]) -> Iterator[Problem]:
    """Yield the problems of hand-overs between agents that are all there; one to an agent that is not is no problem."""
    by_name = {agent.agent: agent for agent, _ in agents}
    for agent, source in agents:
        for name, task in agent.tasks.items():
            for state_name, state in task.states.items():
                if isinstance(state, HandOver) and state.agent in by_name:
                    here: Path = ("tasks", name, "states", state_name)
                    yield from _hand_over(task, state, by_name[state.agent], (source, here))


def _hand_over(task: Task, state: HandOver, other: Agent, place: tuple[Source, Path]) -> Iterator[Problem]:
    source, here = place
    begun = other.tasks.get(state.task) if state.task else None
    if state.task and begun is None:
        yield source.problem((*here, "task"), f"{other.agent} has no task {state.task!r}")
        return
    slots = begun.slots if begun else {}
    for index, (name, given) in enumerate(state.context.items()):
        slot, own = slots.get(name), None if isinstance(given, Constant) else task.slots.get(given)
        where = (*here, "context", f"#{name}") if state.renames else (*here, "context", index)
        if slot is None and name not in other.context:
            fix = "declare it there as a slot with from: given, or as a fact"
            yield source.problem(where, f"{other.agent} knows no slot or fact {name!r}", fix)
        elif slot is not None and slot.sensitive:
            yield source.problem(where, f"{name!r} is sensitive there, so it is not taken from another agent")
        elif slot is not None and own is not None and (slot.type, slot.of) != (own.type, own.of):
            yield source.problem(where, f"{name!r} is a {slot.type} there and a {own.type} here")
    for name in begun.takes if begun else ():
        if name not in state.context:
            yield source.problem((*here, "context"), f"{other.agent}'s {state.task} takes {name!r}", "hand it over")
