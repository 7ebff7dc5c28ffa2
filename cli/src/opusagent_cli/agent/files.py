"""Which files an author means by a path."""

from collections.abc import Iterable
from pathlib import Path

from opusagent_cli.options import UsageError

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


def _in(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    own = path / AGENT_FILE
    return [own] if own.is_file() else sorted(path.glob(f"*/{AGENT_FILE}"))
