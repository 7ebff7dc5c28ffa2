"""Which definition a session's decisions are replayed on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError, load_agent
from opusagent_cli.agent.files import agent_file, agent_files
from opusagent_cli.options import UsageError


@dataclass(frozen=True)
class Shelf:
    """Definitions by hash and by name. `broken`: why others are not among them."""

    agents: tuple[Agent, ...] = ()
    broken: tuple[str, ...] = field(default=())

    def own(self, records: Sequence[Mapping[str, Any]]) -> tuple[Agent, str]:
        """Return the definition that records were made with, and a note where only a later version is there.

        Raises:
            UsageError: there is none of that agent.
        """
        first = records[0]
        for agent in self.agents:
            if agent.definition_hash == first.get("definition"):
                return agent, ""
        named = next((agent for agent in self.agents if agent.agent == first.get("agent")), None)
        if named is None:
            name = first.get("agent")
            raise UsageError(f"there is no definition of the agent {name!r}: name its folder with --agents")
        then, now = str(first.get("definition"))[:12], named.definition_hash[:12]
        return named, f"decided with version {then} of {named.agent}, which is not here; replayed with {now}"


def shelf(paths: Sequence[Path]) -> Shelf:
    """Load every definition under some paths; those that are broken are left out."""
    agents, broken = [], []
    for file in agent_files(paths):
        try:
            agents.append(load_agent(file))
        except DefinitionError as error:
            broken.append(str(error))
    return Shelf(tuple(agents), tuple(broken))


def chosen(path: Path) -> Agent:
    """Load the definition that decisions shall be tried with.

    Raises:
        UsageError: it is broken, or not there.
    """
    try:
        return load_agent(agent_file(path))
    except DefinitionError as error:
        raise UsageError(f"the definition is broken:\n{error}") from error
