"""What the engine says to relay and gateway of a call."""

from dataclasses import dataclass
from typing import Any

from chassis import tracing
from chassis.bus import GATEWAY_INBOX, RELAY_INBOX, Bus
from chassis.heads import Stamper
from opusagent.call.v1.call_pb2 import Route
from opusagent.fsa.v1.fsa_pb2 import Accepted, Outputs, Privacy
from opusagent.media.v1.inbox_pb2 import (
    SENDER_ENGINE,
    SENDER_GATEWAY,
    SENDER_RELAY,
    GatewayInbox,
    GatewayItem,
    PlanReady,
    RelayInbox,
    RelayItem,
)


@dataclass(frozen=True)
class Line:
    """Relay and gateway of a live call: where answers go."""

    call_id: str
    relay_slot: int
    relay_generation: int
    gateway_slot: int = 0

    @staticmethod
    def of(call_id: str, route: Route) -> "Line":
        """Return the line of a call that is served so."""
        return Line(call_id, route.relay_slot, route.relay_generation, route.gateway_slot)


class LinePost:
    """Posts to relay and gateway inboxes. `generation` orders the engines of a call: the saved version a conversation
    was loaded at, plus one, so that whoever loaded last is heard and an engine that was replaced is not."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._stamper = Stamper(SENDER_ENGINE)

    def accepted(self, line: Line, generation: int, event_id: str) -> None:
        """Say that an event will be answered for."""
        self._to_relay(line, generation, accepted=Accepted(event_id=event_id))

    def outputs(self, line: Line, generation: int, outputs: Outputs) -> None:
        """Hand over what a step has to say."""
        self._to_relay(line, generation, outputs=outputs)

    def plan(self, line: Line, generation: int, plan: PlanReady) -> None:
        """Answer a plan request."""
        self._to_relay(line, generation, plan=plan)

    def privacy(self, line: Line, generation: int, *, on: bool) -> None:
        """Tell the gateway who hears the caller."""
        head = self._stamper.head(line.call_id, generation, SENDER_GATEWAY)
        inbox = GatewayInbox(items=[GatewayItem(head=head, privacy=Privacy(on=on))])
        self._bus.post(GATEWAY_INBOX, line.gateway_slot, inbox.SerializeToString(), tracing.inject())

    def forget(self, call_id: str) -> None:
        """Drop the counters of a call that is over."""
        self._stamper.forget(call_id)

    def _to_relay(self, line: Line, generation: int, **body: Any) -> None:
        head = self._stamper.head(line.call_id, generation, SENDER_RELAY)
        inbox = RelayInbox(items=[RelayItem(head=head, **body)])
        self._bus.post(RELAY_INBOX, line.relay_slot, inbox.SerializeToString(), tracing.inject())
