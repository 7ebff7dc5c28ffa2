"""What the engine says to the relay of a call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chassis import tracing
from chassis.bus import RELAY_INBOX, Bus
from chassis.heads import Stamper
from opusagent.fsa.v1.fsa_pb2 import Accepted, Output, Outputs
from opusagent.media.v1.inbox_pb2 import SENDER_ENGINE, SENDER_RELAY, PlanReady, RelayInbox, RelayItem


@dataclass(frozen=True)
class Line:
    """The relay of a live call: where answers go."""

    call_id: str
    relay_slot: int
    relay_generation: int


class RelayPost:
    """Posts to relay inboxes. `generation` orders the engines of a call: the saved version a conversation was loaded
    at, plus one, so that whoever loaded last is heard and an engine that was replaced is not."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._stamper = Stamper(SENDER_ENGINE)

    def accepted(self, line: Line, generation: int, event_id: str) -> None:
        """Say that an event will be answered for."""
        self._post(line, generation, accepted=Accepted(event_id=event_id))

    def outputs(self, line: Line, generation: int, event_id: str, outputs: Sequence[Output]) -> None:
        """Hand over what a step has to say."""
        self._post(line, generation, outputs=Outputs(event_id=event_id, outputs=outputs))

    def plan(self, line: Line, generation: int, plan: PlanReady) -> None:
        """Answer a plan request."""
        self._post(line, generation, plan=plan)

    def forget(self, call_id: str) -> None:
        """Drop the counters of a call that is over."""
        self._stamper.forget(call_id)

    def _post(self, line: Line, generation: int, **body: Any) -> None:
        head = self._stamper.head(line.call_id, generation, SENDER_RELAY)
        inbox = RelayInbox(items=[RelayItem(head=head, **body)])
        self._bus.post(RELAY_INBOX, line.relay_slot, inbox.SerializeToString(), tracing.inject())
