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

from fsa_engine.domain.conversation import Played, Script, load_scripts, run
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


SERVERS: dict[str, Callable[[Path], MCPServer]] = {
    "appointment": clinic,
    "card": lambda folder: bank_server.build_server(bank.Bank(folder / "bank.sqlite", NOON.timestamp)),
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
def agent(name: str) -> Agent:
    return load_agent(AGENTS / name / "agent.yaml")


@pytest.fixture(scope="module")
def played(agent: Agent, name: str) -> list[Played]:
    return [run(agent, script) for script in scripts_of(name)]


def test_every_conversation_goes_as_written(played: list[Played]) -> None:
    assert [failure for each in played for failure in each.failures] == []


def test_the_conversations_go_through_every_state_and_every_transition(
    agent: Agent, played: list[Played], capsys: pytest.CaptureFixture[str]
) -> None:
    found = coverage(agent, played)
    with capsys.disabled():
        print(
            f"\n{agent.agent}: {len(played)} conversations, {len(found.seen_states)} of {len(found.states)} states, "
            f"{len(found.seen_transitions)} of {len(found.transitions)} transitions"
        )
    assert found.missed_states == []
    assert found.missed_transitions == []


def test_against_its_own_tool_server(agent: Agent, name: str, portal: BlockingPortal, tmp_path: Path) -> None:
    failures = []
    chosen = without_fakes(name)
    assert len(chosen) >= 8
    for number, script in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir()
        with tools_of(SERVERS[name](folder), portal) as tools:
            failures += run(agent, script, tools).failures
    assert failures == []


def test_no_secret_stands_in_an_audit(agent: Agent, played: list[Played]) -> None:
    """What is keyed in as a secret is in no record of any step, as it is or spaced."""
    secrets = {"card": ("4711", "10020030", "5555555555554444", "1980-05-04"), "helpdesk": ("246810",)}
    records = [str(record) for each in played for step in each.steps for record in step.audit]
    for secret in secrets.get(agent.agent, ()):
        for form in (secret, " ".join(secret)):
            assert not [record for record in records if form in record]


def test_numbers_differ(agent: Agent) -> None:
    others = [load_agent(AGENTS / other / "agent.yaml") for other in NAMES if other != agent.agent]
    assert not set(agent.called_numbers) & {number for other in others for number in other.called_numbers}
