"""What a conversation is given to do, one at a time."""

from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.context import Context

from fsa_engine.adapters.line_post import Line
from fsa_engine.domain.events import Event
from opusagent.dialogue.v1.plan_pb2 import Style


@dataclass(frozen=True)
class Job:
    """An event to be stepped. `line`: the call it came from; None for results of intents.

    `answer`: the relay waits for outputs, even for none. `plan_styles`: it is a plan request; what the relay can do.
    `sealed`: the digit of a KeyPressed event whose caller is private. `trace`: what the
    event comes from. `done`: is told whether the step was saved.
    """

    event: Event
    line: Line | None = None
    answer: bool = False
    plan_styles: tuple[Style, ...] | None = None
    trace: Context | None = None
    sealed: bytes = b""
    done: Callable[[bool], None] = lambda saved: None


@dataclass(frozen=True)
class Announced:
    """A gateway says that it has the call of a line."""

    line: Line
    trace: Context | None = None
