"""Stores under test, and a whole session service to talk to."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from chassis.bus import CALL_EVENTS, NOTIFY_OUTBOX
from chassis.rpc import direct
from opusagent.call.v1 import call_pb2 as call
from opusagent.events.v1.events_pb2 import CallEnded, CallEvent
from opusagent.notify.v1.notify_pb2 import NotifyCommand
from opusagent.session.v1 import session_pb2 as api
from session.adapters.memory import MemoryStore
from session.adapters.redis import RedisStore
from session.adapters.sqlite import SqliteStore
from session.bootstrap import SessionApp, build
from session.settings import SessionSettings
from session.store import Store
from session.testing import Fuse, LogBus, MortalBus, MortalStore, Time

CALLER, CALLEE = "+15551230001", "+15550199"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get("OPUSAGENT_TEST_REDIS")
    if given:
        yield given
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on PATH and no OPUSAGENT_TEST_REDIS")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def store(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if store_kind == "redis":
        url = request.getfixturevalue("redis_url")
        made = RedisStore(url)
        await made.start()
        client = Redis.from_url(url)
        await client.flushdb()
        await client.aclose()
    else:
        made = MemoryStore() if store_kind == "memory" else SqliteStore(tmp_path / "session.sqlite")
        await made.start()
    yield made
    await made.stop()


class World:
    """A log and a store that outlive the session services in them."""

    def __init__(self, store: Store) -> None:
        self.time = Time()
        self.bus = LogBus()
        self.store = store
        self.settings = SessionSettings(grace_seconds=8, resume_ttl_seconds=3600)
        self._lives: list[tuple[SessionApp, Fuse]] = []

    async def live(self, steps: int | None = None, start: bool = True) -> SessionApp:
        """Start a session service that is killed after so many steps."""
        fuse = Fuse(steps)
        app = build(self.settings, MortalBus(self.bus, fuse), MortalStore(self.store, fuse), self.time)
        self._lives.append((app, fuse))
        if start:
            await app.start()
        return app

    def fuse_of(self, app: SessionApp) -> Fuse:
        return next(fuse for known, fuse in self._lives if known is app)

    async def kill(self, app: SessionApp) -> None:
        self.fuse_of(app).blow()
        await app.stop()

    async def end(self) -> None:
        for app, fuse in self._lives:
            fuse.blow()
            await app.stop()
        await self.bus.stop()

    async def settle(self, app: SessionApp) -> None:
        """Let everything run that can run now."""
        for _ in range(3):
            await self.bus.caught_up()
            await app.alarms.look()
            await app.pump.idle()

    async def slots(self, app: SessionApp, capacity: int = 10) -> None:
        for role in (api.ROLE_RELAY, api.ROLE_ENGINE):
            request = api.LeaseSlotRequest(role=role, holder="one", capacity=capacity, ready=True)
            await direct(app.servicer).LeaseSlot(request)

    async def open(self, app: SessionApp, provider_call_id: str, **fields: object) -> api.OpenCallResponse:
        await self.slots(app)
        values = {"channel": call.CHANNEL_TWILIO, "caller": CALLER, "callee": CALLEE, **fields}
        request = api.OpenCallRequest(provider_call_id=provider_call_id, **values)
        answer: api.OpenCallResponse = await direct(app.servicer).OpenCall(request)
        return answer

    async def work(self, app: SessionApp, opened: api.OpenCallResponse, event_id: str, **fields: object) -> None:
        """Save a step that leaves a task open."""
        business = api.Business(
            open_tasks=[api.OpenTask(task_id="t1", task="book")], sms_text="Reply CALL to continue.", **fields
        )
        client = direct(app.servicer)
        session_id = opened.call.session_id
        version = (await client.LoadTask(api.LoadTaskRequest(session_id=session_id))).version
        await client.SaveTask(
            api.SaveTaskRequest(
                session_id=session_id,
                call_id=opened.call.call_id,
                event_id=event_id,
                expected_version=version,
                snapshot=b"state",
                business=business,
            )
        )

    async def fact(self, session_id: str, call_id: str = "", event_id: str = "", **fact: object) -> None:
        event = CallEvent(
            event_id=event_id or f"test-{len(self.bus.records)}",
            session_id=session_id,
            call_id=call_id,
            occurred_at_ms=self.time(),
            **fact,
        )
        await self.bus.append(CALL_EVENTS, session_id, event.SerializeToString())

    async def hang_up(
        self, opened: api.OpenCallResponse, reason: call.EndReason = call.END_REASON_CALLER_HUNG_UP
    ) -> None:
        ended = CallEnded(reason=reason)
        await self.fact(opened.call.session_id, opened.call.call_id, call_ended=ended)

    def commands(self) -> list[NotifyCommand]:
        return [NotifyCommand.FromString(value) for value in self.bus.values(NOTIFY_OUTBOX)]

    def facts(self, name: str) -> list[CallEvent]:
        events = [CallEvent.FromString(value) for value in self.bus.values(CALL_EVENTS)]
        return [event for event in events if event.WhichOneof("fact") == name]


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A world whose store is in memory."""
    made = World(MemoryStore())
    yield made
    await made.end()


@pytest_asyncio.fixture
async def stored_world(store: Store) -> AsyncIterator[World]:
    """A world on each kind of store."""
    made = World(store)
    yield made
    await made.end()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    return World


@pytest_asyncio.fixture(autouse=True)
async def no_leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    leaked = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not leaked
