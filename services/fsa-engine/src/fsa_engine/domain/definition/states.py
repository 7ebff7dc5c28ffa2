"""The states of a task, by kind. Each says where it leads; the first way out that holds is taken."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text
from fsa_engine.domain.definition.edges import Constant, Effects, Guards, Retry, TimeLimit, Transition

Targets: TypeAlias = Iterator[tuple[str, str]]
"""(key, state) of ways out."""


class _Any(Part):
    """Every state. `speech`: gated = the model says nothing of its own until the step has decided."""

    on_entry: Effects = Effects()
    on_exit: Effects = Effects()
    speech: Literal["free", "gated"] | None = None


class _Waiting(_Any):
    """A state in which a task can stay.

    `relevant`: slots and facts that a model sees here. `proposals`: slots that a model may propose here, by default
    those in `may_change`: the slots that may change here at all, by default every one.
    """

    relevant: tuple[Name, ...] | None = None
    proposals: tuple[Name, ...] | None = None
    may_change: tuple[Name, ...] | None = None
    time_limit: TimeLimit | None = None

    def waiting_targets(self) -> Targets:
        """Yield the ways out that time takes."""
        if self.time_limit:
            yield "time_limit", self.time_limit.to


class _Asking(_Waiting):
    """A state that asks the caller. `attempts` and `failed` are the short form of `no_match`."""

    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    failed: Name | None = None
    no_match: Retry | None = None
    no_input: Retry | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "_Asking":
        if self.no_match and (self.attempts or self.failed or getattr(self, "reprompt", None)):
            raise ValueError("give either no_match or its short form (reprompt, attempts, failed)")
        return self

    @property
    def retry(self) -> Retry:
        """What happens after words that are no answer."""
        return self.no_match or Retry(text=getattr(self, "reprompt", None), attempts=self.attempts, to=self.failed)

    def asking_targets(self) -> Targets:
        """Yield the ways out without an answer."""
        yield from self.waiting_targets()
        if self.failed:
            yield "failed", self.failed
        for key, retry in (("no_match", self.no_match), ("no_input", self.no_input)):
            if retry and retry.to:
                yield key, retry.to


class _Leading(Part):
    """Has a way out: `to`, or `transitions`."""

    to: Name | None = None
    transitions: tuple[Transition, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> "_Leading":
        if (self.to is None) == (not self.transitions):
            raise ValueError("give either `to` or `transitions`")
        return self

    @cached_property
    def edges(self) -> tuple[Transition, ...]:
        """The ways out in the order in which they are tried, `to` as one without a rule."""
        if not self.transitions:
            return (Transition(to=self.to or ""),)
        return tuple(sorted(self.transitions, key=lambda edge: -edge.priority))

    def leading_targets(self) -> Targets:
        """Yield the ways out that rules take."""
        for edge in self.edges:
            yield _way(edge) if self.transitions else "to", edge.to


def _way(edge: Transition) -> str:
    """Return the key of an edge: those that the caller's wish takes are told from those that rules take."""
    return "intent" if edge.kind == "intent" else "transitions"


class Collect(_Asking, _Leading):
    """Asks for a slot unless it is filled. `ask_again`: also when it is."""

    kind: Literal["collect"]
    slot: Name
    ask_again: bool = False
    prompt: Text | None = None
    reprompt: Text | None = None

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()
        yield from self.asking_targets()


class Confirm(_Asking):
    """Asks for a yes in the caller's own words. A no without a target of its own asks what to change.

    `transitions`: other ways out, of kind intent.
    """

    kind: Literal["confirm"]
    text: Text
    slots: tuple[Name, ...] = ()
    yes: Name
    no: Name | None = None
    transitions: tuple[Transition, ...] = ()

    @cached_property
    def edges(self) -> tuple[Transition, ...]:
        """The other ways out in the order in which they are tried."""
        return tuple(sorted(self.transitions, key=lambda edge: -edge.priority))

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield "yes", self.yes
        if self.no:
            yield "no", self.no
        for edge in self.transitions:
            yield _way(edge), edge.to
        yield from self.asking_targets()


class Decide(_Any, _Leading):
    """Goes on at once, by rules."""

    kind: Literal["decide"]

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()


class Say(_Any, _Leading):
    """Says something and goes on. `verbatim`: word for word."""

    kind: Literal["say"]
    text: Text
    verbatim: bool = False

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()


class Act(_Waiting, _Leading):
    """Calls a tool; its way out is taken when the result is there.

    `requires`: rules without which the tool is not called and the way is `failed`. `arguments`: name to slot,
    `call.<field>`, `context.<fact>` or a constant. `fill`: slot to CEL expression over the result; `set`: fact to one.
    `failed`: when the tool gave an error; `unknown`: when nobody can tell whether it acted.
    """

    kind: Literal["act"]
    tool: Name
    requires: Guards = ()
    arguments: dict[str, str | Constant] = Field(default_factory=dict)
    progress: Text | None = None
    fill: dict[Name, str] = Field(default_factory=dict)
    set: dict[Name, str] = Field(default_factory=dict)
    failed: Name
    unknown: Name | None = None

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()
        yield from self.waiting_targets()
        yield "failed", self.failed
        if self.unknown:
            yield "unknown", self.unknown


class Reason(_Waiting, _Leading):
    """Asks a language model for a proposal: values of the slots in `proposals` and one of the proposable transitions.

    Rules accept or reject it; without it (too late, no model, not well-formed) they go on alone.
    """

    kind: Literal["reason"]
    instructions: Text
    progress: Text | None = None
    budget_ms: Annotated[int, Field(ge=50, le=60_000)] | None = None

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()
        yield from self.waiting_targets()


class SubTask(_Any, _Leading):
    """Runs another task to its end. `arguments`: its slot to a slot of this one, `context.<fact>` or a constant.

    `fill`: slot to CEL expression over `result`, which holds what the other task `returns` and `outcome`.
    `failed`: when it did not reach its goal or was given up.
    """

    kind: Literal["task"]
    task: Name
    arguments: dict[Name, str | Constant] = Field(default_factory=dict)
    fill: dict[Name, str] = Field(default_factory=dict)
    failed: Name

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        yield from self.leading_targets()
        yield "failed", self.failed


class Handoff(_Any):
    """A human takes over.

    `unavailable`: where it leads if no target is configured; else the task ends there. `answered`, `busy`, `no_answer`:
    where a transfer that came to that leads; by default it ends with the first, and goes on after an apology (to the
    state before, or to `unavailable`) with the others.
    """

    kind: Literal["handoff"]
    text: Text | None = None
    summary: str = ""
    target: str | None = None
    unavailable: Name | None = None
    answered: Name | None = None
    busy: Name | None = None
    no_answer: Name | None = None

    @field_validator("target")
    @classmethod
    def _uri(cls, value: str | None) -> str | None:
        if value and not value.startswith(("tel:", "sip:", "sips:")):
            raise ValueError("must be a tel: or sip: URI")
        return value

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        for key in ("unavailable", "answered", "busy", "no_answer"):
            target = getattr(self, key)
            if target:
                yield key, target


def _by_name(value: Any) -> Any:
    return {name: name for name in value} if isinstance(value, list | tuple) else value


class HandOver(_Any):
    """Another agent takes over the conversation, with what `context` gives it.

    `context`: name of a slot (of `task`) or fact there to a slot of this task, `context.<fact>`, `call.<field>` or a
    constant; a list of slots and facts gives each under its own name. `task`: what it begins with. `failed`: where it
    leads when that agent does not exist; else the task ends there.
    """

    kind: Literal["handover"]
    agent: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    task: Name | None = None
    text: Text | None = None
    context: Annotated[dict[Name, str | Constant], BeforeValidator(_by_name)] = Field(default_factory=dict)
    failed: Name | None = None

    @property
    def renames(self) -> bool:
        """Whether `context` is written as a mapping."""
        return any(name != given for name, given in self.context.items())

    def targets(self) -> Targets:
        """Yield (key, state) of every way out."""
        if self.failed:
            yield "failed", self.failed


class Done(Part):
    """The task reached its goal."""

    kind: Literal["done"]
    text: Text | None = None
    on_entry: Effects = Effects()

    def targets(self) -> Targets:
        """Yield nothing: this is an end."""
        return iter(())


class Failing(Part):
    """The task ends without its goal. `reason` is machine-readable."""

    kind: Literal["failed"]
    text: Text | None = None
    reason: str = "failed"
    on_entry: Effects = Effects()

    def targets(self) -> Targets:
        """Yield nothing: this is an end."""
        return iter(())


State: TypeAlias = Annotated[
    Collect | Confirm | Decide | Say | Act | Reason | SubTask | Handoff | HandOver | Done | Failing,
    Field(discriminator="kind"),
]
KINDS = ("collect", "confirm", "decide", "say", "act", "reason", "task", "handoff", "handover", "done", "failed")
