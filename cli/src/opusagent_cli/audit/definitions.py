"""Which definitions a session's decisions are replayed on."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, load_agent
from opusagent_cli.agent.files import agent_file, agent_files
from opusagent_cli.options import UsageError


@dataclass(frozen=True)
class Cast:
    """Definitions by the hash that records name; `notes` say where it is not the very same one."""

    agents: Mapping[str, Agent]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shelf:
    """Definitions at hand. `tried`: takes the place of every version of the same agent."""

    agents: tuple[Agent, ...] = ()
    tried: Agent | None = None

    def cast(self, records: Sequence[Mapping[str, Any]]) -> Cast:
        """Choose a definition for each that records were made with: the same, or else another of the same agent."""
        found: dict[str, Agent] = {}
        notes: list[str] = []
        for wanted, name in dict.fromkeys((str(each.get("definition")), str(each.get("agent"))) for each in records):
            agent = self._find(wanted, name)
            if agent is None:
                notes.append(f"there is no definition of the agent {name!r} here")
                continue
            found[wanted] = agent
            if agent.definition_hash != wanted and agent is not self.tried:
                version = f"version {wanted[:12]} of {name}"
                notes.append(f"decided with {version}, which is not here; replayed with {agent.definition_hash[:12]}")
        return Cast(found, tuple(notes))

    def _find(self, wanted: str, name: str) -> Agent | None:
        if self.tried is not None and self.tried.agent == name:
            return self.tried
        named = [agent for agent in self.agents if agent.agent == name]
        return next((agent for agent in named if agent.definition_hash == wanted), next(iter(named), None))


def shelf(paths: Sequence[Path], tried: Path | None) -> Shelf:
    """Load every definition under some paths, but those that are broken, and the one to be tried.

    Raises:
        UsageError: the one to be tried is broken, or not there.
    """
    agents = []
    for file in agent_files(paths):
        with contextlib.suppress(DefinitionError):
            agents.append(load_agent(file))
    return Shelf(tuple(agents), _load(tried) if tried else None)


def _load(path: Path) -> Agent:
    try:
        return load_agent(agent_file(path))
    except DefinitionError as error:
        raise UsageError(f"the definition is broken:\n{error}") from error
