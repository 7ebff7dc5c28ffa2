"""The life of a process, in this process."""

import asyncio
import os
import signal
import socket

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chassis.http import serve_ops
from chassis.lifecycle import Service
from chassis.runtime import supervise
from chassis.settings import ServiceSettings


class Recorder(Service):
    name = "recorder"

    def __init__(self) -> None:
        self.did: list[str] = []
        self.started = asyncio.Event()
        self.draining = asyncio.Event()
        self.empty = asyncio.Event()
        self.start_error: Exception | None = None
        self.hangs = False

    async def start(self) -> None:
        self.did.append("start")
        if self.start_error:
            raise self.start_error
        self.started.set()
        if self.hangs:
            await asyncio.Event().wait()

    async def drain(self) -> None:
        self.did.append("drain")
        self.draining.set()
        await self.empty.wait()
        self.did.append("drained")

    async def stop(self) -> None:
        self.did.append("stop")


@pytest.fixture
def service() -> Recorder:
    return Recorder()


def _settings(**values: object) -> ServiceSettings:
    return ServiceSettings(ops_port=0, **values)


async def _ended(running: "asyncio.Task[int]") -> int:
    async with asyncio.timeout(10):
        return await running


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def test_sigterm_drains_then_stops(service) -> None:
    running = asyncio.create_task(supervise(service, _settings()))
    await service.started.wait()
    _signal()
    await service.draining.wait()
    service.empty.set()
    assert await _ended(running) == 0
    assert service.did == ["start", "drain", "drained", "stop"]


async def test_a_drain_is_bounded(service) -> None:
    running = asyncio.create_task(supervise(service, _settings(drain_seconds=0.01)))
    await service.started.wait()
    _signal()
    assert await _ended(running) == 0
    assert service.did == ["start", "drain", "stop"]


async def test_a_second_signal_skips_the_drain(service) -> None:
    running = asyncio.create_task(supervise(service, _settings(drain_seconds=60)))
    await service.started.wait()
    _signal()
    await service.draining.wait()
    _signal()
    assert await _ended(running) == 0
    assert service.did == ["start", "drain", "stop"]


async def test_told_to_end_while_starting(service) -> None:
    service.hangs = True
    running = asyncio.create_task(supervise(service, _settings()))
    await service.started.wait()
    _signal()
    assert await _ended(running) == 0
    assert service.did == ["start", "stop"]


async def test_a_start_that_fails_is_exit_code_1(service) -> None:
    service.start_error = RuntimeError("no")
    assert await _ended(asyncio.create_task(supervise(service, _settings()))) == 1
    assert service.did == ["start", "stop"]


async def test_an_operators_port_that_is_taken_is_exit_code_1(service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = ServiceSettings(ops_port=other.getsockname()[1])
        assert await _ended(asyncio.create_task(supervise(service, settings))) == 1
    assert service.did == []


async def test_the_operators_port() -> None:
    ready = False

    async def calls(_: object) -> PlainTextResponse:
        return PlainTextResponse("none")

    server = await serve_ops("127.0.0.1", 0, lambda: ready, [Route("/calls", calls)])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        ready = True
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/calls")).text == "none"
        assert "opusagent_bus_connected" in (await client.get("/metrics")).text
    await server.stop()
    await server.stop()


async def test_a_port_in_use_is_an_oserror() -> None:
    server = await serve_ops("127.0.0.1", 0, lambda: True)
    with pytest.raises(OSError, match="in use"):
        await serve_ops("127.0.0.1", server.port, lambda: True)
    await server.stop()
