"""Inboxes as bytes in one deque per slot. This is the hot path of a call: fifty items a second and direction."""

import asyncio
import contextvars
from collections import deque

from chassis.bus import Headers, InboxHandler, Subscription
from chassis.bus_inprocess.faults import Faults
from chassis.bus_metrics import HANDLER_ERRORS, UNHEARD
from chassis.bus_records import Item, join
from chassis.logging import get_logger

_log = get_logger(__name__)


class Inbox:
    """One slot: what was posted in one iteration of the event loop is delivered in the next, as one record."""

    __slots__ = (
        "_context",
        "_due",
        "_errors",
        "_faults",
        "_listeners",
        "_loop",
        "_pending",
        "_topic",
        "_unheard",
        "_with_headers",
    )

    def __init__(self, topic: str, faults: Faults | None) -> None:
        self._topic = topic
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._pending: deque[Item] = deque()
        self._with_headers = False
        self._due = False
        # A receiver stands in no context of a sender: what it may know of him is in the record.
        self._context = contextvars.Context()
        self._listeners: list[_Listener] = []
        self._unheard = UNHEARD.labels(topic)
        self._errors = HANDLER_ERRORS.labels(topic)

    def post(self, item: bytes, headers: Headers) -> None:
        """Take one item; it is handled later, in order."""
        self._pending.append((item, headers))
        if headers:
            self._with_headers = True
        if not self._due:
            self._due = True
            if self._faults is None:
                self._loop.call_soon(self.flush, context=self._context)
            else:
                self._loop.call_later(self._faults.wait(), self.flush, context=self._context)

    def flush(self) -> None:
        """Deliver what is pending."""
        self._due = False
        pending = self._pending
        if not pending:
            return
        if self._with_headers:
            records = join(pending)
            self._with_headers = False
        else:
            records = [(pending[0][0] if len(pending) == 1 else b"".join([item for item, _ in pending]), ())]
        pending.clear()
        for value, headers in records:
            for _ in range(1 if self._faults is None else self._faults.times(may_drop=True)):
                self._deliver(value, headers)

    def _deliver(self, value: bytes, headers: Headers) -> None:
        if not self._listeners:
            self._unheard.inc()
        for listener in tuple(self._listeners):
            try:
                listener.handler(value, headers)
            except Exception:
                self._errors.inc()
                _log.exception("an inbox record could not be handled", topic=self._topic)

    def listen(self, handler: InboxHandler) -> Subscription:
        """Deliver to this handler from now on."""
        listener = _Listener(self._listeners, handler)
        self._listeners.append(listener)
        return listener

    def close(self) -> None:
        """Deliver nothing more."""
        self._listeners.clear()
        self._pending.clear()


class _Listener(Subscription):
    def __init__(self, listeners: "list[_Listener]", handler: InboxHandler) -> None:
        self._listeners = listeners
        self.handler = handler

    async def close(self) -> None:
        if self in self._listeners:
            self._listeners.remove(self)
