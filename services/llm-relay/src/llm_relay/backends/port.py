"""The port of everything that can hold a conversation, shaped by the weakest of them.

A backend says what it can do in its `Capabilities`; the relay branches on these and never on a backend's name. A
`ModelSession` belongs to one call. The relay tells it what the caller's line carries and what to bring to the caller;
it tells its `Listener` what it detected, understood and wants said. All calls happen on the event loop, return at once
and raise nothing; what takes time is the session's own task.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from audio.formats import Format
from opusagent.dialogue.v1.plan_pb2 import DialoguePlan, Style
from opusagent.fsa.v1.fsa_pb2 import Expectation, Tool


class BackendError(Exception):
    """No model session can be had now; trying again is worth it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do."""

    # Styles of dialogue that it can hold, the preferred first.
    styles: tuple[Style, ...]
    # Says given text word for word by itself, one output at a time; otherwise it is instructed, several at once.
    speaks_text: bool
    # Takes guidance that is not spoken.
    takes_steering: bool
    # Must be told how much of an interrupted item was heard.
    truncates: bool
    # Formats that it hears and speaks; None = any. The relay transcodes a call in another one to the first of these.
    formats: tuple[Format, ...] | None = None


class Manner(Enum):
    """How a text is to reach the caller."""

    # Word for word.
    EXACTLY = auto()
    # Its content, in words that fit the conversation.
    FREELY = auto()
    # Not at all: guidance.
    UNSPOKEN = auto()


@dataclass(frozen=True, slots=True)
class Part:
    """A text to bring into the dialogue."""

    text: str
    manner: Manner
    # The task it belongs to; empty when it belongs to none.
    task_id: str = ""
    # The caller's answer to it is awaited.
    question: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The caller's words; positions in milliseconds of caller media."""

    text: str
    started_ms: int
    ended_ms: int
    alternatives: tuple[str, ...] = ()
    # 0 to 1; 0 when the backend gives none.
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a function; `arguments_json` as the model wrote it, which need not be JSON."""

    function_call_id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn of the conversation so far."""

    by_caller: bool
    text: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What a model session is opened with."""

    call_id: str
    # Of the audio in both directions; one of the backend's own if it names any.
    format: Format
    plan: DialoguePlan
    # What the model may call at first.
    tools: Sequence[Tool]
    # The conversation so far, whenever the session has to be rebuilt.
    history: Callable[[], Sequence[PastTurn]]


class Listener(ABC):
    """What a model session reports to."""

    @abstractmethod
    def caller_started(self, started_ms: int) -> None:
        """The caller seems to speak."""

    @abstractmethod
    def caller_interrupts(self) -> None:
        """The caller has spoken long enough for the agent to stop. Not for every turn; after `caller_started`."""

    @abstractmethod
    def caller_stopped(self, ended_ms: int) -> None:
        """The caller's speech ended there; `caller_said` or `caller_unclear` follows."""

    @abstractmethod
    def caller_said(self, said: Said) -> None:
        """What the caller said in the turn that stopped."""

    @abstractmethod
    def caller_unclear(self) -> None:
        """The turn that stopped had no words: noise, or nothing that can be believed."""

    @abstractmethod
    def item_begun(self, item_id: str, delivery_id: str) -> None:
        """Speech with this item id carries a delivery; before its first audio."""

    @abstractmethod
    def item_audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        """Agent speech in the session's format, with the words known with it; `last` ends the item."""

    @abstractmethod
    def generated(self, delivery_id: str) -> None:
        """All speech of a delivery was made (or none will be); comes once for each, also after `silence`."""

    @abstractmethod
    def freed(self) -> None:
        """The session can take a delivery again."""

    @abstractmethod
    def tool_called(self, call: ToolCall) -> None:
        """The model calls a function; `ModelSession.answer_tool` answers."""

    @abstractmethod
    def failed(self, reason: str) -> None:
        """The session has ended and cannot be rebuilt."""


class ModelSession(ABC):
    """One call's conversation with a model."""

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether a delivery can be taken now."""

    @abstractmethod
    def hear(self, audio: bytes, media_ms: int) -> None:
        """Caller audio in the session's format; `media_ms`: position of its first sample. A jump: some was lost."""

    @abstractmethod
    def expect(self, expectation: Expectation) -> None:
        """What the caller was asked; helps recognition."""

    @abstractmethod
    def offer(self, tools: Sequence[Tool]) -> None:
        """What the model may call from now on. A session that calls no tools has no use for it."""

    @abstractmethod
    def deliver(self, delivery_id: str, parts: Sequence[Part]) -> None:
        """Bring this to the caller. Only while `free`."""

    @abstractmethod
    def silence(self) -> None:
        """Stop speaking: drop what is being made."""

    @abstractmethod
    def truncate(self, item_id: str, heard_ms: int) -> None:
        """An item was cut: the caller heard this much of it. Only for a backend that `truncates`."""

    @abstractmethod
    def answer_tool(self, function_call_id: str, output: str) -> None:
        """Answer a function call; the conversation goes on."""

    @abstractmethod
    async def close(self) -> None:
        """End it; idempotent. The listener hears nothing afterwards."""


class Backend(ABC):
    """One way to hold conversations, shared by all calls of a process."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it can do; constant."""

    @abstractmethod
    async def start(self) -> None:
        """Load what takes time, so that the first caller does not wait."""

    @abstractmethod
    async def stop(self) -> None:
        """Let go of everything; idempotent. All sessions are closed before."""

    @abstractmethod
    async def open(self, opening: Opening, listener: Listener) -> ModelSession:
        """Open a call's session. Raises BackendError."""
