"""Facts onto the durable log: topic call-events, keyed by session."""

import asyncio
from collections import deque
from typing import Any

from prometheus_client import Counter

from chassis import tracing
from chassis.bus import CALL_EVENTS, Bus, BusError, Headers
from chassis.ids import Clock, new_id, now_ms
from chassis.logging import get_logger
from chassis.retry import Backoff
from opusagent.events.v1.events_pb2 import CallEvent

RETRIES = Counter(
    "opusagent_fact_retries_total", "Attempts to record a fact that failed and were repeated", ["service"]
)

_log = get_logger(__name__)
_Pending = tuple[bytes, Headers]


class FactLog:
    """Records what happened. `source` names the recording service."""

    def __init__(self, bus: Bus, source: str, clock: Clock = now_ms) -> None:
        self._bus = bus
        self._source = source
        self._clock = clock
        self._pending: dict[str, deque[_Pending]] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def record(self, session_id: str, call_id: str, event_id: str | None = None, **fact: Any) -> str:
        """Append one fact, such as `call_ended=CallEnded(...)`, after those recorded earlier for the session.

        Returns the event id (given, or a fresh one) once the fact is durable.

        Raises:
            BusError: it is not known to be durable; recording it again under the same event id is safe.
        """
        event = self._event(session_id, call_id, event_id, fact)
        headers = tracing.inject()
        writer = self._writers.get(session_id)
        if writer is not None:
            await asyncio.wait([writer])
        await self._bus.append(CALL_EVENTS, session_id, event.SerializeToString(), headers)
        return event.event_id

    def record_soon(self, session_id: str, call_id: str, event_id: str | None = None, **fact: Any) -> str:
        """Append one fact in the background, repeated until it is durable; order is kept within the session."""
        event = self._event(session_id, call_id, event_id, fact)
        queue = self._pending.setdefault(session_id, deque())
        queue.append((event.SerializeToString(), tracing.inject()))
        if session_id not in self._writers:
            self._writers[session_id] = asyncio.create_task(self._write(session_id, queue), name="facts")
        return event.event_id

    async def flush(self, seconds: float = 5.0) -> bool:
        """Wait until everything recorded so far is durable, at most this long; return whether it is."""
        if not self._writers:
            return True
        _, late = await asyncio.wait(list(self._writers.values()), timeout=seconds)
        return not late

    async def close(self, seconds: float = 5.0) -> None:
        """Flush, bounded, and end; what could not be recorded is said in the log."""
        if await self.flush(seconds):
            return
        lost = sum(map(len, self._pending.values()))
        _log.error("facts could not be recorded before the end", count=lost)
        writers = list(self._writers.values())
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)

    def _event(self, session_id: str, call_id: str, event_id: str | None, fact: dict[str, Any]) -> CallEvent:
        if len(fact) != 1:
            raise TypeError("record exactly one fact at a time")
        return CallEvent(
            event_id=event_id or new_id("event"),
            session_id=session_id,
            call_id=call_id,
            occurred_at_ms=self._clock(),
            source=self._source,
            **fact,
        )

    async def _write(self, session_id: str, queue: deque[_Pending]) -> None:
        backoff = Backoff()
        try:
            while queue:
                value, headers = queue[0]
                try:
                    await self._bus.append(CALL_EVENTS, session_id, value, headers)
                except BusError as error:
                    RETRIES.labels(self._source).inc()
                    _log.warning("a fact could not be recorded yet", error=str(error), session_id=session_id)
                    await backoff.wait()
                    continue
                backoff.reset()
                queue.popleft()
        finally:
            self._pending.pop(session_id, None)
            self._writers.pop(session_id, None)
