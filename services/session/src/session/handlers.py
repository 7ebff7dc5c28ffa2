"""What session does about facts on the log; the table at the bottom says which."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chassis import tracing, unknown
from chassis.bus import Record
from chassis.logging import bound
from opusagent.events.v1.events_pb2 import CallEvent
from session import metrics
from session.calls import Calls
from session.continuity import Continuity

OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Ports:
    """What handlers act through."""

    calls: Calls
    continuity: Continuity


async def handle(record: Record, ports: Ports) -> None:
    """Take in one record of call-events; raises StoreError to have it delivered again."""
    event = unknown.parse(CallEvent, record.value, "session")
    fact = unknown.fact(event, "session") if event is not None else None
    handler = _FACTS.get(fact or "")
    if event is None or handler is None:
        return
    about = {"session_id": event.session_id, "call_id": event.call_id}
    trace = tracing.extract(record.headers) or tracing.from_field(event.traceparent)
    with bound(**about), tracing.child(f"session {fact}", trace, about=about):
        await handler(event, ports)
    metrics.EVENTS.labels(fact).inc()


async def _call_ended(event: CallEvent, ports: Ports) -> None:
    ended = event.call_ended
    await ports.calls.ended(event.session_id, event.call_id, ended.reason, event.occurred_at_ms)


async def _sms_received(event: CallEvent, ports: Ports) -> None:
    received = event.sms_received
    await ports.continuity.message(received, received.provider_message_id or event.event_id)


async def _sms_sent(event: CallEvent, ports: Ports) -> None:
    await ports.continuity.settled(event.session_id, event.sms_sent.command_id)


async def _call_placed(event: CallEvent, ports: Ports) -> None:
    await ports.continuity.settled(event.session_id, event.call_placed.command_id)


async def _sms_failed(event: CallEvent, ports: Ports) -> None:
    await ports.continuity.settled(event.session_id, event.sms_failed.command_id)
    if event.sms_failed.reason == OPTED_OUT:
        await ports.continuity.refused_by_recipient(event.session_id)


async def _call_not_placed(event: CallEvent, ports: Ports) -> None:
    await ports.continuity.settled(event.session_id, event.call_not_placed.command_id, dial_over=True)


_FACTS: dict[str, Callable[[CallEvent, Ports], Awaitable[None]]] = {
    "call_ended": _call_ended,
    "sms_received": _sms_received,
    "sms_sent": _sms_sent,
    "call_placed": _call_placed,
    "sms_failed": _sms_failed,
    "call_not_placed": _call_not_placed,
}
