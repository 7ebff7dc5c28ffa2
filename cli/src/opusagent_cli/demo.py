"""`opusagent demo` and `opusagent run`: stories in real time against a real system, judged by what was observed."""

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opusagent_cli import visiting
from opusagent_cli.answering import worth_saying
from opusagent_cli.console import Terminal
from opusagent_cli.options import DEMO_ACCOUNT, DEMO_HUMAN, DEMO_TOKEN, REPOSITORY, UpOptions, UsageError
from opusagent_cli.people import People, people
from opusagent_cli.ports import free_port, taking
from opusagent_cli.serve import Running, announce, ending, one_process, session_at, unless, watch
from simulator.realtime.server import RealtimeStandIn
from simulator.stories import STORIES, StoryEnvironment, StoryReport, TimelineEntry, run_story
from simulator.twilio.account import Account, Number
from simulator.twilio.network import PhoneNetwork

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

GRACE_S = 4.0
SHORT_TTL_S = 25.0
NUMBER = "+15550199"
PROTOCOLS = ("twilio", "audiocodes")
LOOPBACK = "127.0.0.1"

Bookings = Callable[[], Awaitable[Sequence[Mapping[str, str]]]]


@dataclasses.dataclass(frozen=True)
class DemoOptions:
    """Options of `opusagent demo`; an empty `url` means a system of its own."""

    story: str
    protocol: str
    url: str
    session: str
    network_port: int
    backend: str
    data: Path
    record: Path | None

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            UsageError: no such story or protocol.
        """
        if self.story != "all" and self.story not in STORIES:
            raise UsageError(f"no story '{self.story}': there are {', '.join(STORIES)}, and all")
        if self.protocol not in PROTOCOLS:
            raise UsageError(f"no protocol '{self.protocol}': there are {', '.join(PROTOCOLS)}")


async def play(options: DemoOptions, terminal: Terminal) -> bool:
    """Play one story or all; returns whether everything promised was observed."""
    names = list(STORIES) if options.story == "all" else [options.story]
    reports = []
    if options.url:
        async with session_at(options.session) as session:
            await visiting.must_be_there(options.url, session, options.session)
    async with people() as crowd:
        for name in names:
            terminal.say(f"\n{name} over {options.protocol}: {STORIES[name].title}\n")
            reports.append(await _play_one(name, options, crowd, terminal))
            _conclude(reports[-1], terminal)
    good = all(report.ok for report in reports)
    if options.url and not good and not terminal.json and not any(map(visiting.telephoned, reports)):
        terminal.say(visiting.how_to_start(options.url, f"http://127.0.0.1:{options.network_port}"))
    return good


async def run_and_serve(options: UpOptions, terminal: Terminal) -> None:
    """Start a system, play one demo call on it, then serve until told to end."""
    worth_saying(options)
    told = ending()
    terminal.say("Starting OpusAgent in one process (in-process bus, SQLite, local speech) ...")
    async with phone_network(0) as network:
        options = dataclasses.replace(options, phone_network=network.url, extra=pace("ringback") | options.extra)
        async with contextlib.AsyncExitStack() as stack:
            system = one_process(options, lambda text: terminal.say(f"  {text}"))
            running = await unless(told, stack.enter_async_context(system))
            if running is not None:
                await unless(told, _first_call(running, network, options, terminal))
            if running is not None and not told.is_set():
                announce(running, terminal)
                await unless(told, watch(running.session, terminal))
            terminal.say("stopping ...")


async def _first_call(running: Running, network: PhoneNetwork, options: UpOptions, terminal: Terminal) -> None:
    async with people() as crowd:
        terminal.say("\nA caller rings Riverside Clinic; his call will drop before he is done.\n")
        scene = Scene(options.public_url, network, running.session, bookings_in(options.data))
        world = environment(scene, crowd, _teller(terminal))
        _conclude(await run_story("ringback", "twilio", world), terminal)


async def _play_one(name: str, options: DemoOptions, crowd: People, terminal: Terminal) -> StoryReport:
    async with contextlib.AsyncExitStack() as stack:
        if options.url:
            session = await stack.enter_async_context(session_at(options.session))
            network = await stack.enter_async_context(phone_network(options.network_port))
            url, data = options.url, options.data
        else:
            network = await stack.enter_async_context(phone_network(0))
            data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            extra = (
                {"TWILIO_SIGNATURES": "true"}
                | pace(name)
                | await stack.enter_async_context(realtime_model(options.backend, crowd))
            )
            up = UpOptions(
                port=free_port(),
                ops_port=0,
                session_port=0,
                data=data,
                backend=options.backend,
                phone_network=network.url,
                extra=extra,
            )
            session = (await stack.enter_async_context(one_process(up, lambda _: None))).session
            url = up.public_url
        world = environment(Scene(url, network, session, bookings_in(data)), crowd, _teller(terminal))
        world.record = options.record
        if options.url:
            world.sms_grace_s = visiting.GRACE_S
        return await run_story(name, options.protocol, world)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A running system and the telephone network around it."""

    url: str
    network: PhoneNetwork
    session: "SessionServiceAsyncStub"
    bookings: Bookings


def environment(scene: Scene, crowd: People, on_entry: Callable[[TimelineEntry], None]) -> StoryEnvironment:
    """Return what a story needs of a scene; the network's number points at its gateway from now on."""
    scene.network.add_number(Number.of_gateway(NUMBER, scene.url))
    scene.network.narrator = crowd.voice.speak
    return StoryEnvironment(
        gateway_url=scene.url,
        network=scene.network,
        session=scene.session,
        bookings=scene.bookings,
        voice=crowd.voice,
        human_voice=crowd.human,
        number=NUMBER,
        human_number=DEMO_HUMAN.removeprefix("tel:"),
        sms_grace_s=GRACE_S,
        on_entry=on_entry,
    )


def _teller(terminal: Terminal) -> Callable[[TimelineEntry], None]:
    def show(entry: TimelineEntry) -> None:
        took = f"  ({entry.response_ms} ms)" if entry.response_ms is not None else ""
        terminal.line(entry.who, entry.text + took)

    return show


def pace(story: str) -> dict[str, str]:
    """Return settings that make a story's waiting short enough to watch, and name its human."""
    ttl = {"RESUME_TTL_SECONDS": str(SHORT_TTL_S)} if STORIES[story].needs_short_ttl else {}
    return {"GRACE_SECONDS": str(GRACE_S), "ESCALATION_TARGET": DEMO_HUMAN} | ttl


@contextlib.asynccontextmanager
async def phone_network(port: int) -> AsyncIterator[PhoneNetwork]:
    """Run the telephone network, with Twilio in it, for the length of a block."""
    network = PhoneNetwork(Account(DEMO_ACCOUNT, DEMO_TOKEN), port=port, plain_websockets=True)
    with taking("--network-port", LOOPBACK, port):
        await network.start()
    try:
        yield network
    finally:
        await network.stop()


@contextlib.asynccontextmanager
async def realtime_model(backend: str, crowd: People) -> AsyncIterator[dict[str, str]]:
    """Settings of the relay's model; the Realtime stand-in runs where there is no key."""
    if backend != "openai-realtime" or os.environ.get("OPENAI_API_KEY"):
        yield {}
        return
    stand_in = RealtimeStandIn(crowd.ears, crowd.agent)
    url = await stand_in.start()
    try:
        yield {"OPENAI_API_KEY": "stand-in", "OPENAI_BASE_URL": url}
    finally:
        await stand_in.stop()


async def serve_model(port: int, terminal: Terminal) -> None:
    """Run the Realtime stand-in until told to end."""
    told = ending()
    async with people() as crowd:
        stand_in = RealtimeStandIn(crowd.ears, crowd.agent)
        with taking("--port", LOOPBACK, port):
            url = await stand_in.start(port=port)
        terminal.say(f"A stand-in of the Realtime API: OPENAI_API_KEY=any OPENAI_BASE_URL={url}; Ctrl-C stops it.")
        await told.wait()
        await stand_in.stop()


def bookings_in(data: Path) -> Bookings:
    """Return what lists the clinic's calendar, as its own tool server prints it; it raises RuntimeError."""
    script = REPOSITORY / "agents" / "appointment" / "calendar_server.py"
    environ = {**os.environ, "OPUSAGENT_DATA": str(data.absolute())}

    async def bookings() -> Sequence[Mapping[str, str]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            "--list",
            "--json",
            env=environ,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"the calendar cannot be listed: {script.name} ended with {process.returncode}")
        rows: list[Mapping[str, str]] = json.loads(out)
        return rows

    return bookings


def _conclude(report: StoryReport, terminal: Terminal) -> None:
    if terminal.json:
        terminal.machine(json.dumps(report.as_json()))
        return
    failed = [check for check in report.checks if not check.ok]
    times = sorted(report.response_ms)
    median = f", half of the answers began within {times[len(times) // 2]} ms" if times else ""
    terminal.say(f"\n{len(report.checks) - len(failed)} of {len(report.checks)} promises observed{median}.")
    for check in failed:
        terminal.say(f"  NOT OBSERVED: {check.name}: {check.detail}")
