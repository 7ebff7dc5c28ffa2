"""A caller who gives a task up while a tool reads for it: the tool is told, and the intent is settled."""

from pathlib import Path
from typing import Any

import pytest

from fsa_engine.domain.step import step

World = Any
SERVER = """
import asyncio
from mcp.server import MCPServer

server = MCPServer("slow")

@server.tool()
async def look(path: str) -> str:
    open(path + ".begun", "w").close()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        open(path + ".cancelled", "w").close()
        raise
    return ""

server.run("stdio")
"""
AGENT = """
version: 1
agent: slow
name: Slow
called_numbers: ["*"]
greeting: Hello.
help: I can look.
servers:
  slow: {transport: stdio, command: [python, slow.py]}
tools:
  look: {server: slow, timeout_ms: 60000}
tasks:
  look:
    description: Look something up.
    title: look something up
    request: request
    resume: looking
    examples: [look something up]
    initial: act
    states:
      act: {kind: act, tool: look, arguments: {path: {const: PATH}}, to: done, failed: sorry}
      done: {kind: done, text: Found.}
      sorry: {kind: failed, text: Nothing found.}
"""


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "slow.py").write_text(SERVER)
    (folder / "agent.yaml").write_text(AGENT.replace("PATH", str(tmp_path / "look")))
    return folder


async def test_a_tool_that_reads_is_cancelled_with_its_task(world: World, tmp_path: Path, settled: Any) -> None:
    world.step = step
    await world.engine()
    relay = world.relay()
    await relay.open()
    relay.say("u1", "look something up please")
    await settled((tmp_path / "look.begun").exists)
    event_id = relay.say("u2", "cancel that")
    assert await relay.texts(event_id)
    await settled((tmp_path / "look.cancelled").exists)
    saved = world.session.session("session-1")
    await settled(lambda: not saved.open_intents)
    assert "call-1/u1/i0/result" in saved.saves
