"""The agents of this process: read from folders, checked against their tools, chosen by the called number.

A definition that is broken, or whose tools are missing or of another shape, is reported and not served; the others
are, and so is the version before it. A conversation keeps the definition it began with, by hash, even when the folder
holds a newer one by now.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from chassis.logging import get_logger
from chassis.retry import Backoff
from fsa_engine.adapters.mcp_tools import ServerSpec, ToolServer, ToolServers
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, hands_off_to_nobody, load_agent, with_target
from fsa_engine.metrics import AGENTS, AGENTS_BROKEN
from fsa_engine.tool_check import tool_problems

AGENT_FILE = "agent.yaml"
AGENT_SCHEME = "agent:"
"""Of a called number that names an agent, whatever the numbers it answers."""

VERSIONS_KEPT = 16
"""Of each agent, for conversations that began with them."""

_log = get_logger(__name__)


@dataclass(eq=False)
class ServedAgent:
    """A definition, its file and its tool servers. Served for new calls once `problems` is empty.

    `order`: rises with every version that is read, of any agent.
    """

    agent: Agent
    file: Path
    servers: Mapping[str, ToolServer]
    order: int = 0
    problems: Sequence[str] = ("its tools have not been checked yet",)

    def server(self, name: str) -> ToolServer:
        """Return a tool server by the definition's name for it; KeyError when there is none."""
        return self.servers[name]

    async def check(self) -> None:
        """Compare the definition with what its tool servers offer; sets `problems`."""
        problems: list[str] = []
        for name, server in self.servers.items():
            try:
                tools = await server.tools()
            except TimeoutError:
                problems.append(f"tool server {name}: {server.problem}")
                continue
            problems += tool_problems(self.agent, name, tools)
        self.problems = problems


@dataclass
class AgentCatalog:
    """All agents of the configured folders. `start` before anything else; `load` again after a change.

    `escalation_target`: tel: or sip: URI of the human behind agents that name none; empty = there is nobody.
    `prepare`: awaited with every definition before it is served.
    """

    folders: Sequence[Path]
    default: str
    tool_servers: ToolServers
    environment: Mapping[str, str] = field(default_factory=dict)
    escalation_target: str = ""
    prepare: Callable[[Agent], Awaitable[None]] | None = None
    broken: dict[Path, str] = field(default_factory=dict)
    _newest: dict[str, ServedAgent] = field(default_factory=dict)
    _current: dict[str, ServedAgent] = field(default_factory=dict)
    _by_hash: dict[str, ServedAgent] = field(default_factory=dict)
    _checks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _read_so_far: int = 0

    async def start(self) -> None:
        """Load every agent and check its tools once; what is not right is tried again in the background."""
        await self.load()

    async def load(self) -> None:
        """Read the folders (again). A new version of an agent takes new calls once its tools were checked."""
        found = await asyncio.to_thread(find_agents, self.folders)
        if not found:
            _log.error("no agent was found", folders=[str(folder) for folder in self.folders])
        self.broken = {}
        fresh = [served for path in found if (served := await self._read(path)) is not None]
        _warn_of_nobody([served.agent for served in fresh])
        self._drop_all_but(set(found))
        await asyncio.gather(*(self._check(served) for served in fresh))
        await self._forget_old()
        self._count()

    async def stop(self) -> None:
        """End the checks and the tool servers."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)
        self._checks.clear()
        await self.tool_servers.stop()

    def find(self, definition_hash: str, callee: str) -> ServedAgent | None:
        """Return the definition a conversation began with, or else the one for the called number, if any."""
        return self._by_hash.get(definition_hash) or self.for_callee(callee)

    def for_callee(self, callee: str) -> ServedAgent | None:
        """Return who answers a number: who names it, else the default agent, else a pattern that fits, else none."""
        agents = self.served
        if callee.startswith(AGENT_SCHEME):
            return self.named(callee.removeprefix(AGENT_SCHEME))
        for served in agents:
            if callee in served.agent.called_numbers:
                return served
        if self.default:
            return next((served for served in agents if served.agent.agent == self.default), None)
        fitting = (s for s in agents if any(fnmatchcase(callee, number) for number in s.agent.called_numbers))
        return next(fitting, agents[0] if len(agents) == 1 else None)

    def named(self, agent: str) -> ServedAgent | None:
        """Return an agent that takes new calls by its name, if there is one."""
        return next((served for served in self.served if served.agent.agent == agent), None)

    @property
    def served(self) -> list[ServedAgent]:
        """Who takes new calls."""
        return [served for served in self._current.values() if not served.problems]

    @property
    def problems(self) -> dict[str, list[str]]:
        """Why agents are not served, by name or file."""
        unready = {name: list(served.problems) for name, served in self._newest.items() if served.problems}
        return unready | {str(path): [why] for path, why in self.broken.items()}

    def why_none(self) -> str:
        """Say, for the operator, why a call finds no agent."""
        held_back = "; ".join(f"{name}: {why}" for name, reasons in self.problems.items() for why in reasons)
        return f"no agent serves this call ({held_back or 'none answers the called number'})"

    async def _read(self, path: Path) -> ServedAgent | None:
        try:
            agent = with_target(await asyncio.to_thread(load_agent, path), self.escalation_target)
        except (DefinitionError, OSError) as error:
            self.broken[path] = str(error)
            _log.error("an agent's definition is broken and not served", file=str(path), problem=str(error))
            return None
        self._read_so_far += 1
        known = self._by_hash.get(agent.definition_hash)
        if known is not None and known.file == path:
            known.order = self._read_so_far
            self._newest[agent.agent] = known
            self._admit(known)
            return None
        servers = {name: self.tool_servers.get(self._spec(agent, name, path.parent)) for name in agent.servers}
        served = self._newest[agent.agent] = ServedAgent(agent, path, servers, self._read_so_far)
        return served

    def _drop_all_but(self, found: set[Path]) -> None:
        """Serve no new calls with what was removed, or is defined under another name by now."""
        names = {served.file: name for name, served in sorted(self._newest.items(), key=lambda one: one[1].order)}
        for agents in (self._newest, self._current):
            for name, served in list(agents.items()):
                if served.file not in found or names.get(served.file, name) != name:
                    _log.info("an agent is served no more", agent=name)
                    del agents[name]

    async def _forget_old(self) -> None:
        """Keep the latest versions of each agent, and the tool servers that one of them names."""
        for name in {served.agent.agent for served in self._by_hash.values()}:
            versions = sorted((s for s in self._by_hash.values() if s.agent.agent == name), key=lambda s: s.order)
            for served in versions[:-VERSIONS_KEPT]:
                del self._by_hash[served.agent.definition_hash]
        kept = (*self._by_hash.values(), *self._newest.values())
        await self.tool_servers.keep({server for served in kept for server in served.servers.values()})

    def _spec(self, agent: Agent, name: str, folder: Path) -> ServerSpec:
        server = agent.servers[name]
        environment = tuple(sorted(self.environment.items())) if server.command else ()
        headers = tuple(sorted(server.headers.items()))
        return ServerSpec(name, folder.resolve(), server.command, server.url, environment, headers)

    async def _check(self, served: ServedAgent) -> None:
        await asyncio.gather(served.check(), self._prepared(served.agent))
        self._admit(served)
        if served.problems:
            name = served.agent.definition_hash
            self._checks[name] = asyncio.create_task(self._check_again(served), name=f"check-{served.agent.agent}")

    async def _prepared(self, agent: Agent) -> None:
        if self.prepare is not None:
            await self.prepare(agent)

    async def _check_again(self, served: ServedAgent) -> None:
        backoff = Backoff(1.0, 30.0)
        while served.problems and self._newest.get(served.agent.agent) is served:
            await backoff.wait()
            await served.check()
        self._admit(served)
        self._count()

    def _admit(self, served: ServedAgent) -> None:
        """Let it take new calls, unless a newer version was read, or its tools are wrong and an older version can."""
        name = served.agent.agent
        self._by_hash[served.agent.definition_hash] = served
        if self._newest.get(name) is not served:
            return
        older = self._current.get(name)
        if older is None or older.problems or not served.problems:
            self._current[name] = served
        if served.problems:
            _log.error("an agent is not served", agent=name, problems=list(served.problems))
        elif older is not served:
            _log.info("an agent is served", agent=name, definition=served.agent.definition_hash[:12])

    def _count(self) -> None:
        AGENTS.set(sum(1 for served in self._current.values() if not served.problems))
        AGENTS_BROKEN.set(len(self.problems))


def _warn_of_nobody(agents: Sequence[Agent]) -> None:
    alone = [agent.agent for agent in agents if hands_off_to_nobody(agent)]
    if alone:
        hint = "set ESCALATION_TARGET, or escalation.target in agent.yaml"
        _log.warning("agents hand callers to a human, and none is named", agents=alone, hint=hint)


def find_agents(folders: Sequence[Path]) -> list[Path]:
    """Return the definition files in folders that are agents or hold agents, sorted."""
    found: set[Path] = set()
    for folder in folders:
        own = folder / AGENT_FILE
        found.update([own] if own.is_file() else folder.glob(f"*/{AGENT_FILE}"))
    return sorted(found)
