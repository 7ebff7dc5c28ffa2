"""Which agents are served, and why others are not."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fsa_engine.adapters.mcp_tools import Limits, ToolServers
from fsa_engine.catalog import AgentCatalog
from fsa_engine.domain.loading import load_agent
from fsa_engine.opening import instructions, plan
from fsa_engine.settings import EngineSettings
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
    assert directed.style == STYLE_DIRECTED
    dialogue = plan(served, [STYLE_DIALOGUE])
    assert dialogue.style == STYLE_DIALOGUE
    assert dialogue.instructions == instructions(served.agent)
    assert "You are odd." in dialogue.instructions
    assert "Never say that something is done" in dialogue.instructions


async def test_the_operators_human_stands_behind_agents_that_name_none(catalog: AgentCatalog, odd_server: Path) -> None:
    as_written = load_agent(odd_server / "agent.yaml")
    catalog.escalation_target = "tel:+15550142"
    await catalog.load()
    [served] = catalog.served
    assert served.agent.escalation.target == "tel:+15550142"
    assert served.agent.definition_hash != as_written.definition_hash, "decisions are made with another definition"
    assert catalog.find(served.agent.definition_hash, "") is served
    edit(odd_server, "version: 1\n", 'version: 1\nescalation: {target: "sip:desk@example.com"}\n')
    await catalog.load()
    assert [each.agent.escalation.target for each in catalog.served] == ["sip:desk@example.com"]


@pytest.mark.parametrize(
    ("state", "target", "warned"),
    [
        ("{kind: handoff}", "", True),
        ("{kind: handoff}", "tel:+15550142", False),
        ("{kind: handoff, target: 'tel:+15550142'}", "", False),
        ("{kind: done, text: All done.}", "", False),
    ],
)
async def test_an_agent_that_hands_over_to_nobody_is_warned_of(
    catalog: AgentCatalog, odd_server: Path, state: str, target: str, warned: bool
) -> None:
    edit(odd_server, "{kind: done, text: Done.}", state)
    catalog.escalation_target = target
    with capture_logs() as logs:
        await catalog.load()
    assert catalog.served
    hints = [log["hint"] for log in logs if log["log_level"] == "warning" and log.get("agents") == ["odd"]]
    assert bool(hints) is warned
    assert all("ESCALATION_TARGET" in hint for hint in hints)


@pytest.mark.parametrize(
    ("given", "uri"),
    [
        ("", ""),
        ("+1 (555) 010-0142", "tel:+1(555)010-0142"),
        ("tel:+15550142", "tel:+15550142"),
        ("SIP:desk@example.com", "sip:desk@example.com"),
        ("sips:desk@example.com;transport=tls", "sips:desk@example.com;transport=tls"),
    ],
)
def test_the_operators_human_is_a_number_or_a_uri(given: str, uri: str) -> None:
    assert EngineSettings(escalation_target=given).escalation_target == uri


@pytest.mark.parametrize("given", ["the nurse", "https://example.com", "tel:nurse", "sip:", "1"])
def test_what_nobody_can_dial_is_refused_at_start(given: str) -> None:
    with pytest.raises(ValueError, match="neither a telephone number nor a tel: or sip: URI"):
        EngineSettings(escalation_target=given)
