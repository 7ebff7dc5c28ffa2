"""The engine on an in-process bus and a session in memory, a relay that listens, and a step that does as it is told."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from chassis import rpc
from chassis.bus import CALL_EVENTS, FSA_INBOX, RELAY_INBOX, Bus
from chassis.bus_inprocess import InProcessBus
from chassis.heads import Gate, Stamper
from fsa_engine.bootstrap import EngineApp, build
from fsa_engine.domain import outputs as core
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import CallClosed, Event, HandedOver, Opened, ReasoningReturned, ToolReturned, Utterance
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step
from fsa_engine.settings import EngineSettings
from fsa_engine.testing import FakeSession
from fsa_engine.vault import Vault
from opusagent.call.v1.call_pb2 import CHANNEL_TWILIO, DIRECTION_INBOUND, CallInfo, Route
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE, STYLE_DIRECTED
from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.media.v1 import inbox_pb2 as media

RELAY_SLOT = 5
GATEWAY_SLOT = 3
PATIENCE_SECONDS = 20

SERVER = """
import asyncio, os, sys
from mcp.server import MCPServer

server = MCPServer("odd")

def count(path):
    with open(path, "a") as file:
        file.write("x")
    return os.path.getsize(path)

@server.tool()
async def echo(text: str) -> dict[str, str]:
    return {"text": text}

@server.tool()
async def hang(path: str = "") -> str:
    if path:
        count(path)
    await asyncio.Event().wait()
    return ""

@server.tool()
async def huge(megabytes: int) -> str:
    return "x" * (megabytes * 1024 * 1024)

@server.tool()
async def fail() -> str:
    raise RuntimeError("no")

@server.tool()
async def die_once(path: str) -> dict[str, int]:
    calls = count(path)
    if calls == 1:
        os._exit(1)
    return {"calls": calls}

@server.tool(structured_output=False)
async def odd_number() -> str:
    return '{"number": 123456789012345678901234567890}'

@server.tool()
async def found(yes: bool) -> dict[str, bool]:
    return {"found": yes}

if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run("stdio")
"""

AGENT = """
version: 1
agent: odd
name: Odd
called_numbers: ["+1800"]
persona: You are odd.
greeting: Hello.
help: I can echo.
servers:
  odd: {transport: stdio, command: [python, odd.py]}
tools:
  echo: {server: odd}
tasks:
  echo:
    description: Say something back.
    title: hear an echo
    request: echo request
    resume: echoing
    examples: [echo this]
    slots:
      text: {type: text, prompt: "What?"}
      pin: {type: digits, sensitive: true, prompt: "Pin?"}
      color: {type: enum, values: {red: [red], blue: [blue]}, description: A colour., prompt: "Which?"}
    initial: ask
    states:
      ask: {kind: collect, slot: text, to: act}
      act: {kind: act, tool: echo, arguments: {text: text}, to: done, failed: sorry}
      done: {kind: done, text: Done.}
      sorry: {kind: failed, text: Sorry.}
"""


@pytest.fixture
def odd_server(tmp_path: Path) -> Path:
    """A folder with an agent whose tool server, `odd.py`, hangs, dies, fails and floods."""
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "odd.py").write_text(SERVER)
    (folder / "agent.yaml").write_text(AGENT)
    return folder


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable


def told(agent: Agent, snapshot: Snapshot, event: Event) -> Step:
    """A step under the test's control: an utterance that is JSON is an intent's payload, anything else is echoed.

    `keys` of the snapshot is the list of all events stepped.
    """
    bodies: list[core.Body] = []
    intents: list[core.Intent] = []
    if isinstance(event, Opened):
        bodies = [core.Verbatim("Hello."), core.Ask("What?", core.Expectation("intent", ("echo",), 7000))]
    elif isinstance(event, Utterance) and event.text.startswith("{"):
        payload = {"server": "odd", "timeout_ms": 15_000} | orjson.loads(event.text)
        bodies = [core.Progress("One moment.")]
        intents = [core.Intent(f"{event.event_id}/i0", payload.pop("kind", "tool"), payload)]
    elif isinstance(event, Utterance) and event.text == "break":
        raise ZeroDivisionError
    elif isinstance(event, ToolReturned):
        said = {"ok": event.ok, "error": event.error, "unknown": event.unknown, "result": dict(event.result)}
        bodies = [core.Result(orjson.dumps(said).decode())]
    elif isinstance(event, ReasoningReturned | HandedOver):
        bodies = [core.Result(orjson.dumps(dict(vars(event), agent=agent.agent)).decode())]
    elif not isinstance(event, CallClosed):
        bodies = [core.Ask(f"heard {getattr(event, 'text', type(event).__name__)}", core.Expectation("text"))]
    after = replace(snapshot, keys=f"{snapshot.keys} {event.event_id}".strip(), definition_hash=agent.definition_hash)
    made = tuple(core.Output(f"{event.event_id}#{n}", "", body) for n, body in enumerate(bodies))
    audit = ({"event": event.event_id, "verdict": "told"},)
    return Step(after, made, tuple(intents), (), audit, core.Business(), f"-> {type(event).__name__}")


@dataclass
class Relay:
    """A call's relay, and its gateway: posts items to an engine, hears what it answers."""

    bus: Bus
    call_id: str
    session_id: str
    engine_slot: int = 0
    generation: int = 1
    heard: "asyncio.Queue[media.RelayItem]" = field(default_factory=asyncio.Queue)
    stampers: dict[int, Stamper] = field(default_factory=dict)

    @property
    def route(self) -> Route:
        return Route(
            gateway_slot=GATEWAY_SLOT,
            relay_slot=RELAY_SLOT,
            relay_generation=self.generation,
            engine_slot=self.engine_slot,
        )

    def head(self, sender: "media.Sender") -> media.Head:
        stamper = self.stampers.setdefault(sender, Stamper(sender))
        return stamper.head(self.call_id, self.generation, "engine")

    def post(self, event: str, sender: "media.Sender" = media.SENDER_RELAY, **body: Any) -> str:
        """Post one item; its event id is the call id, a slash and `event`."""
        item = media.FsaItem(
            head=self.head(sender),
            event_id=f"{self.call_id}/{event}",
            occurred_at_ms=1_800_000_000_000,
            route=self.route,
            session_id=self.session_id,
            **body,
        )
        self.bus.post(FSA_INBOX, self.engine_slot, media.FsaInbox(items=[item]).SerializeToString())
        return item.event_id

    def call(self, callee: str = "+1800", *, resumed: bool = False) -> CallInfo:
        return CallInfo(
            call_id=self.call_id,
            session_id=self.session_id,
            channel=CHANNEL_TWILIO,
            direction=DIRECTION_INBOUND,
            caller="+15550001",
            callee=callee,
            resumed=resumed,
        )

    async def open(self, callee: str = "+1800", *, resumed: bool = False) -> media.PlanReady:
        """Ask for the plan and return it."""
        self.post("opened", plan=self.plan_request(callee, resumed=resumed))
        return (await self.until("plan")).plan

    def plan_request(self, callee: str = "+1800", *, resumed: bool = False) -> media.PlanRequest:
        return media.PlanRequest(call=self.call(callee, resumed=resumed), styles=[STYLE_DIRECTED, STYLE_DIALOGUE])

    def say(self, event: str, text: str) -> str:
        return self.post(event, utterance=fsa.Utterance(text=text))

    def ask_tool(self, event: str, **payload: Any) -> str:
        return self.say(event, orjson.dumps(payload).decode())

    def close(self) -> str:
        return self.post("closed", media.SENDER_GATEWAY, closed=media.CallClosed())

    async def next(self) -> media.RelayItem:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.heard.get()

    async def until(self, body: str, event_id: str = "") -> media.RelayItem:
        """Return the next item of a kind (and event), dropping what comes before."""
        while True:
            item = await self.next()
            if item.WhichOneof("body") == body and (not event_id or event_id == getattr(item, body).event_id):
                return item

    async def texts(self, event_id: str) -> list[str]:
        """Return what the step of an event has to say."""
        outputs = (await self.until("outputs", event_id)).outputs.outputs
        return [getattr(getattr(one, one.WhichOneof("body") or ""), "text", "") for one in outputs]

    async def result(self, event_id: str) -> dict[str, Any]:
        """Return what the tool call that an event led to came to."""
        (text,) = await self.texts(f"{event_id}/i0/result")
        said: dict[str, Any] = orjson.loads(text)
        return said


@dataclass
class World:
    """A bus, a session service, engines and calls."""

    bus: InProcessBus
    session: FakeSession
    agents: Path
    engines: list[EngineApp] = field(default_factory=list)
    relays: dict[str, Relay] = field(default_factory=dict)
    gate: Gate = field(default_factory=Gate)
    step: Callable[[Agent, Snapshot, Event], Step] = told
    clock: Callable[[], int] = lambda: 1_800_000_000_000

    async def engine(self, **settings: Any) -> EngineApp:
        """Start an engine; its slot is its number in order. It compares words only, unless told otherwise."""
        made = EngineSettings(
            agents_path=str(self.agents),
            holder=f"engine-{len(self.engines)}",
            session_retry_first_seconds=0.001,
            session_retry_longest_seconds=0.005,
            stop_seconds=0.5,
            **{"intent_model": "none", **settings},
        )
        app = build(made, self.bus, rpc.direct(self.session), clock=self.clock, step=self.step)
        self.engines.append(app)
        await app.start()
        return app

    def relay(self, call_id: str = "call-1", session_id: str = "session-1", engine_slot: int = 0) -> Relay:
        """Return a new call's relay."""
        relay = self.relays[call_id] = Relay(self.bus, call_id, session_id, engine_slot)
        return relay

    def saved(self, session_id: str = "session-1") -> Snapshot:
        """Return what is saved of a session, with nothing sealed."""
        kept = self.session.session(session_id)
        return Snapshot.from_bytes(kept.snapshot, Vault(session_id, kept.key).unseal)

    def hear(self, record: bytes, _: object) -> None:
        for item in media.RelayInbox.FromString(record).items:
            if self.gate.admit(item.head):
                self.relays[item.head.call_id].heard.put_nowait(item)

    async def facts(self, kind: str, count: int) -> list[Any]:
        """Return the first facts of a kind, once there are so many."""
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for record in self.bus.read(CALL_EVENTS, from_start=True):
                event = CallEvent.FromString(record.value)
                if event.WhichOneof("fact") == kind:
                    found.append(getattr(event, kind))
                if len(found) == count:
                    return found
        raise AssertionError("the log has an end")


@pytest.fixture
def agents(odd_server: Path) -> Path:
    """The folder of the agents that a world begins with."""
    return odd_server


@pytest.fixture
async def world(agents: Path) -> AsyncIterator[World]:
    bus = InProcessBus()
    await bus.start()
    world = World(bus, FakeSession(), agents)
    subscription = await bus.listen(RELAY_INBOX, RELAY_SLOT, world.hear)
    yield world
    for engine in world.engines:
        await engine.stop()
    await subscription.close()
    await bus.stop()


@pytest.fixture
def settled() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Let other tasks run until a condition holds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)

    return wait


class Counted:
    """How often the counting tools were called with `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path / "calls")
