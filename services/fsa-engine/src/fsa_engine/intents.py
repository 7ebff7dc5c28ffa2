"""Carrying out intents: work that was saved before it is done.

An intent may be met by more than one process: by the one that saved it, and by whoever loads the session after that
one died. Every saved intent says who tries it and until when (`standing`), and every try but the first is settled by
the tool's own declaration (`settling`). Reasoning is never tried twice: the rules go on without it.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis import tracing
from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.sealing import SealError
from fsa_engine.adapters.mcp_tools import Failure, Outcome, ToolServer
from fsa_engine.adapters.reasoner import Question, Reasoner, Thinking
from fsa_engine.domain.events import HandedOver, ReasoningReturned, ToolProgressed, ToolReturned
from fsa_engine.domain.snapshot import Unseal
from fsa_engine.metrics import REASONING_SECONDS, REASONINGS, TOOL_CALLS, TOOL_SECONDS
from fsa_engine.settling import Attempt, Elsewhere, Journal, Settled
from fsa_engine.standing import Standing, limit_ms, marked, payload_of, standing
from fsa_engine.tool_call import ToolCall
from fsa_engine.vault import opened_payload
from opusagent.session.v1.session_pb2 import Intent

PROGRESS_FIRST_MS = 2500
"""After the call began: what is faster needs no word."""
PROGRESS_EVERY_MS = 6000

UNKNOWN = "unknown"
CANCELLED = "cancelled"
_log = get_logger(__name__)

Returned = ToolReturned | ReasoningReturned | HandedOver
"""What comes back of an intent, by its kind: tool, reason, handover."""

FindServer = Callable[[str], ToolServer]
"""Gives the tool server of a name, as the agent of the conversation defines it; KeyError when there is none."""


@dataclass(frozen=True)
class Work:
    """An open intent and what is needed to carry it out.

    `take_over` saves the intent as given and returns whether that succeeded (see `settling.TakeOver`). `serves`:
    whether an agent of a name takes over conversations. `report` hears of progress. `unseal` opens what is sensitive.
    """

    session_id: str
    call_id: str
    intent: Intent
    find_server: FindServer
    take_over: Callable[[Intent], Awaitable[bool]]
    serves: Callable[[str], bool]
    report: Callable[[ToolProgressed], None]
    unseal: Unseal

    def payload(self) -> Mapping[str, Any]:
        """Return what the intent is about, with nothing sealed. Raises ValueError, SealError."""
        return opened_payload(payload_of(self.intent), self.unseal)


class IntentRunner:
    """Carries out intents and says what came of them.

    `grace_ms`: how long after its time limit a try is certainly over; allows for clocks that differ.
    """

    def __init__(self, facts_log: FactLog, clock: Clock, reasoner: Reasoner, grace_ms: int = 2000) -> None:
        self.process = secrets.token_hex(8)
        self._reasoner = reasoner
        self._facts = facts_log
        self._clock = clock
        self._grace_ms = grace_ms
        self._tried: set[tuple[str, str]] = set()

    def mark(self, intent: Intent, number: int = 1) -> Intent:
        """Return an intent as it is saved: this process makes the try."""
        until = self._clock() + limit_ms(payload_of(intent)) + self._grace_ms
        return marked(intent, Standing(self.process, until, number))

    def owns(self, intent: Intent) -> bool:
        """Whether the latest try of an intent is this process's."""
        return standing(intent).process == self.process

    def left_seconds(self, intent: Intent) -> float:
        """Return how long the latest try may still go on."""
        return max(0.0, (standing(intent).until_ms - self._clock()) / 1000)

    def settled(self, session_id: str, intent_id: str) -> None:
        """Take note that a result was saved."""
        self._tried.discard((session_id, intent_id))

    async def run(self, work: Work) -> Returned:
        """Carry out one intent and return its result as an event.

        Never raises for what a tool or a model does. Raises Elsewhere when another process carries it out.
        """
        if work.intent.kind == "handover":
            return self._hand_over(work)
        kind = "reason" if work.intent.kind == "reason" else "tool"
        with tracing.span(f"fsa {kind}"):
            return await (self._reason(work) if kind == "reason" else self._call_tool(work))

    def abandoned(self, intent: Intent) -> Returned:
        """Return the result of an intent that nobody waits for any more."""
        who = self._who(intent.intent_id)
        if intent.kind == "reason":
            return ReasoningReturned(**who, ok=False, error=CANCELLED)
        return ToolReturned(**who, ok=False, error=CANCELLED)

    async def _reason(self, work: Work) -> ReasoningReturned:
        try:
            payload = work.payload()
            thinking = Thinking(problem="late")
            if self._begin(work):
                started = time.perf_counter()
                thinking = await self._reasoner.think(_question(payload))
                REASONING_SECONDS.observe(time.perf_counter() - started)
        except Exception:
            _log.exception("an intent cannot be carried out", intent_id=work.intent.intent_id)
            thinking = Thinking(problem="malformed")
        REASONINGS.labels(thinking.problem or "ok").inc()
        return ReasoningReturned(
            **self._who(work.intent.intent_id),
            ok=not thinking.problem,
            proposal=thinking.proposal,
            thoughts=thinking.thoughts,
            error=thinking.problem,
        )

    def _hand_over(self, work: Work) -> HandedOver:
        """Hand over to another agent, if it is served; harmless to do again."""
        who = self._who(work.intent.intent_id)
        try:
            payload = work.payload()
        except SealError as error:
            return HandedOver(**who, ok=False, error=str(error))
        name = str(payload.get("agent", ""))
        return HandedOver(
            **who,
            ok=work.serves(name),
            from_agent=str(payload.get("from_agent", "")),
            task=str(payload.get("task", "")),
            context=payload.get("context") or {},
            error="" if work.serves(name) else f"agent {name!r} is not served",
        )

    async def _call_tool(self, work: Work) -> ToolReturned:
        intent_id = work.intent.intent_id
        nothing_done = False
        try:
            fresh = nothing_done = self._begin(work)
            attempt = self._attempt(work)
            nothing_done = False
            return self._tool_event(intent_id, await self._run(work, attempt, fresh=fresh))
        except Elsewhere:
            raise
        except Exception:
            _log.exception("an intent cannot be carried out", intent_id=intent_id)
            unavailable = Settled(Outcome(failure=Failure.UNAVAILABLE), unknown=not nothing_done)
            return self._tool_event(intent_id, unavailable)

    def _begin(self, work: Work) -> bool:
        """Return whether nobody has tried the intent yet: it is new, and this process's."""
        key = (work.session_id, work.intent.intent_id)
        fresh = standing(work.intent).process == self.process and key not in self._tried
        self._tried.add(key)
        return fresh

    async def _run(self, work: Work, attempt: Attempt, *, fresh: bool) -> Settled:
        started = time.perf_counter()
        late = self._clock() > standing(work.intent).until_ms - limit_ms(payload_of(work.intent))
        if fresh and late and not await attempt.take_over():
            raise Elsewhere
        settled = await (attempt.perform() if fresh else attempt.settle(Outcome(failure=Failure.LOST)))
        tool = attempt.call.tool
        TOOL_SECONDS.labels(tool).observe(time.perf_counter() - started)
        TOOL_CALLS.labels(tool, UNKNOWN if settled.unknown else settled.outcome.failure or "ok").inc()
        attempt.journal.returned(settled.outcome)
        return settled

    def _tool_event(self, intent_id: str, settled: Settled) -> ToolReturned:
        value = settled.outcome.value
        return ToolReturned(
            **self._who(intent_id),
            ok=settled.outcome.failure is None,
            result=value if isinstance(value, dict) else {} if value is None else {"result": value},
            error=UNKNOWN if settled.unknown else str(settled.outcome.failure or ""),
            unknown=settled.unknown,
        )

    def _who(self, intent_id: str) -> dict[str, Any]:
        return {"event_id": f"{intent_id}/result", "at_ms": self._clock(), "intent_id": intent_id}

    def _attempt(self, work: Work) -> Attempt:
        call = ToolCall.of(work.intent.intent_id, work.payload())
        number = standing(work.intent).number

        async def take_over() -> bool:
            nonlocal number
            number += 1
            return await work.take_over(self.mark(work.intent, number))

        return Attempt(
            call=call,
            server=work.find_server(call.server),
            witness=work.find_server(call.lookup.server) if call.lookup else None,
            journal=Journal(self._facts, work.session_id, work.call_id, call),
            take_over=take_over,
            clock=self._clock,
            over_ms=standing(work.intent).until_ms,
            progressed=self._progress(work),
        )

    def _progress(self, work: Work) -> Callable[[], None]:
        """Report progress, but neither at once nor all the time."""
        due, told = self._clock() + PROGRESS_FIRST_MS, 0

        def progressed() -> None:
            nonlocal due, told
            now = self._clock()
            if now >= due:
                due, told = now + PROGRESS_EVERY_MS, told + 1
                intent_id = work.intent.intent_id
                work.report(ToolProgressed(event_id=f"{intent_id}/progress{told}", at_ms=now, intent_id=intent_id))

        return progressed


def _question(payload: Mapping[str, Any]) -> Question:
    return Question(
        instructions=str(payload.get("instructions", "")),
        data=payload.get("context") or {},
        schema=payload["schema"],
        seconds=limit_ms(payload) / 1000,
        model=str(payload.get("model", "")),
    )
