"""Carrying out intents: tool calls that were saved before they are made.

An intent may be tried by more than one engine: by the one that saved it, and by whoever loads the session after that
one died. So every try goes by the tool's declaration. A reading tool, and a writing one that is `idempotent_by_key`,
may be called again; a writing one of another kind is called at most once, and when nobody can tell what became of that
call, its result is "unknown" (after asking the `lookup` tool, where the definition names one).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import get_logger
from fsa_engine.adapters.mcp_tools import Failure, Outcome, ToolServer
from fsa_engine.domain.events import ToolReturned
from fsa_engine.metrics import TOOL_CALLS, TOOL_SECONDS
from fsa_engine.wire import canonical
from opusagent.events.v1 import events_pb2 as facts
from opusagent.session.v1.session_pb2 import Intent

ATTEMPTS = 2
"""How often a call that may be repeated is made, when the first try is lost or times out."""

DEFAULT_TIMEOUT_MS = 5000
FACT_RESULT_BYTES = 4096
"""Bound of events.v1.ToolReturned.result_json."""

MASK = "***"
UNKNOWN = "unknown"
_log = get_logger(__name__)

FindServer = Callable[[str], ToolServer]
"""Gives the tool server of a name, as the agent of the conversation defines it; KeyError when there is none."""


@dataclass(frozen=True)
class ToolCall:
    """The payload of an intent of kind "tool" (see `fsa_engine.domain.outputs.Intent`)."""

    intent_id: str
    server: str
    tool: str
    arguments: Mapping[str, Any]
    write: bool
    settle: str
    lookup: Mapping[str, Any] | None
    seconds: float
    sensitive: frozenset[str]

    @staticmethod
    def of(intent: Intent) -> "ToolCall":
        """Decode an intent."""
        payload = orjson.loads(intent.payload_json)
        return ToolCall(
            intent_id=intent.intent_id,
            server=payload["server"],
            tool=payload["tool"],
            arguments=payload.get("arguments") or {},
            write=bool(payload.get("write")),
            settle=payload.get("settle") or "",
            lookup=payload.get("lookup") or None,
            seconds=(payload.get("timeout_ms") or DEFAULT_TIMEOUT_MS) / 1000,
            sensitive=frozenset(payload.get("sensitive") or ()),
        )

    @property
    def repeatable(self) -> bool:
        """Whether calling it again can do no harm."""
        return not self.write or self.settle == "idempotent_by_key"


class IntentRunner:
    """Carries out intents and says what came of them."""

    def __init__(self, facts_log: FactLog, clock: Clock) -> None:
        self._facts = facts_log
        self._clock = clock

    async def run(
        self, find_server: FindServer, session_id: str, call_id: str, intent: Intent, *, recovered: bool
    ) -> ToolReturned:
        """Carry out one intent and return its result as an event.

        `recovered`: it was saved by an earlier life of the conversation, which may have tried it. Never raises for what
        a tool does.
        """
        try:
            return await self._run(find_server, session_id, call_id, intent, recovered=recovered)
        except Exception:
            _log.exception("an intent cannot be carried out", intent_id=intent.intent_id)
            return self._event(intent.intent_id, Outcome(failure=Failure.UNAVAILABLE), unknown=recovered)

    async def _run(
        self, find_server: FindServer, session_id: str, call_id: str, intent: Intent, *, recovered: bool
    ) -> ToolReturned:
        call = ToolCall.of(intent)
        server = find_server(call.server)
        witness = find_server(call.lookup["server"]) if call.lookup else server
        attempt = _Attempt(self._facts, session_id, call_id, call, server, witness)
        started = time.perf_counter()
        outcome, unknown = await (attempt.settle() if recovered else attempt.perform())
        TOOL_SECONDS.labels(call.tool).observe(time.perf_counter() - started)
        TOOL_CALLS.labels(call.tool, UNKNOWN if unknown else outcome.failure or "ok").inc()
        attempt.record_return(outcome)
        return self._event(intent.intent_id, outcome, unknown=unknown)

    def _event(self, intent_id: str, outcome: Outcome, *, unknown: bool) -> ToolReturned:
        value = outcome.value
        result = value if isinstance(value, dict) else {} if value is None else {"result": value}
        return ToolReturned(
            event_id=f"{intent_id}/result",
            at_ms=self._clock(),
            intent_id=intent_id,
            ok=outcome.failure is None,
            result=result,
            error=UNKNOWN if unknown else str(outcome.failure or ""),
            unknown=unknown,
        )


@dataclass
class _Attempt:
    """One intent in the hands of this process."""

    facts: FactLog
    session_id: str
    call_id: str
    call: ToolCall
    server: ToolServer
    witness: ToolServer
    made: int = 0

    async def perform(self) -> tuple[Outcome, bool]:
        """Call the tool; return what came of it and whether that is unknown."""
        outcome = await self._call()
        while self._worth_repeating(outcome):
            outcome = await self._call()
        uncertain = outcome.failure is not None and outcome.failure.uncertain
        if uncertain and self.call.write and self.call.lookup:
            return await self._look_up(outcome)
        return outcome, uncertain and self.call.write

    async def settle(self) -> tuple[Outcome, bool]:
        """Find out about a call that may have been made by an earlier life of the conversation."""
        if self.call.repeatable:
            return await self.perform()
        if self.call.lookup:
            return await self._look_up(Outcome(failure=Failure.LOST))
        return Outcome(failure=Failure.LOST), True

    def _worth_repeating(self, outcome: Outcome) -> bool:
        if outcome.failure is None or not self.call.repeatable or self.made >= ATTEMPTS:
            return False
        return outcome.failure is Failure.LOST or (outcome.failure is Failure.TIMEOUT and self.call.write)

    async def _call(self) -> Outcome:
        self.made += 1
        self.facts.record_soon(
            self.session_id,
            self.call_id,
            tool_called=facts.ToolCalled(
                tool=self.call.tool,
                intent_id=self.call.intent_id,
                arguments_json=canonical(masked(self.call.arguments, self.call.sensitive)),
                attempt=self.made,
            ),
        )
        return await self.server.call(self.call.tool, self.call.arguments, self.call.intent_id, self.call.seconds)

    async def _look_up(self, uncertain: Outcome) -> tuple[Outcome, bool]:
        """Ask the lookup tool whether the call took effect: its result says so by a true `found`."""
        lookup = self.call.lookup or {}
        arguments = lookup.get("arguments") or {}
        answer = await self.witness.call(lookup["tool"], arguments, f"{self.call.intent_id}/lookup", self.call.seconds)
        if answer.failure is None and isinstance(answer.value, dict) and answer.value.get("found") is True:
            return answer, False
        return uncertain, True

    def record_return(self, outcome: Outcome) -> None:
        """Record the fact, with sensitive values masked and its size bounded."""
        shown = {"error": str(outcome.failure)} if outcome.failure else masked(outcome.value, self.call.sensitive)
        text = canonical(shown)
        size = len(text.encode())
        self.facts.record_soon(
            self.session_id,
            self.call_id,
            f"{self.call.intent_id}/returned",
            tool_returned=facts.ToolReturned(
                tool=self.call.tool,
                intent_id=self.call.intent_id,
                ok=outcome.failure is None,
                result_json=text if size <= FACT_RESULT_BYTES else canonical({"omitted_bytes": size}),
            ),
        )


def masked(value: Any, sensitive: frozenset[str]) -> Any:
    """Return JSON with the values of all keys named in `sensitive` replaced, at any depth."""
    if isinstance(value, Mapping):
        return {key: MASK if key in sensitive else masked(item, sensitive) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, sensitive) for item in value]
    return value
