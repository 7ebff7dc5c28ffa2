"""Tools over MCP: one client per tool server, kept alive for the life of the process.

A client is an async context manager bound to one task, so each server has an owner task that connects, lists the tools,
waits until the connection breaks and connects again with backoff. Calls come from other tasks, with a time limit that
covers waiting for the connection too. What a call says of itself when it fails is whether it may have taken effect
(`Failure.uncertain`); whether to call again is for the caller to decide.
"""

import asyncio
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import orjson
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import CallToolResult, RequestParamsMeta, TextContent, Tool

from chassis.logging import get_logger
from chassis.retry import Backoff
from fsa_engine.adapters import mcp_http
from fsa_engine.adapters.mcp_stdio import RESULT_TOO_LARGE, StdioServer
from fsa_engine.metrics import TOOL_SERVER_RESTARTS, TOOL_SERVERS_UP

META_KEY = "opusagent/idempotency_key"
"""Where a tool finds the idempotency key of a call in the request's `_meta`."""

REQUEST_TIMEOUT = -32001
"""Code of the SDK's error for a request that was not answered in time (mcp 2.3)."""

EVENT_TOO_LARGE = "byte limit"
"""Of the SDK's error for an event of a stream that was longer than allowed (httpx2 2.16)."""

DETAIL_CHARACTERS = 2000
"""How much of a tool's error text is kept."""

_RAISED = re.compile(r"^[ │]*(?!UnexpectedToolError)((?:\w+\.)*\w*(?:Error|Exception): .+)$", re.MULTILINE)
"""An exception in a traceback, but not the MCP SDK's own around it (mcp 2.3)."""

_log = get_logger(__name__)


class Failure(StrEnum):
    """Why a call gave no result."""

    REFUSED = "tool_failed"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    LOST = "connection_lost"
    TOO_LARGE = "result_too_large"
    UNREADABLE = "result_unreadable"

    @property
    def uncertain(self) -> bool:
        """Whether the tool may have done its work all the same."""
        return self not in (Failure.REFUSED, Failure.UNAVAILABLE)


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a JSON value, or a failure with the tool's own words (untrusted, personal data)."""

    value: Any = None
    failure: Failure | None = None
    detail: str = ""


@dataclass(frozen=True)
class ServerSpec:
    """How to reach a tool server: a command to run in `directory`, or a Streamable HTTP `url`.

    `headers`: of every request; `${NAME}` in a value stands for an environment variable of this process.
    """

    name: str
    directory: Path
    command: tuple[str, ...] = ()
    url: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def stdio(self) -> StdioServerParameters:
        """Return the SDK's form; the command `python` means this interpreter."""
        program, *arguments = self.command
        return StdioServerParameters(
            command=sys.executable if program in ("python", "python3") else program,
            args=arguments,
            env=dict(self.environment),
            cwd=self.directory,
        )


@dataclass(frozen=True)
class Limits:
    """Bounds on what a tool server may cost: seconds to come up, bytes of one answer."""

    connect_seconds: float = 15.0
    result_bytes: int = 256 * 1024


@dataclass
class _Connection:
    client: Client
    tools: dict[str, Tool]
    broken: asyncio.Event


class ToolServer:
    """One tool server and the client that talks to it. `start` before anything else."""

    def __init__(self, spec: ServerSpec, limits: Limits, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._limits = limits
        self._backoff = backoff or Backoff(0.2, 10.0)
        self._up: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._process: StdioServer | None = None
        self.problem = "it has not answered yet"

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing that it was doing goes on once a next connection stands: it is a process of ours."""
        return bool(self._spec.command)

    @property
    def last_exception(self) -> str:
        """The last exception that its process wrote to standard error; for its author alone: it may hold anything."""
        tail = self._process.stderr_tail.decode(errors="replace") if self._process else ""
        raised = _RAISED.findall(tail)
        return str(raised[-1]).strip() if raised else ""

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._owner = asyncio.create_task(self._own(), name=f"tools-{self._spec.name}")

    async def tools(self, seconds: float | None = None) -> Mapping[str, Tool]:
        """Return the server's tools by name.

        Raises:
            TimeoutError: it is not connected within the time; `problem` says why.
        """
        connection = await self._connected(self._limits.connect_seconds if seconds is None else seconds)
        return connection.tools

    async def reachable(self) -> bool:
        """Wait until it is connected, for as long as it may take to come up; return whether it is."""
        try:
            await self.tools()
        except TimeoutError:
            return False
        return True

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        key: str,
        seconds: float,
        progressed: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Call a tool once, within a time limit, under an idempotency key. Never raises for what a server does.

        `progressed` is called whenever the tool says that it is at work; that does not extend its time.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            connection = await self._connected(seconds)
        except TimeoutError:
            return Outcome(failure=Failure.UNAVAILABLE, detail=self.problem)
        left = max(0.001, deadline - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(left):
                result = await self._request(connection, tool, arguments, key, progressed)
        except TimeoutError:
            return Outcome(failure=Failure.TIMEOUT)
        except MCPError as error:
            return self._protocol_failure(connection, error)
        except Exception as error:
            connection.broken.set()
            return Outcome(failure=Failure.LOST, detail=type(error).__name__)
        return self._outcome(result)

    async def stop(self) -> None:
        """Disconnect and end the server's process."""
        self._stopping.set()
        if self._up.done():
            self._up.result().broken.set()
        if self._owner is not None:
            await asyncio.gather(self._owner, return_exceptions=True)
            self._owner = None

    async def _request(
        self,
        connection: _Connection,
        tool: str,
        arguments: Mapping[str, Any],
        key: str,
        progressed: Callable[[], None],
    ) -> CallToolResult:
        """Call, or raise as soon as the connection breaks, which the SDK does not always notice."""

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            progressed()

        meta = cast("RequestParamsMeta", {META_KEY: key})
        request = connection.client.call_tool(tool, dict(arguments), meta=meta, progress_callback=hear)
        call = asyncio.ensure_future(request)
        broken = asyncio.ensure_future(connection.broken.wait())
        try:
            await asyncio.wait((call, broken), return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise ConnectionError("the connection broke during the call")
            return call.result()
        finally:
            broken.cancel()
            call.cancel()
            await asyncio.gather(call, broken, return_exceptions=True)

    async def _connected(self, seconds: float) -> _Connection:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self._up)

    async def _own(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._live()
            except Exception as error:
                self.problem = self._why(error)
                _log.warning("a tool server cannot be reached", server=self._spec.name, problem=self.problem)
            finally:
                self._renew()
            if not self._stopping.is_set():
                TOOL_SERVER_RESTARTS.labels(self._spec.name).inc()
                await self._pause()

    async def _live(self) -> None:
        """One connection, from its start until it breaks or the server is stopped."""
        broken = asyncio.Event()
        async with self._client(broken) as client:
            async with asyncio.timeout(self._limits.connect_seconds):
                tools = await _list(client)
            self._backoff.reset()
            self._up.set_result(_Connection(client, tools, broken))
            TOOL_SERVERS_UP.inc()
            try:
                if not self._stopping.is_set():
                    await broken.wait()
            finally:
                TOOL_SERVERS_UP.dec()
                self._renew()
        self.problem = "its connection broke"

    def _client(self, broken: asyncio.Event) -> Client:
        longest = self._limits.result_bytes * 2 + 65536
        if self._spec.url:
            return Client(mcp_http.connect(self._spec.url, dict(self._spec.headers), longest))
        process = self._process = StdioServer(self._spec.stdio(), longest, broken.set)
        return Client(process.connect())

    def _renew(self) -> None:
        """Make later calls wait for the next connection."""
        if self._up.done():
            self._up = asyncio.get_running_loop().create_future()

    async def _pause(self) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait((stopping,), timeout=self._backoff.next())
        stopping.cancel()

    def _why(self, error: BaseException) -> str:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        tail = self._process.stderr_tail.decode(errors="replace").strip() if self._process else ""
        last_line = tail.splitlines()[-1].strip() if tail else ""
        return ": ".join(filter(None, (type(error).__name__, str(error), last_line)))

    def _protocol_failure(self, connection: _Connection, error: MCPError) -> Outcome:
        if error.error.code == RESULT_TOO_LARGE or EVENT_TOO_LARGE in error.error.message:
            return Outcome(failure=Failure.TOO_LARGE)
        if error.error.code == REQUEST_TIMEOUT:
            return Outcome(failure=Failure.TIMEOUT)
        if connection.broken.is_set() or error.error.code == -32000:
            connection.broken.set()
            return Outcome(failure=Failure.LOST)
        return Outcome(failure=Failure.REFUSED, detail=error.error.message)

    def _outcome(self, result: CallToolResult) -> Outcome:
        text = "".join(part.text for part in result.content if isinstance(part, TextContent))
        if result.is_error:
            return Outcome(failure=Failure.REFUSED, detail=text[:DETAIL_CHARACTERS])
        value = result.structured_content if result.structured_content is not None else _value(text)
        try:
            size = len(orjson.dumps(value))
        except TypeError:
            return Outcome(failure=Failure.UNREADABLE)
        return Outcome(failure=Failure.TOO_LARGE) if size > self._limits.result_bytes else Outcome(value=value)


async def _list(client: Client) -> dict[str, Tool]:
    page = await client.list_tools()
    tools = {tool.name: tool for tool in page.tools}
    while page.next_cursor:
        page = await client.list_tools(cursor=page.next_cursor)
        tools |= {tool.name: tool for tool in page.tools}
    return tools


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@dataclass
class ToolServers:
    """Every tool server of this process, each started once however many agents name it. `make` makes one."""

    limits: Limits = field(default_factory=Limits)
    make: Callable[[ServerSpec, Limits], ToolServer] = ToolServer
    _servers: dict[ServerSpec, ToolServer] = field(default_factory=dict)

    def get(self, spec: ServerSpec) -> ToolServer:
        """Return the server, starting it the first time."""
        server = self._servers.get(spec)
        if server is None:
            server = self._servers[spec] = self.make(spec, self.limits)
            server.start()
        return server

    async def keep(self, wanted: Collection[ToolServer]) -> None:
        """Stop all but the ones given."""
        unwanted = [spec for spec, server in self._servers.items() if server not in wanted]
        await asyncio.gather(*(self._servers.pop(spec).stop() for spec in unwanted))

    async def stop(self) -> None:
        """Stop all of them."""
        await asyncio.gather(*(server.stop() for server in self._servers.values()))
        self._servers.clear()
