"""What a definition wants of its tools, compared with what the tool servers offer."""

import re
import tempfile
from pathlib import Path

from chassis.settings import read
from fsa_engine.adapters.mcp_tools import ToolServers
from fsa_engine.catalog import AgentCatalog
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import Problem
from fsa_engine.domain.loading.source import Path as Place
from fsa_engine.domain.loading.source import Source
from fsa_engine.settings import EngineSettings
from opusagent_cli.agent.rooms import folder_of

_STATE = re.compile(r"(\w+)\.(\w+): tool (\w+) (?:takes no|needs an) argument '(\w+)'")
_TOOL = re.compile(r"(?:has no tool '|^tool (?!server ))(\w+)")
_SERVER = re.compile(r"^tool server (\w+)")


async def tool_findings(file: Path, agent: Agent, source: Source) -> list[Problem]:
    """Start an agent's tool servers, ask them what they offer, and end them."""
    with tempfile.TemporaryDirectory(prefix="opusagent-") as scratch:
        environment = read(EngineSettings, data_dir=scratch).tool_environment
        catalog = AgentCatalog([folder_of(file, Path(scratch))], agent.agent, ToolServers(), environment)
        try:
            await catalog.start()
            found = [problem for problems in catalog.problems.values() for problem in problems]
        finally:
            await catalog.stop()
    return sorted(source.problem(_place(agent, text), text) for text in found)


def _place(agent: Agent, text: str) -> Place:
    """Return where in a definition a problem with a tool stands, as far as its sentence tells."""
    state = _STATE.search(text)
    if state:
        task, name, _, argument = state.groups()
        return ("tasks", task, "states", name, "arguments", argument)
    tool, server = _TOOL.search(text), _SERVER.search(text)
    if tool:
        own = (name for name, reference in agent.tools.items() if (reference.tool or name) == tool.group(1))
        return ("tools", next(own, tool.group(1)))
    return ("servers", server.group(1)) if server else ()
