"""Loads records, lets a pure decision change them, and saves everything that follows in one atomic write.

A decision gets freshly decoded records and may change them in place: they are thrown away if it raises or if somebody
else has written meanwhile, in which case it is made again on what is there now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from chassis import tracing
from chassis.bus import CALL_EVENTS, NOTIFY_OUTBOX
from opusagent.session.v1.session_pb2 import SaveTaskResponse
from opusagent.session.v1.state_pb2 import CallerRecord, SessionRecord
from session import metrics
from session.domain import alarms, drops
from session.domain.effects import Effects
from session.domain.ids import partition_of_session, partition_of_text
from session.domain.steps import STEPS_KEPT, TURNS_KEPT
from session.store import Change, Conflict, Listing, Outgoing, Row, Store, StoreError

SESSIONS = "sessions"
"""Index of all sessions by the time they began."""
LIVE = "live"
"""Index of the sessions that have a live call."""

_TRIES = 32

T = TypeVar("T")

OnSaved = Callable[[str, int | None, bool], None]
"""Told after each write of a session: its id, its next alarm, whether there is something to publish."""


def session_key(session_id: str) -> str:
    """Return the key of a session's document."""
    return f"session/{session_id}"


def caller_key(number: str) -> str:
    """Return the key of a caller's document."""
    return f"caller/{number}"


def steps_of(session_id: str) -> str:
    """Return the collection of a session's saved steps."""
    return f"steps/{session_id}"


def turns_of(session_id: str) -> str:
    """Return the collection of a session's turns."""
    return f"turns/{session_id}"


@dataclass(slots=True)
class Page:
    """What one decision works on. `session` is None where there is none; set it to make one."""

    session: SessionRecord | None
    caller: CallerRecord
    saved_rows: Sequence[bytes | None] = ()
    effects: Effects = field(default_factory=Effects)

    @property
    def saved_step(self) -> SaveTaskResponse | None:
        """The answer saved for the event asked for, if it was saved before."""
        saved = self.saved_rows[0] if self.saved_rows else None
        return SaveTaskResponse.FromString(saved) if saved else None


class Books:
    """The records of sessions and callers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.on_saved: OnSaved = lambda session_id, alarm, publishes: None
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def session(self, session_id: str) -> SessionRecord | None:
        """Return a session as it is saved."""
        reading = await self._store.read(partition_of_session(session_id), [session_key(session_id)])
        value = reading.documents[0].value
        return SessionRecord.FromString(value) if value else None

    async def sessions(self, session_ids: Sequence[str]) -> list[SessionRecord]:
        """Return sessions in the order of their ids, without those that do not exist."""
        by_partition: dict[int, list[str]] = {}
        for session_id in session_ids:
            by_partition.setdefault(partition_of_session(session_id), []).append(session_id)
        found: dict[str, SessionRecord] = {}
        for partition, members in by_partition.items():
            reading = await self._store.read(partition, [session_key(member) for member in members])
            for member, document in zip(members, reading.documents, strict=True):
                if document.value:
                    found[member] = SessionRecord.FromString(document.value)
        return [found[session_id] for session_id in session_ids if session_id in found]

    async def caller(self, number: str) -> CallerRecord:
        """Return what is known of a caller."""
        reading = await self._store.read(partition_of_text(number), [caller_key(number)])
        return CallerRecord.FromString(reading.documents[0].value)

    async def sessions_of(self, number: str) -> list[SessionRecord]:
        """Return the remembered sessions of a caller, oldest first."""
        return await self.sessions((await self.caller(number)).session_ids)

    async def change(
        self,
        session_id: str,
        decide: Callable[[Page], T],
        *,
        number: str = "",
        rows: Sequence[tuple[str, str]] = (),
    ) -> T:
        """Decide on a session, and on the caller `number` where one is given, until it could be saved.

        Raises:
            StoreError: the store is out, or others kept writing first.
        """
        partition = partition_of_session(session_id) if session_id else partition_of_text(number)
        keys = [session_key(session_id)] if session_id else []
        keys += [caller_key(number)] if number else []
        async with self._alone(session_id or number):
            for _ in range(_TRIES):
                try:
                    return await self._try(
                        partition=partition,
                        session_id=session_id,
                        keys=keys,
                        rows=rows,
                        decide=decide,
                        with_caller=bool(number),
                    )
                except Conflict:
                    metrics.CONFLICTS.inc()
        raise StoreError("others kept writing first")

    async def _try(
        self,
        *,
        partition: int,
        session_id: str,
        keys: list[str],
        rows: Sequence[tuple[str, str]],
        decide: Callable[[Page], T],
        with_caller: bool,
    ) -> T:
        reading = await self._store.read(partition, keys, rows)
        before = {key: document.value for key, document in zip(keys, reading.documents, strict=True)}
        checks = {key: document.version for key, document in zip(keys, reading.documents, strict=True)}
        known = before[keys[0]] if session_id else b""
        page = Page(
            session=SessionRecord.FromString(known) if known else None,
            caller=CallerRecord.FromString(before[keys[-1]] if with_caller else b""),
            saved_rows=reading.rows,
            effects=Effects(tracing.traceparent()),
        )
        was_live = page.session is not None and drops.live_call(page.session) is not None
        result = decide(page)
        change = _change(page, session_id=session_id, checks=checks, before=before, with_caller=with_caller)
        if change is not None:
            if page.session is not None:
                change = replace(change, listings=_listings(page.session, new=not known, was_live=was_live))
            await self._store.write(partition, change)
            if change.session_id:
                self.on_saved(change.session_id, change.alarm, bool(change.outbox))
        return result

    @asynccontextmanager
    async def _alone(self, name: str) -> AsyncIterator[None]:
        """Keep this process from conflicting with itself."""
        lock, users = self._locks.get(name, (None, 0))
        lock = lock or asyncio.Lock()
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            _, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = (lock, users - 1)


def _change(
    page: Page, *, session_id: str, checks: dict[str, int], before: dict[str, bytes], with_caller: bool
) -> Change | None:
    """Return the write that a decision led to; None when nothing changed."""
    keys = list(before)
    after = {}
    if page.session is not None:
        after[keys[0]] = page.session.SerializeToString(deterministic=True)
    if with_caller:
        after[keys[-1]] = page.caller.SerializeToString(deterministic=True)
    puts = {key: value for key, value in after.items() if value != before[key]}
    rows = _rows(session_id, page.effects)
    outbox = _outbox(page.effects)
    if not (puts or rows or outbox):
        return None
    if page.session is None:
        return Change(checks=checks, puts=puts)
    return Change(
        checks=checks,
        puts=puts,
        rows=rows,
        session_id=session_id,
        outbox=outbox,
        alarm=alarms.next_alarm(page.session),
    )


def _rows(session_id: str, effects: Effects) -> list[Row]:
    steps = [
        Row(steps_of(session_id), event_id, answer.SerializeToString(), STEPS_KEPT)
        for event_id, answer in effects.steps
    ]
    turns = [Row(turns_of(session_id), turn.turn_id, turn.SerializeToString(), TURNS_KEPT) for turn in effects.turns]
    return steps + turns


def _outbox(effects: Effects) -> list[Outgoing]:
    facts = [Outgoing(fact.event_id, CALL_EVENTS, fact.SerializeToString()) for fact in effects.facts]
    commands = [
        Outgoing(command.command_id, NOTIFY_OUTBOX, command.SerializeToString()) for command in effects.commands
    ]
    return facts + commands


def _listings(session: SessionRecord, *, new: bool, was_live: bool) -> list[Listing]:
    """Return how the indices change; a session enters them with its first save."""
    listings = [Listing(SESSIONS, session.session_id, session.created_at_ms)] if new else []
    live = drops.live_call(session) is not None
    if live != was_live:
        score = session.calls[-1].info.started_at_ms if live else None
        listings.append(Listing(LIVE, session.session_id, score))
    return listings
