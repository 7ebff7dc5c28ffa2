"""`opusagent up --multi`: what is waited for, what is started again, what is final."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from opusagent_cli.multi import MultiProcess, silent_servers
from opusagent_cli.options import NotConfiguredError, UpOptions
from opusagent_cli.replica import Replica
from opusagent_cli.serve import unless

DEAD = "127.0.0.1:9"


class Said:
    """What the operator is told; `until` waits for words."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._new = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._new.set()

    async def until(self, words: str) -> None:
        async with asyncio.timeout(20):
            while not any(words in line for line in self.lines):
                self._new.clear()
                await self._new.wait()


@pytest.fixture
def options(tmp_path: Path, row_of_ports: int) -> UpOptions:
    first = row_of_ports
    return UpOptions(
        port=first,
        ops_port=first + 2,
        session_port=first + 1,
        data=tmp_path,
        kafka=DEAD,
        redis=f"redis://{DEAD}",
    )


def _system(options: UpOptions, said: Said, code: str) -> MultiProcess:
    """A system each of whose processes runs a line of Python instead of a service."""
    system = MultiProcess(options, said)
    for replica in system.replicas:
        replica.command = (sys.executable, "-c", code)
    return system


async def test_a_service_that_refuses_its_settings_is_not_started_again(options: UpOptions) -> None:
    said = Said()
    system = _system(options, said, "raise SystemExit(2)")
    try:
        with pytest.raises(NotConfiguredError, match="session refuses its settings") as refused:
            await system.start()
    finally:
        await system.stop()
    assert refused.value.code == 2
    assert not said.lines


async def test_one_that_dies_is_started_again_each_time_later(options: UpOptions) -> None:
    said = Said()
    system = _system(options, said, "raise SystemExit(1)")
    session = next(replica for replica in system.replicas if replica.service == "session")
    pauses: list[float] = []

    async def no_pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            await asyncio.Event().wait()

    session.pause._sleep = no_pause
    starting = asyncio.create_task(system.start())
    async with asyncio.timeout(30):
        while len(pauses) < 6:
            await said.until("session ended with 1; it is started again")
            said.lines.clear()
    starting.cancel()
    await asyncio.wait([starting])
    await system.stop()
    assert pauses[0] <= 0.5
    assert pauses[-1] > 2 * pauses[0]


async def test_what_is_told_to_end_while_it_starts_ends_at_once(options: UpOptions) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    system = _system(options, Said(), deaf)
    session = next(replica for replica in system.replicas if replica.service == "session")
    told, start = asyncio.Event(), session.start

    async def start_and_tell() -> None:
        await start()
        told.set()

    session.start = start_and_tell
    starting = asyncio.create_task(unless(told, system.start()))
    assert await starting is None
    async with asyncio.timeout(3):
        await system.stop()
    assert session.process.returncode is not None


async def test_what_nothing_answers_at_is_named(options: UpOptions) -> None:
    assert await silent_servers(options) == [f"Kafka {DEAD}", f"Redis {DEAD}"]


async def test_a_server_that_listens_is_not_named(options: UpOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        kafka = f"127.0.0.1:{there.getsockname()[1]}"
        assert await silent_servers(UpOptions(kafka=kafka, redis=options.redis)) == [f"Redis {DEAD}"]


async def test_what_answers_no_http_at_the_operators_port_is_not_ready() -> None:
    def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        replica = Replica("gateway", 0, {}, server.sockets[0].getsockname()[1])
        assert not await asyncio.to_thread(replica.ready)
        assert not replica.was_ready
