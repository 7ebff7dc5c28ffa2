"""Which definitions a session's decisions are replayed on."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, load_agent, target_uri, with_target
from opusagent_cli.agent.files import agent_file, agent_files
from opusagent_cli.options import DEMO_HUMAN, UsageError


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

    One that names no human is there with each who may have stood behind it, too: calls were decided with him.

    Raises:
        UsageError: the one to be tried is broken, or not there.
    """
    agents = []
    humans = ("", target_uri(os.environ.get("ESCALATION_TARGET", "")), DEMO_HUMAN)
    for file in agent_files(paths):
        with contextlib.suppress(DefinitionError):
            agent = load_agent(file)
            agents += [with_target(agent, human) for human in dict.fromkeys(humans)]
    return Shelf(tuple(agents), _load(tried) if tried else None)


def _load(path: Path) -> Agent:
    try:
        return load_agent(agent_file(path))
    except DefinitionError as error:
        raise UsageError(f"the definition is broken:\n{error}") from error
