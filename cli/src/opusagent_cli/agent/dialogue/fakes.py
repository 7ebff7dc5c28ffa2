"""Tool servers that answer as a conversation test says, over MCP."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from mcp import Client
from mcp.server.lowlevel import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool
from typing_extensions import override

from fsa_engine.adapters.mcp_tools import Failure, Limits, Outcome, ServerSpec, ToolServer, ToolServers
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.scripts import Script

_ANYTHING = {"type": "object", "additionalProperties": True}


class Fakes:
    """The tools of one conversation. `release` lets go of answers that are held back (`hold`)."""

    def __init__(self, script: Script, agents: list[Agent]) -> None:
        self._results = script.tools
        self._names = {tool.tool or name: name for agent in agents for name, tool in agent.tools.items()}
        self._used: dict[str, int] = {}
        self._released = asyncio.Event()
        self._released.set()

    def hold(self) -> None:
        """Let tools work until told otherwise."""
        self._released.clear()

    @property
    def held(self) -> bool:
        """Whether they work on."""
        return not self._released.is_set()

    def release(self) -> None:
        """Let them answer."""
        self._released.set()

    def servers(self) -> ToolServers:
        """Return tool servers that all are this one."""
        return ToolServers(make=lambda spec, limits: _FakeServer(spec, limits, self))

    async def result(self, tool: str) -> Mapping[str, Any]:
        """Return what a tool is to answer next."""
        await self._released.wait()
        given = self._results.get(self._names.get(tool, tool), {"error": f"the conversation has no tool {tool}"})
        if isinstance(given, Mapping):
            return given
        index = self._used.get(tool, 0)
        self._used[tool] = index + 1
        found: Mapping[str, Any] = given[min(index, len(given) - 1)]
        return found

    def mcp(self) -> Server[Any]:
        """Return the MCP server of these tools, which take anything."""

        async def listed(context: Any, params: Any) -> ListToolsResult:
            return ListToolsResult(tools=[Tool(name=name, input_schema=_ANYTHING) for name in self._names])

        async def called(context: Any, params: CallToolRequestParams) -> CallToolResult:
            result = dict(await self.result(params.name))
            text = TextContent(type="text", text=json.dumps(result))
            error = "error" in result
            return CallToolResult(content=[text], structured_content=None if error else result, is_error=error)

        return Server("fakes", on_list_tools=listed, on_call_tool=called)


class _FakeServer(ToolServer):
    def __init__(self, spec: ServerSpec, limits: Limits, fakes: Fakes) -> None:
        super().__init__(spec, limits)
        self._fakes = fakes

    @override
    def _client(self, broken: asyncio.Event) -> Client:
        return Client(self._fakes.mcp())

    @override
    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        key: str,
        seconds: float,
        progressed: Callable[[], None] = lambda: None,
    ) -> Outcome:
        outcome = await super().call(tool, arguments, key, seconds, progressed)
        lost = isinstance(outcome.value, dict) and bool(outcome.value.get("unknown"))
        return Outcome(failure=Failure.LOST) if lost else outcome
