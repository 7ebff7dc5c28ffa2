"""`opusagent up --agent`: an agent that cannot be served is told before anything starts."""

import os
from collections.abc import Callable
from pathlib import Path

from opusagent_cli.answering import worth_saying
from opusagent_cli.options import UpOptions


def test_an_agent_that_is_not_there(opusagent, tiny: Path) -> None:
    said = opusagent("up", "--agents", tiny.parent, "--agent", "tinny", "--data", tiny / "data")
    assert said.code == 1
    assert f"no agent 'tinny' can be served from {tiny.parent}; there are tiny" in said.err


def test_an_agent_that_is_broken(opusagent, tiny: Path, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite("to: sure", "to: shure")
    said = opusagent("up", "--agents", tiny, "--agent", "tiny", "--data", tiny / "data")
    assert said.code == 1
    assert f"{file}:23:44: there is no state 'shure'" in said.err


def test_what_its_callers_say_is_shown(tiny: Path) -> None:
    options = UpOptions(agents_path=tiny.parent, agent="tiny")
    assert worth_saying(options)[0] == "I want to order something"
    assert "appointment" in worth_saying(UpOptions())[0]


def test_a_default_agent_that_is_broken_is_told(opusagent, tiny: Path, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite("to: sure", "to: shure")
    said = opusagent("up", "--agents", tiny, "--data", tiny / "data")
    assert said.code == 1
    assert f"{file}:23:44: there is no state 'shure'" in said.err


def test_several_folders_of_agents(monkeypatch, tiny: Path) -> None:
    monkeypatch.setenv("AGENTS_PATH", f"/nonexistent{os.pathsep}{tiny}")
    assert worth_saying(UpOptions(agent="tiny"))[0] == "I want to order something"
