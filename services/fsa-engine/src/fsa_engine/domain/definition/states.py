"""The states of a task, by kind. Each says where it leads; the first transition whose rule holds is taken."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text


class Transition(Part):
    """An edge. Without `when` (a CEL rule) it is always taken."""

    when: Annotated[str, Field(min_length=1)] | None = None
    to: Name


class Constant(Part):
    """A fixed argument of a tool."""

    const: Any


class _Leading(Part):
    """Has a way out: `to`, or `transitions`."""

    to: Name | None = None
    transitions: tuple[Transition, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "_Leading":
        if (self.to is None) == (not self.transitions):
            raise ValueError("give either `to` or `transitions`")
        return self

    @property
    def edges(self) -> tuple[Transition, ...]:
        """The ways out, `to` as one without a rule."""
        return self.transitions or (Transition(to=self.to or ""),)

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (key, state) of every way out."""
        for edge in self.edges:
            yield ("transitions" if self.transitions else "to"), edge.to


class Collect(_Leading):
    """Asks for a slot unless it is filled. `ask_again`: also when it is. `failed`: where too many attempts lead."""

    kind: Literal["collect"]
    slot: Name
    ask_again: bool = False
    prompt: Text | None = None
    reprompt: Text | None = None
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    failed: Name | None = None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (key, state) of every way out."""
        yield from super().targets()
        if self.failed:
            yield "failed", self.failed


class Confirm(Part):
    """Asks for a yes in the caller's own words. A no without a target of its own asks what to change."""

    kind: Literal["confirm"]
    text: Text
    slots: tuple[Name, ...] = ()
    yes: Name
    no: Name | None = None
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    failed: Name | None = None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (key, state) of every way out."""
        yield "yes", self.yes
        if self.no:
            yield "no", self.no
        if self.failed:
            yield "failed", self.failed


class Decide(_Leading):
    """Goes on at once, by rules."""

    kind: Literal["decide"]


class Say(_Leading):
    """Says something and goes on. `verbatim`: word for word."""

    kind: Literal["say"]
    text: Text
    verbatim: bool = False


class Act(_Leading):
    """Calls a tool; its way out is taken when the result is there.

    `arguments`: name to slot, `call.<field>` or a constant. `fill`: slot to CEL expression over the result.
    `failed`: when the tool gave an error; `unknown`: when nobody can tell whether it acted.
    """

    kind: Literal["act"]
    tool: Name
    arguments: dict[str, str | Constant] = Field(default_factory=dict)
    progress: Text | None = None
    fill: dict[Name, str] = Field(default_factory=dict)
    failed: Name
    unknown: Name | None = None

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (key, state) of every way out."""
        yield from super().targets()
        yield "failed", self.failed
        if self.unknown:
            yield "unknown", self.unknown


class Handoff(Part):
    """A human takes over. `unavailable`: where it leads if no target is configured; else the task ends there."""

    kind: Literal["handoff"]
    text: Text | None = None
    summary: str = ""
    target: str | None = None
    unavailable: Name | None = None

    @field_validator("target")
    @classmethod
    def _uri(cls, value: str | None) -> str | None:
        if value and not value.startswith(("tel:", "sip:", "sips:")):
            raise ValueError("must be a tel: or sip: URI")
        return value

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield (key, state) of every way out."""
        if self.unavailable:
            yield "unavailable", self.unavailable


class Done(Part):
    """The task reached its goal."""

    kind: Literal["done"]
    text: Text

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield nothing: this is an end."""
        return iter(())


class Failing(Part):
    """The task ends without its goal. `reason` is machine-readable."""

    kind: Literal["failed"]
    text: Text
    reason: str = "failed"

    def targets(self) -> Iterator[tuple[str, str]]:
        """Yield nothing: this is an end."""
        return iter(())


State: TypeAlias = Annotated[
    Collect | Confirm | Decide | Say | Act | Handoff | Done | Failing, Field(discriminator="kind")
]
