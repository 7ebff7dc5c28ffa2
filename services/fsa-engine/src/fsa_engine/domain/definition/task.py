"""A task: slots, states, and how callers ask for it."""

from functools import cached_property
from typing import Annotated

from pydantic import Field

from fsa_engine.domain.definition.base import Name, Part, Text
from fsa_engine.domain.definition.slot import Slot
from fsa_engine.domain.definition.states import State
from fsa_engine.domain.rules import Rules


class Task(Part):
    """A Finite State Agent for one piece of business.

    `title`: as in "would you like to ...?"; `resume`: as in "we were ..."; `request`: as in "your ... was saved".
    `internal`: runs only as a part of other tasks. `takes`: slots without which it is not started, given by the
    task that it is a part of or by another agent. `returns`: slots that are its result. `after`: open tasks for whose
    end it waits.
    """

    description: Text
    internal: bool = False
    title: str = ""
    resume: str = ""
    request: str = ""
    examples: tuple[str, ...] = ()
    after: tuple[Name, ...] = ()
    takes: tuple[Name, ...] = ()
    returns: tuple[Name, ...] = ()
    slots: dict[Name, Slot] = Field(default_factory=dict)
    initial: Name
    states: Annotated[dict[Name, State], Field(min_length=1)]

    @cached_property
    def rules(self) -> Rules:
        """The compiler of this task's rules, with its slots as variables."""
        return Rules({name: slot.type for name, slot in self.slots.items()})

    @cached_property
    def before(self) -> dict[str, frozenset[str]]:
        """For each state, those that lie before it: from which ways lead to it that do not turn back."""
        return _before(self.initial, {name: [to for _, to in state.targets()] for name, state in self.states.items()})


def _before(initial: str, ways: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    """Walk depth first, in the order of the definition; a way to a state that is being walked through turns back."""
    done: list[str] = []
    through = [initial]
    forward: dict[str, list[str]] = {name: [] for name in ways}
    open_ways = {initial: iter(ways[initial])}
    while through:
        name = through[-1]
        to = next(open_ways[name], None)
        if to is None:
            done.append(through.pop())
        elif to in ways and to not in through:
            forward[name].append(to)
            if to not in open_ways:
                open_ways[to] = iter(ways[to])
                through.append(to)
    before: dict[str, frozenset[str]] = {name: frozenset() for name in ways}
    for name in reversed(done):
        for to in forward[name]:
            before[to] |= before[name] | {name}
    return before
