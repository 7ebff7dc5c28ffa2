"""What the notifier does about records of notify-outbox; the table at the bottom says which commands it knows."""

from chassis import unknown
from chassis.bus import Record
from notifier.dispatcher import Dispatcher
from opusagent.notify.v1.notify_pb2 import NotifyCommand


async def handle(record: Record, dispatcher: Dispatcher) -> None:
    """Take in one record; what is not a command that we know is counted and passed over."""
    command = unknown.parse(NotifyCommand, record.value, "notifier")
    if command is None:
        return
    if command.WhichOneof("command") not in KNOWN or not command.command_id:
        unknown.UNKNOWN.labels("notifier", "NotifyCommand").inc()
        return
    await dispatcher.take(command)


KNOWN = frozenset({"send_sms", "place_call"})
