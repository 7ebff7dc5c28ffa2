"""How commands ended, onto the log: facts for everybody, dead letters for the operator."""

from chassis.bus import NOTIFY_DEAD_LETTERS, Bus, BusError
from chassis.facts import FactLog
from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from notifier import metrics
from opusagent.events.v1 import events_pb2 as events
from opusagent.notify.v1.notify_pb2 import DeadLetter, NotifyCommand

_log = get_logger(__name__)


class OutcomesLog:
    """Records each outcome until it is durable. Ids derive from the command's: recording twice is harmless."""

    def __init__(self, bus: Bus, clock: Clock, sleep: Sleep) -> None:
        self._bus = bus
        self._facts = FactLog(bus, "notifier", clock)
        self._clock = clock
        self._sleep = sleep

    async def done(self, command: NotifyCommand, provider_id: str) -> None:
        """A command was carried out; the provider calls the result so."""
        command_id = command.command_id
        if _is_sms(command):
            await self._record(
                command, "sent", sms_sent=events.SmsSent(command_id=command_id, provider_message_id=provider_id)
            )
        else:
            await self._record(
                command, "placed", call_placed=events.CallPlaced(command_id=command_id, provider_call_id=provider_id)
            )
        self._count(command, "done")

    async def failed(self, command: NotifyCommand, reason: str, detail: str, attempts: int) -> None:
        """A command was not carried out, or nobody can tell."""
        letter = DeadLetter(command=command, reason=reason, detail=detail, attempts=attempts, died_at_ms=self._clock())
        await self._until_durable(NOTIFY_DEAD_LETTERS, command.session_id, letter.SerializeToString())
        command_id = command.command_id
        if _is_sms(command):
            await self._record(
                command, "failed", sms_failed=events.SmsFailed(command_id=command_id, reason=reason, detail=detail)
            )
        else:
            await self._record(
                command, "not-placed", call_not_placed=events.CallNotPlaced(command_id=command_id, reason=reason)
            )
        _log.warning("a command was not carried out", command_id=command_id, reason=reason, detail=detail)
        self._count(command, reason)

    async def _record(self, command: NotifyCommand, what: str, **fact: object) -> None:
        backoff = Backoff(sleep=self._sleep)
        while True:
            try:
                await self._facts.record(
                    command.session_id, command.call_id, event_id=f"{command.command_id}/{what}", **fact
                )
            except BusError as error:
                _log.warning("an outcome cannot be recorded yet", error=str(error))
                await backoff.wait()
            else:
                return

    async def _until_durable(self, topic: str, key: str, value: bytes) -> None:
        backoff = Backoff(sleep=self._sleep)
        while True:
            try:
                await self._bus.append(topic, key, value)
            except BusError as error:
                _log.warning("a dead letter cannot be kept yet", error=str(error))
                await backoff.wait()
            else:
                return

    def _count(self, command: NotifyCommand, outcome: str) -> None:
        kind = "sms" if _is_sms(command) else "call"
        metrics.COMMANDS.labels(kind, outcome).inc()
        metrics.SECONDS.labels(kind).observe(max(self._clock() - command.requested_at_ms, 0) / 1000)


def _is_sms(command: NotifyCommand) -> bool:
    return command.HasField("send_sms")
