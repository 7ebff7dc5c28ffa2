"""All agents as an engine serves them: each with its own tool server's process, started beside one another."""

import os
from pathlib import Path

from fsa_engine.adapters.mcp_tools import ToolServers
from fsa_engine.catalog import AgentCatalog

AGENTS = Path(__file__).parents[1]
NUMBERS = {
    "+15550200": "card",
    "+15550201": "fraud",
    "+15550300": "orders",
    "+15550400": "helpdesk",
    "+15559999": "appointment",
}


async def test_every_agent_is_served_under_its_number_with_the_tools_it_calls(tmp_path: Path) -> None:
    catalog = AgentCatalog([AGENTS], "", ToolServers(), {"OPUSAGENT_DATA": str(tmp_path)})
    await catalog.start()
    try:
        assert catalog.problems == {}
        served = {callee: catalog.for_callee(callee) for callee in NUMBERS}
        assert {callee: each.agent.agent for callee, each in served.items() if each} == NUMBERS
        answers = [await each.server(next(iter(each.servers))).tools() for each in served.values() if each]
        assert [len(tools) for tools in answers] == [11, 11, 4, 8, 6]
    finally:
        await catalog.stop()
    assert sorted(os.listdir(tmp_path)) == ["bank.sqlite", "calendar.sqlite", "helpdesk.sqlite", "shop.sqlite"]
