"""How one tool call is carried out to a certain end, whatever happens on the way.

A call that gave no result may have taken effect all the same: it timed out, its connection broke, or the process that
made it died. What then may be done, the definition says of the tool:

    reading            call again
    idempotent_by_key  call again under the same key; the tool answers what it answered first
    lookup             another tool tells; "no" counts only once the try is certainly over, and then the call is made
                       again, taken over by a save that one process alone can make
    once               nothing: the result is unknown

Without a certain answer the result is "unknown", and the definition's `unknown` edge is taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from opentelemetry.trace import SpanKind

from chassis import tracing
from chassis.facts import FactLog
from chassis.ids import Clock
from fsa_engine.adapters.mcp_tools import Failure, Outcome, ToolServer
from fsa_engine.tool_call import ToolCall, shown_arguments, shown_result
from fsa_engine.wire import canonical
from opusagent.events.v1 import events_pb2 as facts

ATTEMPTS = 2
"""How often one process makes a call that may be repeated."""

LOOKUPS = 2
"""How often in a row a lookup tool may fail to answer."""

FACT_RESULT_BYTES = 4096
"""Bound of events.v1.ToolReturned.result_json."""

TakeOver = Callable[[], Awaitable[bool]]
"""Takes the next try by a save; False: another process has the intent, or its result."""


class Elsewhere(Exception):
    """Another process took the intent over."""


@dataclass(frozen=True)
class Settled:
    """What a call came to; `unknown`: nobody can tell whether it took effect."""

    outcome: Outcome
    unknown: bool = False


@dataclass
class Journal:
    """The facts of one intent on the log, with sensitive values masked."""

    log: FactLog
    session_id: str
    call_id: str
    call: ToolCall
    attempt: int = 0

    def called(self) -> None:
        """Record that the tool is called."""
        self.attempt += 1
        arguments = canonical(shown_arguments(self.call))
        called = facts.ToolCalled(
            tool=self.call.tool, intent_id=self.call.intent_id, arguments_json=arguments, attempt=self.attempt
        )
        self.log.record_soon(self.session_id, self.call_id, tool_called=called)

    def returned(self, outcome: Outcome) -> None:
        """Record what came of it, its size bounded."""
        shown = {"error": str(outcome.failure)} if outcome.failure else shown_result(self.call, outcome.value)
        text = canonical(shown)
        size = len(text.encode())
        returned = facts.ToolReturned(
            tool=self.call.tool,
            intent_id=self.call.intent_id,
            ok=outcome.failure is None,
            result_json=text if size <= FACT_RESULT_BYTES else canonical({"omitted_bytes": size}),
        )
        self.log.record_soon(self.session_id, self.call_id, f"{self.call.intent_id}/returned", tool_returned=returned)


@dataclass
class Attempt:
    """One intent in the hands of this process. `over_ms`: Unix milliseconds by which the latest try is over."""

    call: ToolCall
    server: ToolServer
    witness: ToolServer | None
    journal: Journal
    take_over: TakeOver
    clock: Clock
    over_ms: int
    progressed: Callable[[], None]
    made: int = 0

    async def perform(self) -> Settled:
        """Make the call for the first time. Raises Elsewhere."""
        outcome = await self._call()
        if outcome.failure is None or not outcome.failure.uncertain:
            return Settled(outcome)
        return await self.settle(outcome)

    async def settle(self, uncertain: Outcome) -> Settled:
        """Go on after a try that may or may not have taken effect. Raises Elsewhere."""
        if not self.call.write:
            return await self._read_again(uncertain)
        if self.call.settle == "idempotent_by_key":
            return await self._by_key(uncertain)
        if self.call.lookup is not None:
            return await self._by_lookup(uncertain)
        return Settled(uncertain, unknown=True)

    async def _read_again(self, outcome: Outcome) -> Settled:
        while outcome.failure is Failure.LOST and self.made < ATTEMPTS:
            outcome = await self._call()
        return Settled(outcome)

    async def _by_key(self, outcome: Outcome) -> Settled:
        while outcome.failure in (Failure.LOST, Failure.TIMEOUT) and self.made < ATTEMPTS:
            await self.server.reachable()
            outcome = await self._call()
        answered = outcome.failure in (None, Failure.REFUSED)
        return Settled(outcome, unknown=not answered)

    async def _by_lookup(self, uncertain: Outcome) -> Settled:
        while True:
            happened, found = await self._look_up()
            if happened is None:
                return Settled(uncertain, unknown=True)
            if happened:
                return Settled(found)
            if await self._wait_until_over():
                continue
            if self.made >= ATTEMPTS:
                return Settled(uncertain)
            await self.server.reachable()
            if not await self.take_over():
                raise Elsewhere
            self.over_ms = self.clock() + int(self.call.seconds * 1000)
            uncertain = await self._call()
            if uncertain.failure is None or not uncertain.failure.uncertain:
                return Settled(uncertain)

    async def _look_up(self) -> tuple[bool | None, Outcome]:
        """Ask the lookup tool; None: it cannot tell."""
        assert self.call.lookup is not None
        assert self.witness is not None
        lookup = self.call.lookup
        answer = Outcome(failure=Failure.UNAVAILABLE)
        for _ in range(LOOKUPS):
            await self.witness.reachable()
            key = f"{self.call.intent_id}/lookup"
            answer = await self.witness.call(lookup.tool, lookup.arguments, key, lookup.seconds)
            if answer.failure is None:
                now = datetime.fromtimestamp(self.clock() / 1000, UTC).replace(tzinfo=None)
                return lookup.tells(answer.value, now), answer
        return None, answer

    async def _wait_until_over(self) -> bool:
        """Wait until no try can still take effect; return whether that took any time."""
        wait = (self.over_ms - self.clock()) / 1000
        self.over_ms = 0
        if wait > 0:
            await asyncio.sleep(wait)
        return wait > 0

    async def _call(self) -> Outcome:
        self.made += 1
        self.journal.called()
        call = self.call
        with tracing.span(f"tool {call.tool}", kind=SpanKind.CLIENT):
            outcome = await self.server.call(call.tool, call.arguments, call.intent_id, call.seconds, self.progressed)
        if outcome.failure is Failure.LOST and self.server.ends_with_connection and self.witness is self.server:
            self.over_ms = 0
        return outcome
