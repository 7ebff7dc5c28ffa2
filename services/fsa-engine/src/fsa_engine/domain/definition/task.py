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
