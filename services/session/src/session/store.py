"""The store as a port: versioned documents, rows, an outbox, alarms and indices; one atomic write.

A decision reads the documents it needs, decides, and writes everything that follows from it in one `write`, which
happens wholly or not at all and only if no document it rests on has changed since. What a write touches lies in one
partition (`session.domain.ids`), so that a store may spread partitions over servers.

* **Document**: one value under a key, with a version that rises by one with every write; version 0 = there is none.
* **Row**: a value under an id in a collection, in the order of arrival; the first value written under an id stays.
* **Outbox**: rows per session that must be appended to the bus, in order; they stay until reported published.
* **Alarm**: one time per session, at which somebody has to look at it.
* **Index**: members with a score, over all partitions.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class StoreError(Exception):
    """The store could not do it now; whether a write happened is unknown. Trying again is worth it."""


class Conflict(Exception):
    """A document has another version than the write expects; nothing was written."""


@dataclass(frozen=True, slots=True)
class Document:
    """A value and its version; version 0 with an empty value when there is none."""

    version: int = 0
    value: bytes = b""


@dataclass(frozen=True, slots=True)
class Row:
    """A value to add to a collection, which keeps its latest `keep` rows."""

    collection: str
    row_id: str
    value: bytes
    keep: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to append to a topic of the log, under an id that makes a second delivery harmless."""

    row_id: str
    topic: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Listing:
    """Put a member into an index under a score, or take it out (score None)."""

    index: str
    member: str
    score: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One atomic write. Every key of `puts` must be in `checks`: key to the version that was read."""

    checks: Mapping[str, int] = field(default_factory=dict)
    puts: Mapping[str, bytes] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    session_id: str = ""
    """Whose outbox and alarm the next two belong to."""
    outbox: Sequence[Outgoing] = ()
    alarm: int | None = None
    """Unix milliseconds; None = no alarm. Set by every write that names a session."""
    listings: Sequence[Listing] = ()
    durable: bool = True
    """False: may be lost with the machine, but not with the process."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, in the order asked for."""

    documents: Sequence[Document]
    rows: Sequence[bytes | None]


class Store(ABC):
    """Where sessions are kept. Every method raises StoreError when the store is out."""

    @abstractmethod
    async def start(self) -> None:
        """Open; waits with backoff, saying so in the log, until the store answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Close; idempotent."""

    @abstractmethod
    async def check(self) -> None:
        """Return if the store answers."""

    @abstractmethod
    async def read(self, partition: int, keys: Sequence[str], rows: Sequence[tuple[str, str]] = ()) -> Reading:
        """Read documents by key and single rows by (collection, id)."""

    @abstractmethod
    async def write(self, partition: int, change: Change) -> None:
        """Apply a change, durably before it returns.

        Raises:
            Conflict: a checked document has another version; nothing was written.
        """

    @abstractmethod
    async def collection(self, partition: int, name: str) -> list[bytes]:
        """Return the values of a collection, oldest first."""

    @abstractmethod
    async def outgoing(self, partition: int, session_id: str) -> list[Outgoing]:
        """Return a session's outbox, oldest first."""

    @abstractmethod
    async def published(self, partition: int, session_id: str, row_ids: Sequence[str]) -> None:
        """Take rows out of a session's outbox; those that are not in it are ignored."""

    @abstractmethod
    async def senders(self) -> list[str]:
        """Return the sessions whose outbox is not empty."""

    @abstractmethod
    async def due(self, now_ms: int) -> list[str]:
        """Return the sessions whose alarm is not later than now."""

    @abstractmethod
    async def next_alarm(self) -> int | None:
        """Return the earliest alarm of all."""

    @abstractmethod
    async def members(self, index: str, limit: int) -> list[str]:
        """Return the members of an index, highest score first, at most `limit`."""
