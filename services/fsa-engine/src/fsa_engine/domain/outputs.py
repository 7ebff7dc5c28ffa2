"""What a step gives back: things to be said, work to be done, and what session must know of the business."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True)
class Expectation:
    """Which answers are likely.

    `kind`: a slot type, or "yes_no", "choice", "intent", "none". `no_input_ms`: silence before NoInput, 0 = any.
    """

    kind: str
    phrases: tuple[str, ...] = ()
    no_input_ms: int = 0


@dataclass(frozen=True)
class Ask:
    """A question; the dialogue waits for its answer."""

    text: str
    expect: Expectation


@dataclass(frozen=True)
class Progress:
    """Said while work goes on."""

    text: str


@dataclass(frozen=True)
class Result:
    """A task reached its goal."""

    text: str


@dataclass(frozen=True)
class Failed:
    """A task ended without reaching its goal. `reason` is machine-readable."""

    text: str
    reason: str


@dataclass(frozen=True)
class Steer:
    """Guidance for the model, not to be spoken."""

    text: str


@dataclass(frozen=True)
class Verbatim:
    """To be spoken word for word."""

    text: str


@dataclass(frozen=True)
class HangUp:
    """Hang up when all before it has been played."""


@dataclass(frozen=True)
class HandOff:
    """A human shall take the call. `target`: tel: or sip: URI."""

    target: str
    summary: str


@dataclass(frozen=True)
class Privacy:
    """What the caller says, from here on, is for the engine alone (`on`): relay and model hear silence.

    Not an output but a field of the step, since it must take effect before anything is said.
    """

    on: bool


Body: TypeAlias = Ask | Progress | Result | Failed | Steer | Verbatim | HangUp | HandOff


@dataclass(frozen=True)
class Output:
    """One output. `output_id`: event id, "#" and a counter; `task_id` is empty when it belongs to the conversation."""

    output_id: str
    task_id: str
    body: Body


@dataclass(frozen=True)
class Intent:
    """Work to be done outside of the step.

    `intent_id` (event id, "/i" and a counter) is the idempotency key. `payload` of kind "tool": `server`, `tool`,
    `arguments` (JSON), `write`, `settle` ("", "idempotent_by_key", "lookup", "once"), `key_argument` (already filled in
    when set), `lookup` (`server`, `tool`, `arguments`, `key_argument`, which gets this intent's id, `timeout_ms` and
    `happened`, a CEL rule over the `result`; or None), `timeout_ms`, `task_id`, `state`, `sensitive` (names of
    arguments that must be masked wherever they are shown), `result_sensitive` (the result must be, as a whole).

    Of kind "reason": `instructions`, `context` (name to value: what the model may know here; the only caller data it
    gets), `proposals` (`slots` and `transitions` that may be proposed), `schema` (JSON Schema of `{thoughts, slots,
    transition}`), `model` (a name, empty = the operator's), `budget_ms`, `task_id`, `state`. Comes back as
    ReasoningReturned within the budget, or as one that is not ok.

    Of kind "handover": `agent`, `task` (may be empty), `context` (name to value), `from_agent`, `task_id`, `state`,
    `sensitive` (names in `context`). The shell saves the agent's definition as the conversation's and comes back with
    HandedOver, stepped by that definition.
    """

    intent_id: str
    kind: Literal["tool", "reason", "handover"]
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class OpenTask:
    """A task that has not ended."""

    task_id: str
    task: str
    state: str


@dataclass(frozen=True)
class Business:
    """What session decides from. `sms_text`: for the case that the call drops now, empty = none."""

    open_tasks: tuple[OpenTask, ...] = ()
    closing_spoken: bool = False
    sms_on: Literal["unfinished", "lost_only", "never"] = "unfinished"
    sms_text: str = ""
    resume_ttl_ms: int = field(default=24 * 3600 * 1000)
