"""What the relay asks of the engine: posted to its inbox, and posted again until it is answered."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from prometheus_client import Counter

from chassis import tracing
from chassis.bus import FSA_INBOX, Bus, Headers
from chassis.heads import Stamper
from chassis.ids import Clock
from chassis.logging import get_logger
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import Said
from opusagent.call.v1.call_pb2 import CallInfo, Route
from opusagent.fsa.v1.fsa_pb2 import TurnBegin, Utterance
from opusagent.media.v1.inbox_pb2 import SENDER_ENGINE, FsaInbox, FsaItem

RESENT = Counter("opusagent_relay_engine_resends_total", "Events sent again because the engine had not accepted them")
UNANSWERED = Counter(
    "opusagent_relay_engine_unanswered_total", "Events given up because the engine never accepted them"
)

RESEND_MS = 500
"""The engine accepts within this (fsa.v1.Accepted)."""
ANSWER_MS = 3000
"""After that it answers within this, or the answer was lost."""
IMPATIENCE = 12
"""Repetitions after which an event is said in the log to be unanswered, and repeated less often."""

_log = get_logger(__name__)


def utterance(said: Said, begin: TurnBegin) -> Utterance:
    """The caller's words as the engine takes them."""
    return Utterance(
        begin=begin,
        text=said.text,
        alternatives=said.alternatives,
        confidence=said.confidence,
        started_ms=said.started_ms,
        ended_ms=said.ended_ms,
    )


class EngineLink:
    """Of one call.

    An event is repeated under its own id until it is answered, for as long as the call lives: often until the engine
    says that it has it, now and then afterwards, since the answer may be lost and saved outputs come again unchanged.
    """

    def __init__(
        self,
        bus: Bus,
        stamper: Stamper,
        timers: Timers,
        clock: Clock,
        *,
        call: CallInfo,
        route: Route,
        trace: Context | None = None,
    ) -> None:
        """`trace`: the call's, which its events carry."""
        self._bus = bus
        self._trace = trace
        self._stamper = stamper
        self._timers = timers
        self._clock = clock
        self._call = call
        self.route = route
        self._open: dict[str, _Event] = {}

    def post(self, event_id: str, **body: Any) -> None:
        """Send one event; `body` names one body of FsaItem. An event still open is not sent twice."""
        if event_id in self._open:
            return
        item = FsaItem(event_id=event_id, occurred_at_ms=self._clock(), session_id=self._call.session_id, **body)
        with tracing.child(f"relay {next(iter(body))}", self._trace, SpanKind.PRODUCER):
            event = self._open[event_id] = _Event(item, tracing.inject())
            self._send(event)

    def moment(self, ago_ms: int) -> int:
        """Unix milliseconds so long ago."""
        return self._clock() - ago_ms

    def accepted(self, event_id: str) -> None:
        """The engine has the event and will answer it."""
        event = self._open.get(event_id)
        if event is not None:
            event.wait_ms = ANSWER_MS
            self._wait(event)

    def answered(self, event_id: str) -> None:
        """The engine's answer is there."""
        event = self._open.pop(event_id, None)
        if event is not None:
            event.cancel()

    def close(self) -> None:
        """The call is over: repeat nothing more."""
        for event in self._open.values():
            event.cancel()
        self._open.clear()

    def _send(self, event: "_Event") -> None:
        item = event.item
        item.head.CopyFrom(self._stamper.head(self._call.call_id, self.route.relay_generation, SENDER_ENGINE))
        item.route.CopyFrom(self.route)
        self._bus.post(FSA_INBOX, self.route.engine_slot, FsaInbox(items=[item]).SerializeToString(), event.headers)
        self._wait(event)

    def _wait(self, event: "_Event") -> None:
        event.cancel()
        event.cancel = self._timers.at(self._timers.now_ms() + event.wait_ms, lambda: self._resend(event))

    def _resend(self, event: "_Event") -> None:
        RESENT.inc()
        event.resent += 1
        if event.resent == IMPATIENCE:
            event.wait_ms = ANSWER_MS
            UNANSWERED.inc()
            _log.error("the engine does not answer an event", event_id=event.item.event_id, slot=self.route.engine_slot)
        self._send(event)


@dataclass(slots=True)
class _Event:
    item: FsaItem
    headers: Headers = ()
    wait_ms: int = RESEND_MS
    resent: int = 0
    cancel: Cancel = lambda: None
