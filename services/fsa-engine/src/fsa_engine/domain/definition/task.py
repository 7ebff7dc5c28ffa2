"""A task: slots, states, and how callers ask for it."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text
from fsa_engine.domain.definition.states import State
from fsa_engine.domain.rules import Rules
from fsa_engine.domain.understanding.values import Shape

_Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Check(Part):
    """A CEL rule that a value must meet once all it names is filled, and what is said if it does not."""

    rule: Annotated[str, Field(min_length=1)]
    text: Text


class Likely(Part):
    """The hours in which a time without a.m. or p.m. is meant."""

    from_: _Clock = Field(alias="from")
    to: _Clock

    @property
    def minutes(self) -> tuple[int, int]:
        """As minutes of the day."""
        first, last = ((int(c[:2]) * 60 + int(c[3:])) for c in (self.from_, self.to))
        return first, last


class Slot(Part):
    """A typed value that a task needs.

    `from`: who gives it. `own_words`: never taken from a model without the caller's words. `sensitive`: masked wherever
    it would be shown. `min_length`/`max_length`: digits.
    """

    type: Literal["text", "integer", "decimal", "date", "time", "yes_no", "digits", "phone", "name", "enum", "list"]
    of: Literal["text", "integer", "decimal", "date", "time", "phone", "name", "enum"] = "text"
    from_: Literal["caller", "tool"] = Field("caller", alias="from")
    description: str = ""
    prompt: Text | None = None
    reprompt: Text | None = None
    check: tuple[Check, ...] = ()
    values: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    likely: Likely | None = None
    min_length: Annotated[int, Field(ge=1, le=40)] = 1
    max_length: Annotated[int, Field(ge=1, le=40)] = 40
    sensitive: bool = False
    own_words: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "Slot":
        if self.type == "enum" and not self.values:
            raise ValueError("an enum needs `values`")
        if self.min_length > self.max_length:
            raise ValueError("min_length is above max_length")
        return self

    @cached_property
    def shape(self) -> Shape:
        """What the parsers need to know."""
        likely = self.likely.minutes if self.likely else None
        return Shape(self.type, likely, self.values, self.min_length, self.max_length)


class Task(Part):
    """A Finite State Agent for one piece of business.

    `title`: as in "would you like to ...?"; `resume`: as in "we were ..."; `request`: as in "your ... was saved".
    """

    description: Text
    title: Text
    resume: Text
    request: Text
    examples: Annotated[tuple[str, ...], Field(min_length=1)]
    slots: dict[Name, Slot] = Field(default_factory=dict)
    initial: Name
    states: Annotated[dict[Name, State], Field(min_length=1)]

    @cached_property
    def rules(self) -> Rules:
        """The compiler of this task's rules, with its slots as variables."""
        return Rules({name: slot.type for name, slot in self.slots.items()})
