"""One agent served in this process for a conversation in text: the engine, session and the agent's own tool servers."""

import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.bus_inprocess import InProcessBus
from chassis.ids import Clock, now_ms
from chassis.rpc import direct
from chassis.settings import read
from fsa_engine.adapters.mcp_tools import Limits, Outcome, ServerSpec, ToolServer, ToolServers
from fsa_engine.bootstrap import EngineApp
from fsa_engine.bootstrap import build as build_engine
from fsa_engine.bootstrap import catalog as engine_catalog
from fsa_engine.catalog import AgentCatalog
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_agent
from fsa_engine.settings import EngineSettings
from opusagent.session.v1.session_pb2 import ROLE_RELAY, LeaseSlotRequest
from opusagent_cli.agent.files import AGENT_FILE, CONVERSATIONS, handed_over_to
from opusagent_cli.options import UsageError
from session.bootstrap import build as build_session
from session.settings import SessionSettings, StoreKind


@dataclass(frozen=True)
class Room:
    """What a conversation takes place in. `failures`: what tools said of calls that failed, as it comes."""

    agent: Agent
    bus: InProcessBus
    session: Any
    engine: EngineApp
    clock: Clock
    failures: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def room(file: Path, data: Path | None, clock: Clock = now_ms) -> AsyncIterator[Room]:
    """Serve one definition for the length of a block, its tool servers running; without `data` nothing of it is kept.

    Raises:
        UsageError: its tools are not there or are not what it expects.
        DefinitionError: it is broken.
    """
    agent = load_agent(file)
    async with contextlib.AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opusagent-")))
        bus = InProcessBus(data)
        await bus.start()
        stack.push_async_callback(bus.stop)
        session = build_session(_session_settings(data), bus, clock=clock)
        await session.start()
        stack.push_async_callback(session.stop)
        client = direct(session.servicer)
        folders = [folder_of(file, scratch), *(other.parent for other in handed_over_to(file, agent))]
        failures: list[str] = []
        settings = _engine_settings(agent, folders, data or scratch)
        engine = build_engine(settings, bus, client, _catalog(settings, failures), clock)
        stack.push_async_callback(engine.stop)
        await engine.start()
        await client.LeaseSlot(LeaseSlotRequest(role=ROLE_RELAY, holder="chat", capacity=1, ready=True))
        _all_served(engine)
        yield Room(agent, bus, client, engine, clock, failures)


class _Overheard(ToolServer):
    """A tool server whose failures are told to the author, who would not find their reasons in the audit."""

    def __init__(self, spec: ServerSpec, limits: Limits, failures: list[str]) -> None:
        super().__init__(spec, limits)
        self._failures = failures

    async def call(self, tool: str, *given: Any, **named: Any) -> Outcome:
        """Call, and keep what the tool says of itself when it fails."""
        outcome = await super().call(tool, *given, **named)
        if outcome.failure is not None:
            reasons = (tool, str(outcome.failure), outcome.detail, self.last_exception)
            self._failures.append(": ".join(filter(None, reasons)))
        return outcome


def _catalog(settings: EngineSettings, failures: list[str]) -> AgentCatalog:
    agents = engine_catalog(settings)
    limits = agents.tool_servers.limits
    agents.tool_servers = ToolServers(limits, lambda spec, limits: _Overheard(spec, limits, failures))
    return agents


def _session_settings(data: Path | None) -> SessionSettings:
    """Leases never run out here: whoever could take a slot would be this process itself."""
    values: dict[str, Any] = {"store": StoreKind.MEMORY, "lease_ttl_seconds": 0}
    if data is not None:
        values |= {"store": StoreKind.SQLITE, "data_dir": data}
    return read(SessionSettings, **values)


def _engine_settings(agent: Agent, folders: Sequence[Path], data: Path) -> EngineSettings:
    path = os.pathsep.join(map(str, folders))
    values: dict[str, Any] = {"agents_path": path, "default_agent": agent.agent, "data_dir": str(data)}
    return read(EngineSettings, **values)


def _all_served(engine: EngineApp) -> None:
    problems = [f"{name}: {why}" for name, reasons in engine.catalog.problems.items() for why in reasons]
    if problems:
        raise UsageError("the agent cannot be served:\n" + "\n".join(f"  {problem}" for problem in problems))


def folder_of(file: Path, scratch: Path) -> Path:
    """Return a folder in which the definition is named as the engine expects it, beside all that is beside it."""
    if file.name == AGENT_FILE:
        return file.parent
    folder = scratch / "agent"
    folder.mkdir()
    for beside in file.parent.iterdir():
        if beside.name != AGENT_FILE and not beside.match(CONVERSATIONS):
            os.symlink(beside.absolute(), folder / beside.name)
    os.symlink(file.absolute(), folder / AGENT_FILE)
    return folder
