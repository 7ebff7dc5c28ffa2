"""Which files an author means by a path."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opusagent_cli.options import UsageError

if TYPE_CHECKING:
    from fsa_engine.domain.definition import Agent

AGENT_FILE = "agent.yaml"
CONVERSATIONS = "conversations*.yaml"
"""Conversation tests, beside the agent that they are of."""


def agent_files(paths: Iterable[Path]) -> list[Path]:
    """Return the definitions that paths name: files, folders of one agent, folders of agents.

    Raises:
        UsageError: a path names none.
    """
    found: list[Path] = []
    for path in paths:
        own = _in(path)
        if not own:
            raise UsageError(f"{path}: " + ("there is no agent.yaml here" if path.is_dir() else "no such file"))
        found += [file for file in own if file not in found]
    return found


def agent_file(path: Path) -> Path:
    """Return the one definition that a path names.

    Raises:
        UsageError: it names none or several.
    """
    found = agent_files([path])
    if len(found) > 1:
        names = ", ".join(file.parent.name for file in found)
        raise UsageError(f"{path}: holds several agents ({names}); name one")
    return found[0]


def conversation_files(agent: Path) -> list[Path]:
    """Return the conversation tests of a definition."""
    return sorted(agent.parent.glob(CONVERSATIONS))


def handed_over_to(file: Path, agent: "Agent") -> list[Path]:
    """Return the definitions, in folders beside the agent's own, of those that it hands over to."""
    names = _hands_over(agent)
    return [path for path, other in _beside(file) if other.agent in names] if names else []


def handing_over_to(file: Path, agent: "Agent") -> "list[tuple[Path, Agent]]":
    """Return the agents, in folders beside the agent's own, that hand over to it."""
    return [(path, other) for path, other in _beside(file) if agent.agent in _hands_over(other)]


def _hands_over(agent: "Agent") -> set[str]:
    states = (state for task in agent.tasks.values() for state in task.states.values())
    return {state.agent for state in states if state.kind == "handover"}


def _beside(file: Path) -> "Iterator[tuple[Path, Agent]]":
    """Yield the agents in folders beside an agent's own, without those whose definitions are broken."""
    from fsa_engine.domain.loading import DefinitionError, load_agent

    for path in sorted(file.absolute().parent.parent.glob(f"*/{AGENT_FILE}")):
        if path != file.absolute() and path.is_file():
            with contextlib.suppress(DefinitionError):
                yield path, load_agent(path)


def _in(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    own = path / AGENT_FILE
    return [own] if own.is_file() else sorted(found for found in path.glob(f"*/{AGENT_FILE}") if found.is_file())
