"""The agent: its manner, its tasks, its tools and its policies."""

import hashlib
from functools import cached_property
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import Field, field_validator, model_validator

from fsa_engine.domain.definition.base import Name, Part, Text
from fsa_engine.domain.definition.task import Task
from fsa_engine.domain.understanding.intents import IntentMatcher, LexicalMatcher
from fsa_engine.domain.understanding.meaning import NONE, NONE_OF_THESE


class Closing(Part):
    """How a conversation ends."""

    offer: Text = "Is there anything else I can help you with?"
    goodbye: Text = "Thank you for calling. Goodbye."


class ResumePolicy(Part):
    """How long unfinished business can be resumed. `identify`: the task that comes before any word of it is said."""

    ttl_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    identify: Name | None = None


class SmsText(Part):
    """What is texted when a call drops. `{requests}` and `{was}` stand for what was open."""

    on: Literal["unfinished", "lost_only", "never"] = "unfinished"
    text: Annotated[str, Field(max_length=480)] = ""


class Limits(Part):
    """How often is asked again, and after which silence."""

    no_match: Annotated[int, Field(ge=1, le=20)] = 3
    no_input: Annotated[int, Field(ge=1, le=20)] = 3
    no_input_ms: Annotated[int, Field(ge=0, le=120_000)] = 7000


class Escalation(Part):
    """The human behind the agent. `target`: tel: or sip: URI, empty = nobody."""

    target: Annotated[str, Field(pattern=r"^((tel|sips?):.+)?$")] = ""
    text: Text = "Let me put you through to a colleague."
    unavailable: Text = "I'm sorry, none of my colleagues can take your call right now."
    busy: Text = "I'm sorry, my colleagues are all on the telephone."
    no_answer: Text = "I'm sorry, nobody took the call."


class Knowledge(Part):
    """A plain fact, told to who asks for it in words like the examples; the task in hand goes on afterwards."""

    examples: Annotated[tuple[str, ...], Field(min_length=1)]
    answer: Text


class Fact(Part):
    """What may be known of the conversation: declared here, written by effects, states and tools.

    `ttl_minutes`: how long it holds. `confidence`: below which it counts as unknown. `remember`: kept for the caller's
    next calls, as long as `memory` says. `sensitive`: as of a slot.
    """

    type: Literal["text", "integer", "decimal", "date", "time", "yes_no"] = "text"
    description: str = ""
    ttl_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 366)] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 0
    remember: bool = False
    sensitive: bool = False


class Memory(Part):
    """What is kept of a caller from call to call: facts marked `remember` and how tasks came out, for so long."""

    retention_days: Annotated[float, Field(ge=0, le=3660)] = 0
    history: Annotated[int, Field(ge=0, le=100)] = 10


class Reasoning(Part):
    """The language model behind `reason` states. `keep`: whether what it thought stays in session and audit."""

    model: str = ""
    budget_ms: Annotated[int, Field(ge=50, le=60_000)] = 2000
    keep: bool = True


class Server(Part):
    """An MCP tool server: a command (stdio, run in the agent's folder) or a URL (streamable HTTP).

    `headers`: sent with every request; `${NAME}` in a value stands for the environment variable of that name, so that a
    token never stands in the file.
    """

    transport: Literal["stdio", "http"]
    command: tuple[str, ...] = ()
    url: str = ""
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")], Annotated[str, Field(max_length=2000)]] = (
        Field(default_factory=dict)
    )

    @model_validator(mode="after")
    def _reachable(self) -> "Server":
        if (self.transport == "stdio") != bool(self.command) or (self.transport == "http") != bool(self.url):
            raise ValueError("stdio needs `command`, http needs `url`, and neither the other's")
        if self.headers and self.transport != "http":
            raise ValueError("only http takes `headers`")
        return self


class Lookup(Part):
    """The tool that tells whether an uncertain write happened; arguments as in a state.

    `happened`: a CEL rule over the lookup's `result`, which then stands for the write's own result. A `key_argument` of
    the lookup tool gets the key of the write.
    """

    tool: Name
    arguments: dict[str, str] = Field(default_factory=dict)
    happened: str = "result.found"


class ToolRef(Part):
    """A tool of a server. A write tool says how an uncertain call is settled; `key_argument` carries the key."""

    server: Name
    tool: str = ""
    write: bool = False
    settle: Literal["idempotent_by_key", "lookup", "once"] | None = None
    key_argument: str = ""
    lookup: Lookup | None = None
    timeout_ms: Annotated[int, Field(ge=100, le=120_000)] = 5000


class Texts(Part):
    """What the conversation itself says; every one can be worded anew."""

    welcome_back: Text = "Welcome back! We were {tasks}. Would you like to continue or start over?"
    welcome_back_several: Text = "Welcome back! We were {tasks}. Which one would you like to go on with?"
    welcome_back_done: Text = "Welcome back!"
    continue_or_over: Text = "Would you like to continue, or start over?"
    which_to_continue: Text = "Which one would you like to go on with: {tasks}?"
    not_understood: Text = "Sorry, I didn't get that."
    silence: Text = "Are you still there?"
    still_working: Text = "I'm still working on that. One moment, please."
    change: Text = "All right. What would you like to change?"
    confirm_cancel: Text = "Shall I stop {tasks}?"
    cancelled: Text = "All right, I've stopped that."
    go_on: Text = "All right, let's go on."
    back_to: Text = "Now, back to {tasks}."
    choose: Text = "Would you like to {titles}?"
    what_else: Text = "What can I do for you?"
    too_many_retries: Text = "I'm sorry, I couldn't understand you well enough to finish this."
    silent_goodbye: Text = "I can't hear you, so I'll hang up now. Goodbye."
    say_yes_or_no: Text = "Please say yes or no."
    verify: Text = "I have {value}. Is that right?"
    echo: Text = "{value}."
    invalid: Text = "That number doesn't look right."
    key_it_in: Text = "Please key it in on your telephone."
    waits: Text = "I'll do that right after {tasks}."
    in_turn: Text = "Let's {titles}, one after the other."
    identify_first: Text = "Welcome back! Before we go on, I have to make sure that it is you."


class Agent(Part):
    """One voice agent, as written in its YAML file."""

    version: Literal[1]
    agent: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    name: Text
    language: str = "en-US"
    time_zone: str = "UTC"
    voice: str = ""
    style: Literal["directed", "dialogue"] = "directed"
    called_numbers: Annotated[tuple[str, ...], Field(min_length=1)]
    persona: str = ""
    vocabulary: tuple[str, ...] = ()
    greeting: Text
    help: Text
    closing: Closing = Closing()
    resume: ResumePolicy = ResumePolicy()
    sms: SmsText = SmsText()
    limits: Limits = Limits()
    escalation: Escalation = Escalation()
    texts: Texts = Texts()
    speech: Literal["free", "gated"] = "free"
    matching: Literal["lexical", "embedding"] = "embedding"
    none: tuple[str, ...] = ()
    intents: dict[Name, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default_factory=dict)
    knowledge: dict[Name, Knowledge] = Field(default_factory=dict)
    context: dict[Name, Fact] = Field(default_factory=dict)
    memory: Memory = Memory()
    reasoning: Reasoning = Reasoning()
    servers: dict[Name, Server] = Field(default_factory=dict)
    tools: dict[Name, ToolRef] = Field(default_factory=dict)
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {value!r}; use an IANA name such as Europe/Berlin") from error
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which dates and times are meant."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256 of the definition's canonical JSON, hexadecimal."""
        canonical = orjson.dumps(
            self.model_dump(mode="json", by_alias=True, exclude_defaults=True), option=orjson.OPT_SORT_KEYS
        )
        return hashlib.sha256(canonical).hexdigest()

    @cached_property
    def has_secrets(self) -> bool:
        """Whether anything in it is sensitive."""
        slots = any(slot.sensitive for task in self.tasks.values() for slot in task.slots.values())
        return slots or any(fact.sensitive for fact in self.context.values())

    @cached_property
    def secret_lengths(self) -> frozenset[tuple[int, int]]:
        """Shortest and longest rows of digits that could be sensitive values said in passing.

        Rows of less than four digits are in everything that people say.
        """
        slots = [slot for task in self.tasks.values() for slot in task.slots.values()]
        rows = [slot for slot in slots if slot.sensitive and slot.type in {"digits", "phone"} and slot.max_length > 3]
        return frozenset((max(4, slot.min_length), slot.max_length) for slot in rows)

    @cached_property
    def matcher(self) -> IntentMatcher:
        """Tells tasks apart by their example phrases."""
        return LexicalMatcher(self._labelled, self.none)

    @cached_property
    def phrases(self) -> dict[str, tuple[str, ...]]:
        """Everything that callers' meaning is compared with, by label: task names, "knowledge.NAME", "intent.NAME", and
        "none" for what is none of these: the agent's own, and what callers of any agent say, unless it is like
        something that this one does."""
        usual = tuple(text for text in NONE_OF_THESE if not self.matcher.match(text).certain)
        return {**self._labelled, NONE: (*self.none, *usual)}

    @cached_property
    def _labelled(self) -> dict[str, tuple[str, ...]]:
        found = {name: (task.title, *task.examples) for name, task in self.tasks.items() if not task.internal}
        found |= {f"knowledge.{name}": fact.examples for name, fact in self.knowledge.items()}
        found |= {f"intent.{name}": texts for name, texts in self.intents.items()}
        return found


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of an agent file."""
    return Agent.model_json_schema(by_alias=True)
