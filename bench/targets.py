"""What is measured: each target is a context that yields a URL for callers and the processes to charge."""

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from opusagent_cli.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("gateway", "llm_relay", "fsa_engine", "session", "notifier")


@dataclass(frozen=True)
class Target:
    """A running system under measurement."""

    url: str
    ours: dict[str, int]
    """Processes whose CPU time is charged to the system, by name."""
    apart: dict[str, int]
    """Broker and store, listed apart."""


@contextlib.asynccontextmanager
async def floor(echo_port: int) -> AsyncIterator[Target]:
    """(a) A bare passthrough of two sockets."""
    async with processes.running("-m", "bench.floor", "--target", f"ws://127.0.0.1:{echo_port}/plain") as child:
        port = await processes.first_line(child)
        yield Target(f"ws://127.0.0.1:{port}/", {"floor": child.pid}, {})


def _relay_environment(echo_port: int) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "bench",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{echo_port}/v1",
        "RELAY_BACKEND": "openai-realtime",
        "LOG_LEVEL": "ERROR",
        "DRAIN_SECONDS": "1",
        "RECONNECT_GRACE": "1",
    }


@contextlib.asynccontextmanager
async def _opusagent(echo_port: int, *options: str) -> AsyncIterator[tuple[str, int]]:
    with tempfile.TemporaryDirectory() as data:
        ports = ("--port", str(free_port()), "--ops-port", str(free_port()), "--session-port", str(free_port()))
        command = ("-m", "opusagent_cli", "up", "--json", *ports, "--data", data, *options)
        async with processes.running(*command, env=_relay_environment(echo_port)) as child:
            ready = json.loads(await processes.first_line(child, timeout=60))
            assert child.stdout is not None
            drain = asyncio.create_task(_discard(child.stdout))
            try:
                yield ready["url"].replace("http://", "ws://") + "/twilio/media", child.pid
            finally:
                drain.cancel()


async def _discard(stream: asyncio.StreamReader) -> None:
    while await stream.read(1 << 16):
        pass


@contextlib.asynccontextmanager
async def one_process(echo_port: int) -> AsyncIterator[Target]:
    """(b) OpusAgent in one process."""
    async with _opusagent(echo_port) as (url, pid):
        yield Target(url, {"opusagent": pid}, {})


@contextlib.asynccontextmanager
async def server(name: str, data: Path) -> AsyncIterator[tuple[str, int]]:
    """Start scripts/kafka or scripts/redis on a free port for the length of a block; yields address and pid."""
    script = str(ROOT / "scripts" / name)
    start = await asyncio.create_subprocess_exec(script, "start", "--data", str(data), stdout=asyncio.subprocess.PIPE)
    out, _ = await start.communicate()
    if start.returncode:
        raise RuntimeError(f"scripts/{name} could not start; run it by hand to see why")
    try:
        yield out.decode().split()[-1], int((data / "pid").read_text())
    finally:
        stop = await asyncio.create_subprocess_exec(script, "stop", "--data", str(data))
        await stop.wait()


@contextlib.asynccontextmanager
async def five_processes(echo_port: int) -> AsyncIterator[Target]:
    """(c) OpusAgent in five processes on real Kafka and Redis."""
    data = Path(tempfile.mkdtemp())
    try:
        async with (
            server("kafka", data / "kafka") as (kafka, kafka_pid),
            server("redis", data / "redis") as (redis, redis_pid),
            _opusagent(echo_port, "--multi", "--kafka", kafka, "--redis", redis) as (url, pid),
        ):
            ours = {name: child for name, child in processes.family(pid).items() if name.rstrip("'") in SERVICES}
            yield Target(url, ours, {"kafka": kafka_pid, "redis": redis_pid})
    finally:
        shutil.rmtree(data, ignore_errors=True)


TARGETS = {"floor": floor, "one": one_process, "five": five_processes}
TITLES = {"floor": "(a) bare passthrough", "one": "(b) one process", "five": "(c) five processes, Kafka"}
