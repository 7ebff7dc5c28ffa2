"""Which agents are served, and why others are not."""

from pathlib import Path
from typing import Any

import pytest

from fsa_engine.adapters.mcp_tools import Limits, ToolServers
from fsa_engine.catalog import AgentCatalog
from fsa_engine.opening import instructions, plan
from opusagent.dialogue.v1.plan_pb2 import STYLE_DIALOGUE, STYLE_DIRECTED

World = Any


@pytest.fixture
async def catalog(odd_server: Path) -> Any:
    made = AgentCatalog([odd_server.parent], "", ToolServers(Limits(connect_seconds=20)))
    yield made
    await made.stop()


def edit(folder: Path, old: str, new: str, name: str = "agent.yaml") -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


async def test_the_called_number_chooses_the_agent(catalog: AgentCatalog, odd_server: Path) -> None:
    for name, numbers in (("any", "*"), ("german", "+49*")):
        folder = odd_server.parent / name
        folder.mkdir()
        text = (odd_server / "agent.yaml").read_text()
        (folder / "agent.yaml").write_text(text.replace("agent: odd", f"agent: {name}").replace("+1800", numbers))
        (folder / "odd.py").write_text((odd_server / "odd.py").read_text())
    await catalog.start()

    def answering(callee: str) -> str:
        found = catalog.for_callee(callee)
        return found.agent.agent if found else ""

    assert answering("+1800") == "odd"
    assert answering("+33123") == "any"
    catalog.default = "german"
    assert answering("+33123") == "german"
    assert answering("+1800") == "odd"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("tool: echo, arguments: {text: text}", "tool: echo, arguments: {words: text}", "takes no argument 'words'"),
        ("tool: echo, arguments: {text: text}", "tool: echo", "needs an argument 'text'"),
        ("echo: {server: odd}", "echo: {server: odd, tool: reverse}", "has no tool 'reverse'"),
        (
            "echo: {server: odd}",
            "echo: {server: odd, write: true, settle: idempotent_by_key, key_argument: key}",
            "key",
        ),
    ],
)
async def test_tools_that_do_not_fit_are_named(
    catalog: AgentCatalog, odd_server: Path, old: str, new: str, problem: str
) -> None:
    edit(odd_server, old, new)
    await catalog.start()
    assert problem in " ".join(catalog.problems["odd"])
    assert catalog.for_callee("+1800") is None
    assert problem in catalog.why_none()


async def test_a_broken_definition_is_reported_and_others_are_served(catalog: AgentCatalog, odd_server: Path) -> None:
    folder = odd_server.parent / "broken"
    folder.mkdir()
    (folder / "agent.yaml").write_text("version: 1\nagent: [")
    await catalog.start()
    assert catalog.for_callee("+1800") is not None
    assert list(catalog.problems) == [str(folder / "agent.yaml")]


async def test_a_conversation_keeps_the_definition_it_began_with(catalog: AgentCatalog, odd_server: Path) -> None:
    await catalog.start()
    old = catalog.for_callee("+1800")
    assert old is not None
    edit(odd_server, "greeting: Hello.", "greeting: Hi.")
    await catalog.load()
    new = catalog.for_callee("+1800")
    assert new is not None
    assert (old.agent.greeting, new.agent.greeting) == ("Hello.", "Hi.")
    assert catalog.find(old.agent.definition_hash, "+1800") is old
    assert catalog.find("", "+1800") is new
    edit(odd_server, "tool: echo, arguments", "tool: echo, argumints")
    await catalog.load()
    assert catalog.for_callee("+1800") is new, "a broken newer version does not take over"
    assert catalog.broken


async def test_a_plan_is_made_in_a_style_that_the_relay_can_hold(catalog: AgentCatalog) -> None:
    await catalog.start()
    served = catalog.for_callee("+1800")
    assert served is not None
    directed = plan(served, [STYLE_DIALOGUE, STYLE_DIRECTED])
    assert (directed.style, list(directed.entry_points)) == (STYLE_DIRECTED, [])
    dialogue = plan(served, [STYLE_DIALOGUE])
    assert dialogue.style == STYLE_DIALOGUE
    assert dialogue.instructions == instructions(served.agent)
    assert "You are odd." in dialogue.instructions
    assert "Never say that something is done" in dialogue.instructions
    (entry,) = dialogue.entry_points
    assert entry.task == "echo"
    assert entry.arguments_schema_json == (
        '{"additionalProperties":false,"properties":{"color":{"description":"A colour.","enum":["red","blue"],'
        '"type":"string"},"text":{"type":"string"}},"type":"object"}'
    ), "a sensitive slot is never a model's to fill"
