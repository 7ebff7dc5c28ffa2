"""What can happen to a conversation.

Every event carries `event_id` (unique in the session; the step is idempotent by it) and `at_ms` (Unix milliseconds,
the only clock the core knows). Arguments and answers that come from a model are proposals, never facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class _Happened:
    event_id: str
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Opened(_Happened):
    """A call began. `resumed`: its session has unfinished business from an earlier call.

    `memory`: what the last step of this caller's earlier calls gave as `Step.memory`.
    """

    call_id: str
    caller: str = ""
    callee: str = ""
    channel: str = ""
    resumed: bool = False
    memory: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Utterance(_Happened):
    """The caller's own words. `alternatives`: other readings, best first. `started_ms`: caller media time.

    `intents`: how alike `text` is to the phrases of each label (see `Agent.phrases`), label and cosine: evidence that
    was asked for (`Step.undecided`), from outside; empty = there is none. `turn_started_ms`: when the caller began to
    say it, Unix milliseconds, 0 = not known; `before_question`: he had heard nothing of the question then.
    """

    text: str
    alternatives: tuple[str, ...] = ()
    started_ms: int = 0
    turn_started_ms: int = 0
    before_question: bool = False
    intents: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class KeyPressed(_Happened):
    """One DTMF key: 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, kw_only=True)
class NoInput(_Happened):
    """The caller said nothing for as long as the last question allowed."""


@dataclass(frozen=True, kw_only=True)
class StartTask(_Happened):
    """The model asks for a task. `arguments`: slot name to proposed value; `caller_words`: what the caller said.

    `turn_started_ms`, `before_question`: as of Utterance.
    """

    task: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    caller_words: str = ""
    turn_started_ms: int = 0
    before_question: bool = False


@dataclass(frozen=True, kw_only=True)
class AnswerTask(_Happened):
    """The model answers a task's question. `answer`: words, or a JSON object of slots; a proposal either way.

    `turn_started_ms`, `before_question`: as of Utterance; words of a turn begun before the question was put are no
    answer to it.
    `intents`: as of Utterance, of `caller_words`.
    """

    task_id: str
    answer: str = ""
    caller_words: str = ""
    turn_started_ms: int = 0
    before_question: bool = False
    intents: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class CancelTask(_Happened):
    """The model asks to give a task up; or, not `by_model`, a program that runs the task does."""

    task_id: str
    caller_words: str = ""
    turn_started_ms: int = 0
    before_question: bool = False
    by_model: bool = True


@dataclass(frozen=True, kw_only=True)
class ToolReturned(_Happened):
    """An intent's result. `ok` False: `error` says why; `unknown`: nobody can tell whether it happened."""

    intent_id: str
    ok: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class ToolProgressed(_Happened):
    """A tool that a task waits for says that it is still at work; in its own words, which nobody hears."""

    intent_id: str


@dataclass(frozen=True, kw_only=True)
class ReasoningReturned(_Happened):
    """What a model made of an intent of kind "reason".

    `proposal`: `slots` (name to value) and `transition` (a name, or None); `thoughts` go to scratchpad and audit only.
    `ok` False: `error` says why (late, unavailable, not well-formed); rules then go on alone.
    """

    intent_id: str
    ok: bool
    proposal: Mapping[str, Any] = field(default_factory=dict)
    thoughts: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class TransferReturned(_Happened):
    """What became of a HandOff: a human has the caller, or the caller is back with the agent."""

    outcome: Literal["answered", "busy", "no_answer", "failed"]
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class HandedOver(_Happened):
    """What became of an intent of kind "handover".

    `ok`: stepped with the *other* agent's definition, on the same snapshot, with the payload's fields; else with the
    old one's, and `error` says why.
    """

    intent_id: str
    ok: bool
    from_agent: str = ""
    task: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class TimePassed(_Happened):
    """The time that a step asked to be woken at (`Step.wake_ms`) has come."""


@dataclass(frozen=True, kw_only=True)
class CallClosed(_Happened):
    """The leg ended."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Delivered(_Happened):
    """Outputs were heard by the caller."""

    output_ids: tuple[str, ...] = ()


Event: TypeAlias = (
    Opened
    | Utterance
    | KeyPressed
    | NoInput
    | StartTask
    | AnswerTask
    | CancelTask
    | ToolReturned
    | ToolProgressed
    | ReasoningReturned
    | TransferReturned
    | HandedOver
    | TimePassed
    | CallClosed
    | Delivered
)
