"""The bus as a port: inboxes for what is live, a log for what must last.

**Inbox.** Addressed and real time. A receiver owns one partition of a topic (its *slot*); whoever talks to it posts to
that slot. Nothing is acknowledged, nothing blocks, nothing is retried by the bus: a lost item is found by the
receiver's sequence numbers. A record is the concatenation of the items posted to one slot within a flush: posted items
must therefore be encodings that may be concatenated (Protobuf messages with one repeated field, see
`opusagent.media.v1`).

**Log.** Durable facts and commands. `append` returns when the record cannot be lost any more; followers of a group get
every record at least once, in the order of its key, and must be idempotent.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

Headers = Sequence[tuple[str, bytes]]
"""Trace context and the like; never identity, time or anything a handler decides by."""

RELAY_INBOX = "relay-inbox"
GATEWAY_INBOX = "gateway-inbox"
FSA_INBOX = "fsa-inbox"
CALL_EVENTS = "call-events"
NOTIFY_OUTBOX = "notify-outbox"
NOTIFY_DEAD_LETTERS = "notify-dead-letters"

INBOX_PARTITIONS = 32
"""Slots of each inbox topic, and so the number of instances of a service that can run at once."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log, as a follower sees it."""

    topic: str
    key: str
    value: bytes
    headers: Headers = ()


InboxHandler = Callable[[bytes, Headers], None]
"""Takes one inbox record. Runs on the event loop and returns at once; what takes time goes into a task of its own."""

LogHandler = Callable[[Record], Awaitable[None]]
"""Takes one log record; the position is committed after it returns. Raising means: log, count, retry with backoff."""


class Subscription(ABC):
    """A running reader; stops when closed."""

    @abstractmethod
    async def close(self) -> None:
        """Stop reading; returns when the handler will not be called again."""


class BusError(Exception):
    """The bus could not do it now; trying again later is worth it."""


class Bus(ABC):
    """What carries messages between services. One instance per process; `start` before anything else."""

    @abstractmethod
    async def start(self) -> None:
        """Connect; waits with backoff, saying so in the log, until the broker answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Flush what was posted, bounded to a few seconds, and disconnect."""

    @property
    @abstractmethod
    def healthy(self) -> bool:
        """Whether the broker answers, as far as known; feeds readiness."""

    @abstractmethod
    def post(self, topic: str, slot: int, item: bytes, headers: Headers = ()) -> None:
        """Send one item to a slot's inbox, in order with all earlier posts to it from this process.

        Never blocks and never raises for a broker that is out: what cannot be sent soon is dropped and counted, oldest
        first. An item with headers becomes a record of its own.
        """

    @abstractmethod
    async def listen(self, topic: str, slot: int, handler: InboxHandler) -> Subscription:
        """Read a slot's inbox from its end; returns once the reader stands there, so that nothing later is missed."""

    @abstractmethod
    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        """Add a record to the log; returns when it is durable.

        Raises:
            BusError: it is not known to be durable after the bus's own retries; it may yet appear.
        """

    @abstractmethod
    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        """Handle every record of a log topic once per group (at least once), from the group's committed position.

        A new group starts at the beginning of the topic.
        """

    @abstractmethod
    def read(self, topic: str, *, from_start: bool, until_end: bool = False) -> AsyncIterator[Record]:
        """Read a log topic without a group, for watching: from its start or from now.

        Without an end, or with `until_end` as far as the topic reaches when the reading begins.
        """
