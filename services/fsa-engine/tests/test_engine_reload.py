"""Agents that change while calls go on."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fsa_engine.adapters.mcp_tools import Limits, ToolServers
from fsa_engine.catalog import VERSIONS_KEPT, AgentCatalog
from fsa_engine.reloading import Reloader

World = Any


class Folder:
    """An agent's folder, and changes to it that a file system with coarse times would show as well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "agent.yaml"
        self.original = self.file.read_text()

    def edit(self, old: str, new: str) -> None:
        assert old in self.original
        self.write(self.original.replace(old, new))

    def write(self, text: str) -> None:
        replacement = self.path / "agent.yaml.new"
        replacement.write_text(text)
        replacement.replace(self.file)


@pytest.fixture
def folder(odd_server: Path) -> Folder:
    return Folder(odd_server)


@pytest.fixture
async def catalog(odd_server: Path) -> AsyncIterator[AgentCatalog]:
    made = AgentCatalog([odd_server.parent], "", ToolServers(Limits(connect_seconds=20)))
    yield made
    await made.stop()


@pytest.fixture
async def reloader(catalog: AgentCatalog) -> Reloader:
    """One that looks when the test says so."""
    made = Reloader(catalog, 0)
    made._loaded = made._seen = made._look()
    await catalog.start()
    return made


def greeting(catalog: AgentCatalog, callee: str = "+1800") -> str:
    found = catalog.for_callee(callee)
    return found.agent.greeting if found else ""


async def test_a_change_is_taken_in_once_it_stands_still(
    catalog: AgentCatalog, reloader: Reloader, folder: Folder
) -> None:
    assert not await reloader.look()
    folder.edit("greeting: Hello.", "greeting: Hi.")
    assert not await reloader.look()
    folder.edit("greeting: Hello.", "greeting: Good day.")
    assert not await reloader.look()
    assert greeting(catalog) == "Hello."
    assert await reloader.look()
    assert greeting(catalog) == "Good day."
    assert not await reloader.look()
    folder.write(folder.original)
    assert [await reloader.look(), await reloader.look()] == [False, True]
    assert greeting(catalog) == "Hello."


@pytest.mark.parametrize("broken", ["greeting: Hello.", "tool: echo, ", "agent: odd"])
async def test_a_broken_version_is_reported_and_the_old_one_stays(
    catalog: AgentCatalog, reloader: Reloader, folder: Folder, broken: str
) -> None:
    folder.edit(broken, "")
    await reloader.look()
    assert await reloader.look()
    assert greeting(catalog) == "Hello."
    ((where, _),) = catalog.problems.items()
    assert where == str(folder.file)
    folder.edit("greeting: Hello.", "greeting: Hi.")
    await reloader.look()
    await reloader.look()
    assert greeting(catalog) == "Hi."
    assert catalog.problems == {}


async def test_a_version_whose_tools_are_missing_is_reported_and_the_old_one_stays(
    catalog: AgentCatalog, reloader: Reloader, folder: Folder
) -> None:
    folder.edit("echo: {server: odd}", "echo: {server: odd, tool: nope}")
    await reloader.look()
    await reloader.look()
    assert greeting(catalog) == "Hello."
    assert "nope" in catalog.problems["odd"][0]
    folder.edit("greeting: Hello.", "greeting: Hi.")
    await reloader.look()
    await reloader.look()
    assert (greeting(catalog), catalog.problems) == ("Hi.", {})


async def test_an_agent_that_is_added_is_served_and_one_that_is_removed_is_not(
    catalog: AgentCatalog, reloader: Reloader, folder: Folder
) -> None:
    other = folder.path.parent / "other"
    shutil.copytree(folder.path, other)
    (other / "agent.yaml").write_text(
        folder.original.replace("agent: odd", "agent: other").replace("+1800", "+1801").replace("Hello.", "Other.")
    )
    await reloader.look()
    assert await reloader.look()
    assert greeting(catalog, "+1801") == "Other."
    held = catalog.for_callee("+1801")
    assert held is not None
    shutil.rmtree(other)
    await reloader.look()
    assert await reloader.look()
    assert catalog.named("other") is None
    assert catalog.find(held.agent.definition_hash, "+1801") is held, "a call that goes on keeps it"


async def test_an_agent_may_change_its_name(catalog: AgentCatalog, reloader: Reloader, folder: Folder) -> None:
    folder.edit("agent: odd", "agent: even")
    await reloader.look()
    await reloader.look()
    assert [served.agent.agent for served in catalog.served] == ["even"]


async def test_old_versions_and_their_tool_servers_go_in_the_end(
    catalog: AgentCatalog, reloader: Reloader, folder: Folder
) -> None:
    first = catalog.for_callee("+1800")
    assert first is not None
    before = first.servers["odd"]
    for number in range(VERSIONS_KEPT):
        folder.write(
            folder.original.replace("greeting: Hello.", f"greeting: Hello {number}.").replace(
                "command: [python, odd.py]", "command: [python, -B, odd.py]"
            )
        )
        assert before in catalog.tool_servers._servers.values()
        await reloader.look()
        await reloader.look()
    assert greeting(catalog) == f"Hello {VERSIONS_KEPT - 1}."
    assert catalog.find(first.agent.definition_hash, "+1800") is not first
    (after,) = catalog.tool_servers._servers.values()
    assert after is not before


async def test_new_calls_get_the_new_version_and_running_calls_keep_theirs(
    world: World, folder: Folder, settled: Any
) -> None:
    engine = await world.engine(agents_reload_seconds=0.02, session_idle_seconds=0.05)
    running = world.relay()
    old = (await running.open()).plan.definition_hash
    folder.edit("persona: You are odd.", "persona: You are even.")
    await settled(lambda: engine.catalog.for_callee("+1800").agent.persona == "You are even.")
    await running.texts(running.say("u1", "hello"))
    later = world.relay("call-2", "session-2")
    ready = await later.open()
    assert (ready.plan.definition_hash != old, "even" in ready.plan.instructions) == (True, True)
    await running.texts(running.say("u2", "hello again"))
    snapshot = world.session.session("session-1").snapshot
    assert old.encode() in snapshot


async def test_an_engine_without_an_agent_is_not_ready(world: World, tmp_path: Path) -> None:
    full, world.agents = world.agents, tmp_path / "none"
    assert not (await world.engine()).ready
    world.agents = full
    assert (await world.engine()).ready
