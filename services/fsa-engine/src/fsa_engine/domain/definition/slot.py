"""Slots: the typed values that a task needs."""

from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text
from fsa_engine.domain.understanding.values import WHOLE, Shape
from fsa_engine.domain.understanding.words import tokens_of

_Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]

Scalar: TypeAlias = Literal[
    "text", "integer", "decimal", "money", "date", "time", "datetime", "duration", "phone", "email", "digits", "enum",
    "yes_no", "name", "address"
]  # fmt: skip
Kind: TypeAlias = Scalar | Literal["list"]
KEYABLE = frozenset({"digits", "integer", "phone", "date", "time", "money", "yes_no", "enum"})
"""Types that can be keyed in."""
Normaliser: TypeAlias = Literal[
    "trim", "upper", "lower", "capitalise", "no_spaces", "digits_only", "letters_and_digits"
]


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

    `from`: who gives it: the caller, a tool, or (given) who starts the task, which is another agent that hands over or
    the task that this one is a part of. `own_words`: never taken from a model without the caller's words.
    `sensitive`: masked wherever it would be shown, saved sealed only. `capture`: dtmf = by keys alone, while the relay
    hears silence; the default of what is sensitive. `confirm`: never, echo (said back in passing), explicit (asked for
    a yes before it counts). `say`: how it is said back; last4 is the default of sensitive digits, hidden that of all
    else sensitive. `normalise`: applied in order before checks. `min_length`/`max_length`: digits. `invalid`: asked in
    place of `reprompt` after digits whose checksum is wrong. `cues`: words beside which a value is meant that nobody
    asked for ("days": three days). `unit`: what a bare number is, of a duration.
    """

    type: Kind
    of: Scalar = "text"
    from_: Literal["caller", "tool", "given"] = Field("caller", alias="from")
    description: str = ""
    prompt: Text | None = None
    reprompt: Text | None = None
    invalid: Text | None = None
    cues: tuple[Text, ...] = ()
    check: tuple[Check, ...] = ()
    values: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    likely: Likely | None = None
    min_length: Annotated[int, Field(ge=1, le=40)] = 1
    max_length: Annotated[int, Field(ge=1, le=40)] = 40
    checksum: Literal["luhn", "iban"] | None = None
    unit: Literal["second", "minute", "hour", "day", "week"] | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    normalise: tuple[Normaliser, ...] = ()
    sensitive: bool = False
    capture: Literal["speech", "dtmf"] | None = None
    confirm: Literal["never", "echo", "explicit"] = "never"
    say: Literal["plain", "spelled", "last4", "hidden"] | None = None
    own_words: bool = False

    @model_validator(mode="after")
    def _complete(self) -> "Slot":
        if "enum" in (self.type, self.of if self.type == "list" else "") and not self.values:
            raise ValueError("an enum needs `values`")
        if self.min_length > self.max_length:
            raise ValueError("min_length is above max_length")
        if self.checksum and self.type != "digits":
            raise ValueError("only digits have a checksum")
        if self.invalid and not self.checksum:
            raise ValueError("`invalid` is for digits with a checksum")
        if self.unit and self.type != "duration":
            raise ValueError("only a duration has a unit")
        if self.cues and self.whole:
            raise ValueError(f"a {self.type} is all that is said, so there are no cues for it")
        return self

    @model_validator(mode="after")
    def _guarded(self) -> "Slot":
        if self.by_keys and self.from_ == "caller" and self.type not in KEYABLE:
            raise ValueError(f"a {self.type} cannot be keyed in; say capture: speech if it may be spoken")
        if self.by_keys and self.from_ == "caller" and self.checksum == "iban":
            raise ValueError("an IBAN cannot be keyed in; say capture: speech if it may be spoken")
        if self.sensitive and self.say in {"plain", "spelled"}:
            raise ValueError("what is sensitive is said back as last4 or hidden only")
        if self.from_ != "caller" and self.confirm != "never":
            raise ValueError("what the caller does not give is confirmed in a confirm state")
        return self

    @property
    def by_keys(self) -> bool:
        """Whether only keys fill it."""
        return (self.capture or ("dtmf" if self.sensitive else "speech")) == "dtmf"

    @property
    def said_as(self) -> Literal["plain", "spelled", "last4", "hidden"]:
        """How it is said back."""
        if self.say:
            return self.say
        if self.sensitive:
            return "last4" if self.type in {"digits", "phone"} else "hidden"
        return "plain"

    @cached_property
    def shape(self) -> Shape:
        """What the parsers need to know."""
        likely = self.likely.minutes if self.likely else None
        lengths = (self.min_length, self.max_length)
        words = tuple(tokens_of(cue) for cue in self.cues)
        return Shape(self.type, likely, self.values, *lengths, self.of, self.checksum, self.normalise, words, self.unit)

    @property
    def whole(self) -> bool:
        """Whether the answer is all that is said, so that nothing else is read out of it."""
        return self.type in WHOLE or (self.type == "list" and self.of in WHOLE)
