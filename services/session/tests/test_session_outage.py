"""What happens while the store is out, and over a real gRPC port."""

import asyncio
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from chassis.retry import Backoff
from chassis.rpc import RpcError, StatusCode, direct, remote, serve
from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub, add_SessionServiceServicer_to_server
from session.adapters.memory import MemoryStore
from session.adapters.redis import RedisStore
from session.adapters.sqlite import SqliteStore
from session.bootstrap import build, make_store
from session.settings import SessionSettings
from session.store import StoreError
from session.testing import LogBus


class FlakyStore(MemoryStore):
    """A memory that can be out."""

    out = False

    def _check_out(self) -> None:
        if self.out:
            raise StoreError("out")

    async def read(self, *arguments):
        self._check_out()
        return await super().read(*arguments)

    async def write(self, *arguments):
        self._check_out()
        await super().write(*arguments)

    async def due(self, now_ms):
        self._check_out()
        return await super().due(now_ms)

    async def next_alarm(self):
        self._check_out()
        return await super().next_alarm()


async def test_while_the_store_is_out_requests_are_unavailable_and_session_is_not_ready(make_world):
    store = FlakyStore()
    world = make_world(store)
    app = await world.live()
    opened = await world.open(app, "CA1")
    await world.work(app, opened, "e1")
    store.out = True
    await app.alarms.look()
    assert not app.ready
    client = direct(app.servicer)
    for request in (
        client.LoadTask(api.LoadTaskRequest(session_id=opened.call.session_id)),
        client.OpenCall(api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA2")),
        client.LeaseSlot(api.LeaseSlotRequest(role=api.ROLE_RELAY, holder="one")),
    ):
        with pytest.raises(RpcError) as refused:
            await request
        assert refused.value.code is StatusCode.UNAVAILABLE
    world.time.advance(60)
    store.out = False
    await app.alarms.look()
    assert app.ready
    again = api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA3")
    assert (await client.OpenCall(again)).route.relay_generation == 1, "leases live one more TTL after an outage"
    world.time.advance(2)
    later = api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA4")
    with pytest.raises(RpcError) as refused:
        await client.OpenCall(later)
    assert refused.value.code is StatusCode.RESOURCE_EXHAUSTED
    await world.end()


async def test_a_missing_redis_is_waited_for_and_an_outage_ends(tmp_path: Path):
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tried = asyncio.Event()

    async def wait(seconds: float) -> None:
        tried.set()
        await asyncio.sleep(0.01)

    store = RedisStore(f"redis://127.0.0.1:{port}/0", backoff=Backoff(sleep=wait))
    starting = asyncio.create_task(store.start())
    await tried.wait()
    assert not starting.done()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path), "--save", ""]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    try:
        await starting
        await store.check()
    finally:
        server.kill()
        await server.wait()
    with pytest.raises(StoreError, match="Redis"):
        await store.check()
    with pytest.raises(StoreError):
        await store.read(0, ["a"])
    second = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    try:
        await store.start()
        assert (await store.read(0, ["a"])).documents[0].version == 0
    finally:
        await store.stop()
        second.kill()
        await second.wait()


async def test_the_service_answers_on_a_port(world):
    app = await world.live()
    server = await serve([(add_SessionServiceServicer_to_server, app.servicer)], "127.0.0.1", 0)
    client = remote(SessionServiceStub, f"127.0.0.1:{server.port}")
    for role in (api.ROLE_RELAY, api.ROLE_ENGINE):
        await client.LeaseSlot(api.LeaseSlotRequest(role=role, holder="one", capacity=2, ready=True))
    opened = await client.OpenCall(api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1"))
    request = api.SaveTaskRequest(session_id=opened.call.session_id, event_id="e", expected_version=3)
    with pytest.raises(RpcError) as refused:
        await client.SaveTask(request)
    assert refused.value.code is StatusCode.ABORTED
    await client.close()
    await server.stop()


def test_the_settings_choose_the_store(tmp_path: Path):
    assert isinstance(make_store(SessionSettings(store="memory")), MemoryStore)
    assert isinstance(make_store(SessionSettings(store="sqlite", data_dir=tmp_path)), SqliteStore)
    assert isinstance(make_store(SessionSettings(store="redis")), RedisStore)


async def test_a_restart_on_a_file_forgets_nothing(tmp_path: Path):
    settings = SessionSettings(store="sqlite", data_dir=tmp_path)
    bus = LogBus()
    first = build(settings, bus)
    await first.start()
    for role in (api.ROLE_RELAY, api.ROLE_ENGINE):
        request = api.LeaseSlotRequest(role=role, holder="one", capacity=2, ready=True)
        await direct(first.servicer).LeaseSlot(request)
    request = api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1", caller="+15551230001")
    opened = await direct(first.servicer).OpenCall(request)
    step = api.SaveTaskRequest(session_id=opened.call.session_id, event_id="e", snapshot=b"kept")
    await direct(first.servicer).SaveTask(step)
    await first.stop()
    second = build(settings, bus)
    await second.start()
    loaded = await direct(second.servicer).LoadTask(api.LoadTaskRequest(session_id=opened.call.session_id))
    assert loaded.snapshot == b"kept"
    again = await direct(second.servicer).OpenCall(request)
    assert again.reattached
    await second.stop()
    await bus.stop()
