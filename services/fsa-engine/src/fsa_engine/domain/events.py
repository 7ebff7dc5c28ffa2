"""What can happen to a conversation.

Every event carries `event_id` (unique in the session; the step is idempotent by it) and `at_ms` (Unix milliseconds,
the only clock the core knows). Arguments and answers that come from a model are proposals, never facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True)
class _Happened:
    event_id: str
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Opened(_Happened):
    """A call began. `resumed`: its session has unfinished business from an earlier call."""

    call_id: str
    caller: str = ""
    callee: str = ""
    channel: str = ""
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class Utterance(_Happened):
    """The caller's own words. `alternatives`: other readings, best first. `started_ms`: caller media time."""

    text: str
    alternatives: tuple[str, ...] = ()
    started_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class KeyPressed(_Happened):
    """One DTMF key: 0-9, *, #, A-D."""

    digit: str


@dataclass(frozen=True, kw_only=True)
class NoInput(_Happened):
    """The caller said nothing for as long as the last question allowed."""


@dataclass(frozen=True, kw_only=True)
class StartTask(_Happened):
    """The model asks for a task. `arguments`: slot name to proposed value; `caller_words`: what the caller said."""

    task: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    caller_words: str = ""


@dataclass(frozen=True, kw_only=True)
class AnswerTask(_Happened):
    """The model answers a task's question. `answer`: words, or a JSON object of slots; a proposal either way."""

    task_id: str
    answer: str = ""
    caller_words: str = ""


@dataclass(frozen=True, kw_only=True)
class CancelTask(_Happened):
    """The model asks to give a task up."""

    task_id: str
    caller_words: str = ""


@dataclass(frozen=True, kw_only=True)
class ToolReturned(_Happened):
    """An intent's result. `ok` False: `error` says why; `unknown`: nobody can tell whether it happened."""

    intent_id: str
    ok: bool
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    unknown: bool = False


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
    | CallClosed
    | Delivered
)
