"""Ways out of a state, and what is written down on the way."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Guard = Annotated[str, Field(min_length=1)]
"""A CEL rule: true or false."""

Guards = Annotated[tuple[Guard, ...], BeforeValidator(_one_or_more)]
"""CEL rules that must all hold; a single one may stand without a list."""


class Constant(Part):
    """A fixed argument of a tool."""

    const: Any


class Effects(Part):
    """What is written down: `set` fact of the context to CEL expression, `clear` slots to be emptied."""

    set: dict[Name, Guard] = Field(default_factory=dict)
    clear: tuple[Name, ...] = ()


class TimeLimit(Part):
    """How long a task may stay in a state, by the time of events, and where it leads then."""

    seconds: Annotated[float, Field(ge=0.1, le=86_400)]
    to: Name


class Retry(Part):
    """What happens without an answer that can be used: `text` is said, after `attempts` the way is `to`."""

    text: Text | None = None
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    to: Name | None = None


class Transition(Part):
    """An edge. A `rule` is taken when its `when` holds (without one: always), an `intent` when the caller's words mean
    it, a `reasoning` when a model proposed it, a `hybrid` when a model proposed it and `when` holds.

    `key`: of the telephone, stands for the intent where nothing else was keyed in: also heard where no words are.
    `name`: what a model proposes, the target's name by default. `requires` must hold before and `ensures` after an edge
    is taken, whatever its kind; otherwise it is not. Higher priorities come first, equal ones in order.
    """

    kind: Literal["rule", "intent", "reasoning", "hybrid"] = "rule"
    name: Name | None = None
    intent: Name | None = None
    key: Literal["*", "#"] | None = None
    when: Guard | None = None
    requires: Guards = ()
    ensures: Guards = ()
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    do: Effects = Effects()
    to: Name

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Transition":
        if (self.kind == "intent") != (self.intent is not None):
            raise ValueError("kind: intent and `intent` belong together")
        if self.key is not None and self.intent is None:
            raise ValueError("a `key` stands for an intent")
        if self.kind == "hybrid" and self.when is None:
            raise ValueError("a hybrid needs `when`; without one it is kind: reasoning")
        if self.kind == "reasoning" and self.when is not None:
            raise ValueError("a reasoning transition with `when` is kind: hybrid")
        if self.name is not None and not self.proposable:
            raise ValueError("only what a model may propose has a `name`")
        return self

    @property
    def proposable(self) -> bool:
        """Whether a model may propose it."""
        return self.kind in {"reasoning", "hybrid"}

    @property
    def proposal(self) -> str:
        """What a model proposes to take it."""
        return self.name or self.to

    @property
    def always(self) -> bool:
        """Whether it is taken whatever holds."""
        return self.kind == "rule" and self.when is None and not self.requires and not self.ensures
