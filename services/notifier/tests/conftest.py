"""A notifier on an in-process bus, with time that does not pass by itself."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest_asyncio

from chassis.bus import (
    CALL_EVENTS,
    NOTIFY_DEAD_LETTERS,
    NOTIFY_OUTBOX,
    Headers,
    LogHandler,
    Record,
    Subscription,
)
from chassis.bus_inprocess import InProcessBus
from chassis.rpc import direct
from notifier.bootstrap import NotifierApp, build
from notifier.provider import Provider
from notifier.settings import NotifierSettings
from notifier.testing import FakeProvider, FakeSession, Time
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.notify.v1.notify_pb2 import DeadLetter, NotifyCommand


class CountingBus(InProcessBus):
    """Knows how many commands were appended and how many were handled."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.handled = 0
        self.read_all = asyncio.Condition()

    async def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> None:
        self.asked += topic == NOTIFY_OUTBOX
        await super().append(topic, key, value, headers)

    async def follow(self, topic: str, group: str, handler: LogHandler) -> Subscription:
        async def count(record: Record) -> None:
            await handler(record)
            async with self.read_all:
                self.handled += 1
                self.read_all.notify_all()

        return await super().follow(topic, group, count)


class Office:
    """What a notifier works with; outlives the notifiers in it."""

    def __init__(self) -> None:
        self.time = Time()
        self.bus = CountingBus()
        self.session = FakeSession(self.time)
        self.provider = FakeProvider()
        self.apps: list[NotifierApp] = []
        self._ends = itertools.count()

    async def open(self, provider: Provider | None = None, **settings: object) -> NotifierApp:
        app = build(
            NotifierSettings(**settings),
            self.bus,
            direct(self.session),
            provider=provider or self.provider,
            clock=self.time,
            sleep=self.time.sleep,
        )
        self.apps.append(app)
        await app.start()
        return app

    async def ask(self, app: NotifierApp, *commands: NotifyCommand) -> None:
        """Put commands on the log and see them through."""
        for command in commands:
            await self.bus.append(NOTIFY_OUTBOX, command.session_id, command.SerializeToString())
        await self.taken()
        await app.dispatcher.idle()

    async def taken(self) -> None:
        """Return once notifiers have read everything that is on the log now."""
        async with self.bus.read_all:
            await self.bus.read_all.wait_for(lambda: self.bus.handled >= self.bus.asked)

    async def facts(self) -> list[CallEvent]:
        return [CallEvent.FromString(value) for value in await self._values(CALL_EVENTS)]

    async def letters(self) -> list[DeadLetter]:
        return [DeadLetter.FromString(value) for value in await self._values(NOTIFY_DEAD_LETTERS)]

    async def _values(self, topic: str) -> list[bytes]:
        """Read a topic up to a marker appended now."""
        marker = f"end-{next(self._ends)}".encode()
        await self.bus.append(topic, "end", marker)
        values: list[bytes] = []
        async with aclosing(self.bus.read(topic, from_start=True)) as records:
            async for record in records:
                if record.value == marker:
                    return values
                if record.key != "end":
                    values.append(record.value)
        raise AssertionError("the log ended")

    async def close(self) -> None:
        for app in self.apps:
            await app.stop()
        await self.bus.stop()


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    await made.bus.start()
    yield made
    await made.close()
