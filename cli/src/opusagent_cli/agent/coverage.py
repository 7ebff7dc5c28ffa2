"""Which states and transitions of an agent its conversation tests went through."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fsa_engine.domain.conversation import Played
from fsa_engine.domain.definition import Agent
from opusagent_cli.agent.edges import edges

_MOVED = re.compile(r"(\w+): (\w+) -> (\w+) ")

State = tuple[str, str]
"""(task, state)."""
Transition = tuple[str, str, str]
"""(task, state, state)."""


@dataclass
class Coverage:
    """What there is, and what was seen of it."""

    states: set[State] = field(default_factory=set)
    transitions: set[Transition] = field(default_factory=set)
    seen_states: set[State] = field(default_factory=set)
    seen_transitions: set[Transition] = field(default_factory=set)

    @property
    def missed_states(self) -> list[State]:
        """Return states that no conversation reached."""
        return sorted(self.states - self.seen_states)

    @property
    def missed_transitions(self) -> list[Transition]:
        """Return ways that no conversation went."""
        return sorted(self.transitions - self.seen_transitions)


def coverage(agent: Agent, played: Iterable[Played], elsewhere: Iterable[Played] = ()) -> Coverage:
    """Count what conversations went through; two ways between the same states count as one.

    `elsewhere`: conversations of other agents, of which counts what was this agent's after they handed over to it.
    """
    found = Coverage(
        {(name, state) for name, task in agent.tasks.items() for state in task.states},
        {(name, edge.source, edge.target) for name, task in agent.tasks.items() for edge in edges(task)},
    )
    for each in played:
        records = [record for step in each.steps for record in step.audit]
        moves = {move for record in records for move in moves_of(record)}
        found.seen_transitions |= moves & found.transitions
        found.seen_states |= (each.visited | {(task, to) for task, _, to in moves}) & found.states
    for each in elsewhere:
        records = [record for step in each.steps for record in step.audit if record["agent"] == agent.agent]
        moves = {move for record in records for move in moves_of(record)}
        found.seen_transitions |= moves & found.transitions
        ends = {(task, state) for task, *states in moves for state in states}
        found.seen_states |= ends & found.states
    return found


def moves_of(record: Mapping[str, Any]) -> list[Transition]:
    """Return the moves that an audit record tells of, in order."""
    notes = [_MOVED.match(note) for note in record["decisions"]]
    return [(note.group(1), note.group(2), note.group(3)) for note in notes if note]
