"""A store in the process's own memory: for tests, and for leases that need not outlive the process."""

import bisect
from collections.abc import Sequence

from session.store import Change, Conflict, Document, Outgoing, Reading, Row, Store


class MemoryStore(Store):
    """Keeps everything until the process ends."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._collections: dict[str, dict[str, bytes]] = {}
        self._outbox: dict[str, dict[str, Outgoing]] = {}
        self._alarms: dict[str, int] = {}
        self._indices: dict[str, dict[str, int]] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def check(self) -> None:
        """Memory always answers."""

    async def read(self, partition: int, keys: Sequence[str], rows: Sequence[tuple[str, str]] = ()) -> Reading:
        """Read documents and rows."""
        return Reading(
            [self._documents.get(key, Document()) for key in keys],
            [self._collections.get(name, {}).get(row_id) for name, row_id in rows],
        )

    async def write(self, partition: int, change: Change) -> None:
        """Check, then apply; there is no await between, so it is atomic."""
        for key, version in change.checks.items():
            if self._documents.get(key, Document()).version != version:
                raise Conflict(key)
        for key, value in change.puts.items():
            self._documents[key] = Document(change.checks[key] + 1, value)
        for row in change.rows:
            self._add(row)
        for listing in change.listings:
            members = self._indices.setdefault(listing.index, {})
            members.pop(listing.member, None)
            if listing.score is not None:
                members[listing.member] = listing.score
        if change.session_id:
            self._note(change)

    def _add(self, row: Row) -> None:
        rows = self._collections.setdefault(row.collection, {})
        rows.setdefault(row.row_id, row.value)
        while len(rows) > row.keep:
            del rows[next(iter(rows))]

    def _note(self, change: Change) -> None:
        for outgoing in change.outbox:
            self._outbox.setdefault(change.session_id, {}).setdefault(outgoing.row_id, outgoing)
        self._alarms.pop(change.session_id, None)
        if change.alarm is not None:
            self._alarms[change.session_id] = change.alarm

    async def collection(self, partition: int, name: str) -> list[bytes]:
        """Return a collection."""
        return list(self._collections.get(name, {}).values())

    async def outgoing(self, partition: int, session_id: str) -> list[Outgoing]:
        """Return a session's outbox."""
        return list(self._outbox.get(session_id, {}).values())

    async def published(self, partition: int, session_id: str, row_ids: Sequence[str]) -> None:
        """Drop rows of an outbox."""
        rows = self._outbox.get(session_id, {})
        for row_id in row_ids:
            rows.pop(row_id, None)
        if not rows:
            self._outbox.pop(session_id, None)

    async def senders(self) -> list[str]:
        """Return who has something to send."""
        return list(self._outbox)

    async def due(self, now_ms: int) -> list[str]:
        """Return whose alarm is due."""
        return [session_id for session_id, at in self._alarms.items() if at <= now_ms]

    async def next_alarm(self) -> int | None:
        """Return the earliest alarm."""
        return min(self._alarms.values(), default=None)

    async def members(self, index: str, limit: int) -> list[str]:
        """Return an index, highest score first."""
        ordered: list[tuple[int, str]] = []
        for member, score in self._indices.get(index, {}).items():
            bisect.insort(ordered, (-score, member))
        return [member for _, member in ordered[:limit]]
