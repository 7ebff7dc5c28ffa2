"""docs/agents.md: every snippet is loaded, in the order in which a reader adds it, and its conversations are played."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fsa_engine.domain.conversation import load_scripts, run
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.loading.source import read_source
from opusagent_cli.agent.risks import risks

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def merged(old: Any, new: Any) -> Any:
    """Add a snippet: keys are added or take the place of those that were there."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def with_conversations(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Add conversations: one of a name that was there takes its place, tools are added."""
    named = {each["name"]: each for each in [*old.get("conversations", []), *new["conversations"]]}
    return {**merged(old, new), "conversations": list(named.values())}


def versions() -> Iterator[tuple[str, dict[str, Any], dict[str, Any], str]]:
    """Yield after each snippet of YAML: where it stands, the agent, its conversations, its server."""
    agent: dict[str, Any] = {}
    conversations: dict[str, Any] = {}
    server = ""
    text = PAGE.read_text()
    for found in BLOCK.finditer(text):
        line = text[: found.start()].count("\n") + 1
        kind, content = found.groups()
        if kind == "python":
            server = content
        if kind != "yaml":
            continue
        data = read_source(content, f"agents.md, the snippet of line {line}").data
        if "conversations" in data:
            conversations = with_conversations(conversations, data)
        else:
            agent = merged(agent, data)
        yield f"line {line}", agent, conversations, server


VERSIONS = list(versions())


def written(folder: Path, agent: dict[str, Any], conversations: dict[str, Any], server: str) -> Path:
    """Write a version as an author has it; JSON is YAML."""
    (folder / "agent.yaml").write_text(json.dumps(agent))
    (folder / "conversations.yaml").write_text(json.dumps(conversations))
    (folder / "server.py").write_text(server)
    return folder


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version[0])
def test_the_agent_is_good_after_every_snippet(version: tuple[str, Any, Any, str], tmp_path: Path) -> None:
    file = written(tmp_path, *version[1:]) / "agent.yaml"
    agent = load_agent(file)
    assert risks(agent, read_source(file.read_bytes(), "")) == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version[0])
def test_conversations_hold_where_they_stand(version: tuple[str, Any, Any, str], tmp_path: Path) -> None:
    _, _, conversations, _ = version
    index = VERSIONS.index(version)
    if index == 0 or VERSIONS[index - 1][2] == conversations:
        pytest.skip("no conversations are added here")
    folder = written(tmp_path, *version[1:])
    agent = load_agent(folder / "agent.yaml")
    scripts = load_scripts(folder / "conversations.yaml")
    assert [failure for each in scripts for failure in run(agent, each).failures] == []


def test_the_finished_agent_works_with_its_own_server(opusagent, tmp_path: Path) -> None:
    folder = written(tmp_path, *VERSIONS[-1][1:])
    checked = opusagent("agent", "check", "--tools", folder)
    assert checked.lines == ["1 agent checked: no errors, no warnings"]
    script = folder / "script.txt"
    script.write_text("a double room from tomorrow\nthree nights\nyes\n/key 4111111111111111\nI can't come\none\nyes\n")
    said = opusagent("agent", "chat", folder, "--script", script)
    assert "Your room is reserved from tomorrow. Your number is 1." in said.lines
    assert "Your reservation is cancelled." in said.lines
