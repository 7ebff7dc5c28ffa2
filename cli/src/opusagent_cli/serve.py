"""`opusagent up`: serve until told to end, showing calls as they come."""

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from chassis import tracing
from chassis.rpc import RpcError, remote
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.session.v1 import session_pb2
from opusagent_cli import facts
from opusagent_cli.answering import worth_saying
from opusagent_cli.console import Terminal
from opusagent_cli.options import UpOptions, UsageError

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

WATCH_AGAIN_S = 1.0
PATIENCE_S = 10.0
"""With a session service that is busy: nobody's call waits for what commands ask."""

T = TypeVar("T")


class Running(Protocol):
    """A running OpusAgent, in one process or in many."""

    session: "SessionServiceAsyncStub"
    options: UpOptions


@contextlib.asynccontextmanager
async def one_process(options: UpOptions, say: Callable[[str], None]) -> AsyncIterator[Running]:
    """Run all services here for the length of a block."""
    # Imported here: the speech engines take a second to import, which `--help` should not wait for.
    from opusagent_cli.oneprocess import OneProcess

    tracing.configure("opusagent")
    system = OneProcess(options)
    try:
        await system.start(say)
        yield system
    finally:
        await system.stop()
        await asyncio.to_thread(tracing.shutdown)


class _Remote:
    def __init__(self, options: UpOptions, session: "SessionServiceAsyncStub") -> None:
        self.options = options
        self.session = session


@contextlib.asynccontextmanager
async def many_processes(options: UpOptions, say: Callable[[str], None]) -> AsyncIterator[Running]:
    """Run each service as a process of its own for the length of a block."""
    if not options.kafka or not options.redis:
        raise UsageError(
            "--multi needs --kafka HOST:PORT and --redis redis://HOST:PORT (see `make kafka`, `make redis`)"
        )
    from opusagent_cli.multi import MultiProcess

    system = MultiProcess(options, say)
    try:
        await system.start()
        async with session_at(f"127.0.0.1:{options.session_port}") as session:
            yield _Remote(options, session)
    finally:
        await system.stop()


@contextlib.asynccontextmanager
async def session_at(target: str) -> AsyncIterator["SessionServiceAsyncStub"]:
    """Connect to a session service for the length of a block."""
    from opusagent.session.v1.session_pb2_grpc import SessionServiceStub

    client = remote(SessionServiceStub, target, deadline=PATIENCE_S)
    try:
        yield client
    finally:
        await client.close()


async def watch(session: "SessionServiceAsyncStub", terminal: Terminal, *, from_start: bool = False) -> None:
    """Print facts as they are recorded, without an end; reconnects."""
    request = session_pb2.WatchEventsRequest(from_start=from_start)
    while True:
        try:
            async for answer in session.WatchEvents(request):
                show(answer.event, terminal)
        except RpcError as error:
            if not error.retriable:
                raise
        await asyncio.sleep(WATCH_AGAIN_S)


def show(event: CallEvent, terminal: Terminal) -> None:
    """Print one fact."""
    if terminal.json:
        terminal.machine(facts.as_json(event))
        return
    told = facts.describe(event)
    if told is not None:
        terminal.line(*told, at_ms=event.occurred_at_ms)


Arrangement = Callable[[UpOptions, Callable[[str], None]], contextlib.AbstractAsyncContextManager[Running]]


def arranged(*, multi: bool) -> Arrangement:
    """Return how services are run. Takes seconds, to import them; do it where an interrupt ends the process."""
    importlib.import_module("opusagent_cli.multi" if multi else "opusagent_cli.oneprocess")
    return many_processes if multi else one_process


async def up(options: UpOptions, terminal: Terminal, arrangement: Arrangement) -> None:
    """Serve until SIGINT or SIGTERM. Raises UsageError for an agent that is not there."""
    worth_saying(options)
    system = arrangement(options, terminal.say)
    told = ending()
    async with contextlib.AsyncExitStack() as stack:
        running = await unless(told, stack.enter_async_context(system))
        if running is not None:
            announce(running, terminal)
            watching = asyncio.create_task(watch(running.session, terminal))
            await told.wait()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        terminal.say("stopping ...")


async def unless(told: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what the work comes to; None, when it was cancelled because the event came first."""
    task = asyncio.ensure_future(work)
    waiter = asyncio.create_task(told.wait())
    try:
        await asyncio.wait([task, waiter], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        return await task
    except asyncio.CancelledError:
        if not told.is_set():
            raise
        return None
    finally:
        waiter.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


def announce(running: Running, terminal: Terminal) -> None:
    """Say that it serves, what to open and what to try."""
    options = running.options
    if terminal.json:
        ops = f"http://{options.host}:{options.ops_port}"
        url = f"http://{options.host}:{options.port}"
        session = f"127.0.0.1:{options.session_port}" if options.session_port else ""
        terminal.machine(json.dumps({"event": "ready", "url": url, "ops": ops, "session": session}))
        return
    host = f"{options.host}:{options.port}"
    terminal.say(f"\nOpusAgent takes calls at {host}; Ctrl-C stops it.")
    terminal.say(f"  Twilio       http://{host}/twilio/voice  ws://{host}/twilio/media")
    terminal.say(f"  AudioCodes   ws://{host}/audiocodes")
    terminal.say(f"  operator     http://{options.host}:{options.ops_port}/calls  /metrics  /healthz  /readyz")
    if options.session_port:
        terminal.say(f"  session      127.0.0.1:{options.session_port}  (for opusagent events, sessions, demo --url)")
    if options.phone_network and os.environ.get("TWILIO_AUTH_TOKEN"):
        terminal.say(
            f"TWILIO_AUTH_TOKEN is not used: the telephone network is the stand-in at {options.phone_network}, "
            "and requests need no signature"
        )
    terminal.say("Try, in another terminal:")
    said = " ".join(f'"{words}"' for words in worth_saying(options))
    terminal.say(f"  {program()} call {_line_to(options)} --protocol twilio --say {said}\n")


def program() -> str:
    """Return how this program is called from where the reader is: by its path, unless its environment is active."""
    path = Path(sys.executable).with_name("opusagent")
    if os.environ.get("VIRTUAL_ENV") or not path.is_file():
        return "opusagent"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _line_to(options: UpOptions) -> str:
    """Return the options of a caller: where Twilio must sign, its token signs what the webhook answers."""
    if not options.phone_network and os.environ.get("TWILIO_AUTH_TOKEN"):
        return f'--url {options.public_url}/twilio/voice --token "$TWILIO_AUTH_TOKEN"'
    return f"--url ws://{options.host}:{options.port}/twilio/media"


def ending() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, on the running loop."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    return told
