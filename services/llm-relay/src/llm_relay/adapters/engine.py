"""What the relay asks of the engine: posted to its inbox, and posted again until the engine has it."""

from typing import Any

from prometheus_client import Counter

from chassis.bus import FSA_INBOX, Bus
from chassis.heads import Stamper
from chassis.ids import Clock
from chassis.logging import get_logger
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import Said
from opusagent.call.v1.call_pb2 import CallInfo, Route
from opusagent.fsa.v1.fsa_pb2 import Utterance
from opusagent.media.v1.inbox_pb2 import SENDER_ENGINE, FsaInbox, FsaItem

RESENT = Counter("opusagent_relay_engine_resends_total", "Events sent again because the engine had not accepted them")
UNANSWERED = Counter(
    "opusagent_relay_engine_unanswered_total", "Events given up because the engine never accepted them"
)

RESEND_MS = 500
"""The engine accepts within this (fsa.v1.Accepted)."""
ATTEMPTS = 12

_log = get_logger(__name__)


def utterance(said: Said) -> Utterance:
    """The caller's words as the engine takes them."""
    return Utterance(
        text=said.text,
        alternatives=said.alternatives,
        confidence=said.confidence,
        started_ms=said.started_ms,
        ended_ms=said.ended_ms,
    )


class EngineLink:
    """Of one call. An event is repeated under its own id every 500 ms until it is `settled`."""

    def __init__(
        self, bus: Bus, stamper: Stamper, timers: Timers, clock: Clock, *, call: CallInfo, route: Route
    ) -> None:
        self._bus = bus
        self._stamper = stamper
        self._timers = timers
        self._clock = clock
        self._call = call
        self.route = route
        self._open: dict[str, Cancel] = {}

    def post(self, event_id: str, **body: Any) -> None:
        """Send one event; `body` names one body of FsaItem. An event still open is not sent twice."""
        if event_id in self._open:
            return
        item = FsaItem(event_id=event_id, occurred_at_ms=self._clock(), session_id=self._call.session_id, **body)
        self._send(item, ATTEMPTS)

    def settled(self, event_id: str) -> None:
        """The engine has the event."""
        cancel = self._open.pop(event_id, None)
        if cancel is not None:
            cancel()

    def close(self) -> None:
        """The call is over: repeat nothing more."""
        for cancel in self._open.values():
            cancel()
        self._open.clear()

    def _send(self, item: FsaItem, attempts: int) -> None:
        call_id = self._call.call_id
        item.head.CopyFrom(self._stamper.head(call_id, self.route.relay_generation, SENDER_ENGINE))
        item.route.CopyFrom(self.route)
        self._bus.post(FSA_INBOX, self.route.engine_slot, FsaInbox(items=[item]).SerializeToString())
        self._open[item.event_id] = self._timers.at(
            self._timers.now_ms() + RESEND_MS, lambda: self._resend(item, attempts - 1)
        )

    def _resend(self, item: FsaItem, attempts: int) -> None:
        if attempts <= 0:
            del self._open[item.event_id]
            UNANSWERED.inc()
            _log.error("the engine does not accept an event", event_id=item.event_id, slot=self.route.engine_slot)
            return
        RESENT.inc()
        self._send(item, attempts)
