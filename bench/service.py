"""The engine as it runs: a request on its inbox on Kafka, SaveTask over gRPC to session on Redis, the answer on Kafka.

Two services, `session` and `fsa-engine`, as processes of their own on a real Kafka and Redis; the bench is the relay.
What a step leads to afterwards (a tool's call and its result) is waited for, but not measured.
"""

import asyncio
import contextlib
import http.client
import shutil
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from redis.asyncio import Redis

from bench import processes
from bench.engine_caller import PATIENCE_SECONDS, EngineCaller
from bench.figures import Aim, Spread
from bench.targets import ROOT, server
from chassis import rpc
from chassis.bus import GATEWAY_INBOX
from chassis.bus_kafka import KafkaBus
from opusagent.media.v1.inbox_pb2 import GatewayInbox, GatewayItem
from opusagent.session.v1.session_pb2_grpc import SessionServiceStub
from opusagent_cli.ports import free_port

STEP_AIM_MS = 5.0
AT_ONCE = 20
PAUSE_SECONDS = 0.05
"""Between the steps of one conversation: all together as many steps per second as a hundred talking callers make."""
FILLING = 16
READY_SECONDS = 60.0
FLOOR_SAMPLES = 100
STEP_BYTES = 4096
LEASES = {"LEASE_TTL_SECONDS": "60"}
"""Longer than a saturated machine may keep a holder from renewing: nobody is to be taken over here."""
MIB = 1 << 20

APPOINTMENT = (
    "I'd like to book an appointment for tomorrow",
    "actually Wednesday",
    "the quick brown fox",
    "what are your opening hours",
    "at ten a m",
    "no, at eleven",
    "the day",
    "next Friday",
    "yes please",
    "no thank you",
)
CARD = (
    "what are your opening hours",
    "the quick brown fox",
    "I lost my credit card",
    "I don't have it here",
    "never mind",
    "yes",
    "I'd like to transfer two hundred dollars to Anna Berg",
    "never mind",
    "yes",
    "no thank you",
)
"""Requests, answers, corrections, a question in between, words that mean nothing, confirmations."""
OPEN_TASK = "I'd like to book an appointment for tomorrow"


@dataclass(frozen=True)
class Service:
    """What was measured. Step times in milliseconds."""

    alone: Spread
    """One conversation at a time, PAUSE_SECONDS between its steps."""
    together: Spread
    """AT_ONCE conversations at a time, each without a pause."""
    hop: Spread
    """Of the same run: one record on an inbox of Kafka, posted until heard."""
    write: Spread
    """Of the same run: one write to Redis of a step's size, until it is on disk."""
    open_tasks: int
    steps_per_second: float
    """While the open tasks were made: FILLING calls at a time, steps of both kinds (opening, request)."""
    cpu_ms_per_step: dict[str, float]
    engine_mib: float
    """Growth of the engine's resident memory by the open tasks, scaled to 10,000."""
    redis_mib: float
    """Growth of the memory that Redis uses, scaled to 10,000, once all facts of the steps are on the log."""

    @property
    def aims(self) -> list[Aim]:
        """The aims of this part."""
        return [
            Aim("step through Kafka and Redis, p50", STEP_AIM_MS, self.alone.p50, "ms"),
            Aim("step through Kafka and Redis, p99", STEP_AIM_MS, self.alone.p99, "ms"),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return it for the report's JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _System:
    caller: EngineCaller
    redis: Redis
    engine: int
    session: int


async def measure(conversations: int, open_tasks: int, say: Callable[[str], None]) -> Service:
    """Play conversations one by one and together, then make open tasks and see what they weigh."""
    async with _system() as system:
        say("step: warming up ...")
        await _play(system.caller, AT_ONCE, at_once=AT_ONCE)
        say(f"step: {conversations} conversations, one at a time ...")
        alone = await _play(system.caller, conversations, at_once=1, pause=PAUSE_SECONDS)
        say("step: a bare hop and a bare write ...")
        floor = (await _hops(system.caller), await _writes(system.redis))
        say(f"step: {2 * conversations} conversations, {AT_ONCE} at a time ...")
        together = await _play(system.caller, 2 * conversations, at_once=AT_ONCE)
        say(f"step: {open_tasks} open tasks ...")
        return await _weigh(system, open_tasks, (alone, together, *floor))


async def _play(caller: EngineCaller, conversations: int, at_once: int, pause: float = 0.0) -> Spread:
    times: list[float] = []

    async def converse(number: int) -> None:
        agent, lines = (("appointment", APPOINTMENT), ("card", CARD))[number % 2]
        call = await caller.ring(agent)
        for words in lines:
            if call.over:
                break
            times.append(await call.say(words))
            await call.my_turn()
            await asyncio.sleep(pause)
        call.close()

    await _each(conversations, at_once, converse)
    return Spread.of(times)


async def _hops(caller: EngineCaller) -> Spread:
    times: list[float] = []
    heard = asyncio.Event()
    subscription = await caller.bus.listen(GATEWAY_INBOX, 0, lambda record, headers: heard.set())
    for _ in range(FLOOR_SAMPLES):
        await asyncio.sleep(PAUSE_SECONDS)
        heard.clear()
        began = time.perf_counter()
        caller.bus.post(GATEWAY_INBOX, 0, GatewayInbox(items=[GatewayItem()]).SerializeToString())
        await asyncio.wait_for(heard.wait(), PATIENCE_SECONDS)
        times.append((time.perf_counter() - began) * 1000)
    await subscription.close()
    return Spread.of(times)


async def _writes(redis: Redis) -> Spread:
    times: list[float] = []
    for _ in range(FLOOR_SAMPLES):
        await asyncio.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        await redis.set("bench", bytes(STEP_BYTES))
        times.append((time.perf_counter() - began) * 1000)
    return Spread.of(times)


async def _weigh(system: _System, open_tasks: int, timed: tuple[Spread, Spread, Spread, Spread]) -> Service:
    pids = {"fsa_engine": system.engine, "session": system.session}

    async def begin(_: int) -> None:
        call = await system.caller.ring("appointment")
        await call.say(OPEN_TASK)
        system.caller.forget(call)

    redis_before, engine_before = await _redis_settled(system.redis), _resident(system.engine)
    cpu_before, began = processes.cpu_seconds(pids), time.perf_counter()
    await _each(open_tasks, FILLING, begin)
    seconds, cpu = time.perf_counter() - began, processes.cpu_seconds(pids)
    redis_after, scale = await _redis_settled(system.redis), 10_000 / open_tasks / MIB
    return Service(
        alone=timed[0],
        together=timed[1],
        hop=timed[2],
        write=timed[3],
        open_tasks=open_tasks,
        steps_per_second=round(2 * open_tasks / seconds, 1),
        cpu_ms_per_step={name: round((cpu[name] - cpu_before[name]) * 1000 / (2 * open_tasks), 2) for name in cpu},
        engine_mib=round((_resident(system.engine) - engine_before) * scale, 1),
        redis_mib=round((redis_after - redis_before) * scale, 1),
    )


async def _each(count: int, at_once: int, do: Callable[[int], Awaitable[None]]) -> None:
    """Do something `count` times, so many at once."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await do(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


async def _redis_settled(redis: Redis) -> int:
    """Return the bytes that Redis uses once session's outbox is empty: no more facts wait to go to the log."""
    async with asyncio.timeout(READY_SECONDS):
        while [key async for key in redis.scan_iter(match="*:senders", count=1000)]:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return int((await redis.info("memory"))["used_memory"])


@contextlib.asynccontextmanager
async def _system() -> AsyncIterator[_System]:
    data = Path(tempfile.mkdtemp())
    try:
        async with contextlib.AsyncExitStack() as stack:
            kafka, _ = await stack.enter_async_context(server("kafka", data / "kafka"))
            redis_url, _ = await stack.enter_async_context(server("redis", data / "redis"))
            target = f"127.0.0.1:{free_port()}"
            common = {
                "KAFKA_BOOTSTRAP_SERVERS": kafka,
                "SESSION_TARGET": target,
                "LOG_LEVEL": "ERROR",
                "DRAIN_SECONDS": "0",
                "DATA_DIR": str(data),
            }
            store = {"STORE": "redis", "REDIS_URL": redis_url, "SESSION_PORT": target.split(":")[1], **LEASES}
            agents = {"AGENTS_PATH": str(ROOT / "agents"), "CAPACITY": "1000000"}
            session = await stack.enter_async_context(_service("session", {**common, **store}))
            engine = await stack.enter_async_context(_service("fsa_engine", {**common, **agents}))
            bus = KafkaBus(kafka, "bench")
            await bus.start()
            stack.push_async_callback(bus.stop)
            stub = rpc.remote(SessionServiceStub, target, deadline=PATIENCE_SECONDS)
            stack.push_async_callback(stub.close)
            redis = Redis.from_url(redis_url)
            stack.push_async_callback(redis.aclose)
            caller = await stack.enter_async_context(EngineCaller(bus, stub))
            yield _System(caller, redis, engine, session)
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextlib.asynccontextmanager
async def _service(module: str, settings: dict[str, str]) -> AsyncIterator[int]:
    """Run a service as a process for the length of a block; yields its pid once it is ready."""
    port = free_port()
    async with processes.running("-m", module, env={**settings, "OPS_PORT": str(port)}) as child:
        async with asyncio.timeout(READY_SECONDS):
            while not await asyncio.to_thread(_ready, port):
                if child.returncode is not None:
                    raise RuntimeError(
                        f"{module} ended with {child.returncode} before it was ready: see {processes.LOG}"
                    )
                await asyncio.sleep(0.1)
        yield child.pid


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False
