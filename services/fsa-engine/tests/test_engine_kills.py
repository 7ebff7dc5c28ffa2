"""kill -9 at every point of a step that calls a tool, for every way in which an uncertain call is settled.

The engine that is killed is a process of its own; so is the tool server, which has SQLite under it. Another engine is
there already and is told what a relay would tell it. Three calls run at once, one for each way.
"""

import asyncio
import base64
import json
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chassis import rpc
from chassis.ids import now_ms
from chassis.rpc import RpcError, StatusCode
from fsa_engine.domain.step import step
from fsa_engine.testing import FakeSession
from opusagent.call.v1.call_pb2 import Route
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.session.v1 import session_pb2 as pb
from opusagent.session.v1.session_pb2_grpc import SessionServiceServicer, add_SessionServiceServicer_to_server

World = Any
HERE = Path(__file__).parent
WAYS = ("keyed", "looked_up", "once")
LIMITS_MS = {"keyed": 5000, "looked_up": 1500, "once": 5000}
"""A lookup that says no is believed only after the limit, so that one is short."""
SETTLE = {
    "keyed": "settle: idempotent_by_key",
    "looked_up": "settle: lookup, "
    'lookup: {tool: find, arguments: {reference: call.call_id}, happened: result.state == "paid"}',
    "once": "settle: once",
}
TASK = """
  {way}:
    description: Pay.
    title: pay {way}
    request: payment
    resume: paying
    examples: [pay {way}]
    initial: act
    states:
      act:
        kind: act
        tool: pay_{way}
        arguments: {{reference: call.call_id}}
        to: paid
        failed: sorry
        unknown: human
      paid: {{kind: done, text: Paid.}}
      sorry: {{kind: failed, text: Not paid.}}
      human: {{kind: failed, text: A human will look into it., reason: unknown}}
"""
HEAD = """
version: 1
agent: ledger
name: Ledger
called_numbers: ["*"]
greeting: Hello.
help: I can pay.
servers:
  ledger: {transport: stdio, command: [python, ledger_server.py]}
tools:
  find: {server: ledger, key_argument: key, timeout_ms: 5000}
"""
QUIET: dict[str, Any] = {"sweep_seconds": 0, "intent_model": "none"}
PAID, UNKNOWN = "Paid.", "A human will look into it."


class Served(FakeSession, SessionServiceServicer):  # type: ignore[misc]
    """The session in memory, behind a port."""


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "ledger"
    folder.mkdir()
    tools = "".join(
        f"  pay_{way}: {{server: ledger, write: true, {SETTLE[way]}, timeout_ms: {LIMITS_MS[way]}}}\n" for way in WAYS
    )
    tasks = "".join(TASK.format(way=way) for way in WAYS)
    (folder / "agent.yaml").write_text(f"{HEAD}{tools}tasks:{tasks}")
    shutil.copy(HERE / "ledger_server.py", folder)
    return folder


@dataclass
class Victim:
    """An engine to be killed. As a bus it takes what a relay posts."""

    process: asyncio.subprocess.Process

    def post(self, topic: str, slot: int, value: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(base64.b64encode(value) + b"\n")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    async def dead(self) -> None:
        async with asyncio.timeout(30):
            assert await self.process.wait() == -signal.SIGKILL


@dataclass
class Bank:
    """Two engines, one to be killed, and a call for each way of settling."""

    world: World
    agents: Path
    target: str
    victim: Any = None
    relays: dict[str, Any] = field(default_factory=dict)

    def hook(self, **hook: Any) -> None:
        (self.agents / "hook.json").write_text(json.dumps(hook))

    async def start_victim(self) -> Victim:
        given = {"target": self.target, "agents_path": str(self.agents), **QUIET}
        command = (sys.executable, str(HERE / "killable_engine.py"), json.dumps(given))
        pipe, quiet = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=quiet)
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while (line := await process.stdout.readline()) != b"ready\n":
                assert line, "the engine did not start"
        self.victim = Victim(process)
        return self.victim

    def call(self, bus: Any) -> None:
        """Open a call for every way and ask for its task."""
        for way in WAYS:
            relay = self.relays[way] = self.world.relay(f"call-{way}", f"session-{way}")
            relay.bus = bus
            relay.post("opened", plan=relay.plan_request())
            relay.post("start", start=fsa.StartTask(task=way))

    def turn_to(self, survivor: Any) -> None:
        """What relays do when an engine does not accept: everything unaccepted is posted again, elsewhere."""
        for relay in self.relays.values():
            relay.bus, relay.engine_slot = self.world.bus, survivor.lease.slot
            relay.post("opened", plan=relay.plan_request())
            relay.post("start", start=fsa.StartTask(task=relay.session_id.removeprefix("session-")))

    async def ends(self) -> dict[str, str]:
        """Return how each task ended, as its caller is told."""
        return {way: await self._end(relay) for way, relay in self.relays.items()}

    async def _end(self, relay: Any) -> str:
        while True:
            item = await relay.next()
            said = item.outputs.outputs or item.plan.opening.outputs
            for one in said:
                if one.WhichOneof("body") in ("result", "failed"):
                    return str(one.result.text or one.failed.text)

    def effects(self) -> dict[str, int]:
        with sqlite3.connect(self.agents / "ledger.sqlite") as db:
            db.execute("CREATE TABLE IF NOT EXISTS effects (tool TEXT, reference TEXT, key TEXT)")
            rows = db.execute("SELECT reference, COUNT(*) FROM effects GROUP BY reference").fetchall()
        return {way: dict(rows).get(f"call-{way}", 0) for way in WAYS}


@pytest.fixture
async def bank(world: World, agents: Path) -> AsyncIterator[Bank]:
    world.step = step
    world.clock = now_ms
    world.session = Served()
    server = await rpc.serve([(add_SessionServiceServicer_to_server, world.session)], "127.0.0.1", 0)
    bank = Bank(world, agents, f"127.0.0.1:{server.port}")
    yield bank
    if bank.victim is not None and bank.victim.process.returncode is None:
        bank.victim.kill()
        await bank.victim.process.wait()
    await server.stop(0)


def kill_at(bank: Bank, matches: Callable[[str], bool], *, saved: bool) -> None:
    """Kill the victim when it saves the matching steps of all three calls: before, or once they are `saved`."""
    reached: set[str] = set()

    def reach(request: pb.SaveTaskRequest) -> None:
        if not isinstance(request, pb.SaveTaskRequest) or not matches(request.event_id):
            return
        reached.add(request.session_id)
        if len(reached) == len(WAYS) and bank.victim.process.returncode is None:
            bank.victim.kill()
            bank.world.session.fault = bank.world.session.after_save = lambda request: None
        raise RpcError(StatusCode.UNAVAILABLE, "held")

    def refuse_again(request: Any) -> None:
        if getattr(request, "session_id", "") in reached:
            raise RpcError(StatusCode.UNAVAILABLE, "held")

    bank.world.session.fault = refuse_again if saved else reach
    if saved:
        bank.world.session.after_save = reach


def on_start(event_id: str) -> bool:
    return event_id.endswith("/start")


def on_result(event_id: str) -> bool:
    return event_id.endswith("/result")


async def killed(bank: Bank) -> None:
    """Have the victim run into its death while another engine stands by, which then gets the calls."""
    await bank.start_victim()
    survivor = await bank.world.engine(tool_grace_seconds=0.3, **QUIET)
    bank.call(bank.victim)
    await bank.victim.dead()
    bank.turn_to(survivor)


ONE_EACH = {"keyed": 1, "looked_up": 1, "once": 1}
ALL_PAID = {"keyed": PAID, "looked_up": PAID, "once": PAID}
ONCE_UNKNOWN = {"keyed": PAID, "looked_up": PAID, "once": UNKNOWN}


async def test_before_the_step_is_saved(bank: Bank) -> None:
    kill_at(bank, on_start, saved=False)
    await killed(bank)
    assert await bank.ends() == ALL_PAID
    assert bank.effects() == ONE_EACH


async def test_after_the_step_is_saved_and_before_the_call(bank: Bank) -> None:
    kill_at(bank, on_start, saved=True)
    await killed(bank)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH | {"once": 0}


async def test_during_the_call_with_its_effect_still_to_come(bank: Bank) -> None:
    bank.hook(at="before", kill="engine")
    await killed(bank)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH


async def test_during_the_call_after_its_effect(bank: Bank) -> None:
    bank.hook(at="after", kill="engine")
    await killed(bank)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH


async def test_after_the_call_and_before_its_result_is_saved(bank: Bank) -> None:
    kill_at(bank, on_result, saved=False)
    await killed(bank)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH


async def test_after_the_result_is_saved_and_before_it_is_published(bank: Bank) -> None:
    kill_at(bank, on_result, saved=True)
    await killed(bank)
    assert await bank.ends() == ALL_PAID
    assert bank.effects() == ONE_EACH


@pytest.mark.parametrize(("point", "done"), [("before", 0), ("after", 1)])
async def test_a_tool_server_that_is_killed_during_the_call(bank: Bank, point: str, done: int) -> None:
    bank.hook(at=point, kill="server")
    await bank.world.engine(tool_grace_seconds=0.3, intent_model="none")
    bank.call(bank.world.bus)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH | {"once": done}


async def test_an_engine_that_starts_settles_what_a_dead_one_left_and_tells_the_caller(bank: Bank) -> None:
    bank.hook(at="after", kill="engine")
    victim = await bank.start_victim()
    bank.call(victim)
    await victim.dead()
    for way, relay in bank.relays.items():
        route = Route(relay_slot=5, relay_generation=1)
        live = pb.FindCallResponse(call=relay.call(), route=route, live=True)
        bank.world.session.calls.append(live)
        assert bank.world.session.session(f"session-{way}").open_intents
    await bank.world.engine(tool_grace_seconds=0.3, **QUIET)
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH
    assert not any(one.open_intents for one in bank.world.session.sessions.values())


async def test_two_engines_that_start_at_once_make_a_call_once(bank: Bank) -> None:
    kill_at(bank, on_start, saved=True)
    victim = await bank.start_victim()
    bank.call(victim)
    await victim.dead()
    live = [pb.FindCallResponse(call=r.call(), route=Route(relay_slot=5), live=True) for r in bank.relays.values()]
    bank.world.session.calls.extend(live)
    await asyncio.gather(*(bank.world.engine(tool_grace_seconds=0.3, **QUIET) for _ in range(2)))
    assert await bank.ends() == ONCE_UNKNOWN
    assert bank.effects() == ONE_EACH | {"once": 0}
    takes = [event for one in bank.world.session.sessions.values() for event in one.saves if "/try2/" in event]
    assert len(takes) == 1
