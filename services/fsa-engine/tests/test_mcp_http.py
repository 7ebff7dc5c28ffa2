"""Tool servers over HTTP: headers from the environment, answers of any size, and a server that is not ours."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.http import HttpServer
from chassis.retry import Backoff
from fsa_engine.adapters.mcp_http import BoundedTransport, MissingVariable, resolved
from fsa_engine.adapters.mcp_tools import Failure, Limits, ServerSpec, ToolServer

LIMITS = Limits(connect_seconds=20, result_bytes=64 * 1024)


class Guarded:
    """A tool server behind a token, in this process. `cancelled` is set when a call of `wait` is given up."""

    def __init__(self, *, as_json: bool) -> None:
        self.cancelled = asyncio.Event()
        self.waiting = asyncio.Event()
        self.server = MCPServer("guarded")
        self.server.tool()(self.whoami)
        self.server.tool()(self.wait)
        self.server.tool()(self.huge)
        inner = self.server.streamable_http_app(json_response=as_json)
        self.http = HttpServer(self._guard(inner), "127.0.0.1", 0, lifespan="on")

    async def whoami(self, ctx: Context[Any, Any]) -> dict[str, str]:
        return {"tenant": (ctx.headers or {}).get("x-tenant", "")}

    async def wait(self) -> str:
        self.waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return ""

    async def huge(self, megabytes: int) -> str:
        return "x" * (megabytes * 1024 * 1024)

    def _guard(self, inner: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = dict(scope.get("headers", ()))
            if scope["type"] == "http" and headers.get(b"authorization") != b"Bearer s3cret":
                await Response("no", status_code=401)(scope, receive, send)
                return
            await inner(scope, receive, send)

        return app

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.port}/mcp"


@pytest.fixture(params=[True, False], ids=["json", "stream"])
async def guarded(request: Any) -> AsyncIterator[Guarded]:
    made = Guarded(as_json=request.param)
    await made.http.start()
    yield made
    await made.http.stop()


@pytest.fixture
async def use() -> AsyncIterator[Callable[..., ToolServer]]:
    started: list[ToolServer] = []

    def make(url: str, **headers: str) -> ToolServer:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        server = ToolServer(ServerSpec("guarded", Path(), url=url, headers=named), LIMITS, Backoff(0.01, 0.05))
        server.start()
        started.append(server)
        return server

    yield make
    for server in started:
        await server.stop()


async def test_headers_come_from_the_environment(
    guarded: Guarded, use: Callable[..., ToolServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDED_TOKEN", "s3cret")
    server = use(guarded.url, Authorization="Bearer ${GUARDED_TOKEN}", X_Tenant="clinic")
    assert (await server.call("whoami", {}, "key", 20)).value == {"tenant": "clinic"}


async def test_a_variable_that_is_not_set_is_named(use: Callable[..., ToolServer]) -> None:
    server = use("http://127.0.0.1:9/mcp", Authorization="Bearer ${NO_SUCH_TOKEN}")
    outcome = await server.call("whoami", {}, "key", 1)
    assert outcome.failure is Failure.UNAVAILABLE
    assert "NO_SUCH_TOKEN" in server.problem
    with pytest.raises(MissingVariable, match="A, B"):
        resolved({"one": "${B}", "two": "x ${A} ${B}"}, {})
    assert resolved({"one": "${A}-$A"}, {"A": "1"}) == {"one": "1-$A"}


async def test_a_wrong_token_is_no_connection(
    guarded: Guarded, use: Callable[..., ToolServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDED_TOKEN", "wrong")
    server = use(guarded.url, Authorization="Bearer ${GUARDED_TOKEN}")
    outcome = await server.call("whoami", {}, "key", 1)
    assert outcome.failure is Failure.UNAVAILABLE
    assert "wrong" not in server.problem


async def test_ten_megabytes_are_given_up_and_the_connection_lives(
    guarded: Guarded, use: Callable[..., ToolServer]
) -> None:
    server = use(guarded.url, Authorization="Bearer s3cret")
    assert (await server.call("huge", {"megabytes": 10}, "key", 20)).failure is Failure.TOO_LARGE
    assert (await server.call("whoami", {}, "key", 20)).failure is None


@pytest.mark.parametrize("guarded", [False], ids=["stream"], indirect=True)
async def test_a_call_that_is_given_up_is_cancelled_at_the_server(
    guarded: Guarded, use: Callable[..., ToolServer]
) -> None:
    server = use(guarded.url, Authorization="Bearer s3cret")
    await server.tools()
    call = asyncio.create_task(server.call("wait", {}, "key", 60))
    async with asyncio.timeout(20):
        await guarded.waiting.wait()
        call.cancel()
        await guarded.cancelled.wait()
    assert (await server.call("whoami", {}, "key", 20)).failure is None


async def test_an_answer_that_was_compressed_unasked_is_refused() -> None:
    async def answer(request: Request) -> Response:
        return Response(b"\x1f\x8b", headers={"content-encoding": "gzip", "content-type": "application/json"})

    http = HttpServer(Starlette(routes=[Route("/", answer, methods=["POST"])]), "127.0.0.1", 0)
    await http.start()
    try:
        transport = BoundedTransport(httpx2.AsyncHTTPTransport(), 1000)
        async with httpx2.AsyncClient(transport=transport) as client:
            given = await client.post(f"http://127.0.0.1:{http.port}/", json={"id": 7})
        assert json.loads(given.content)["id"] == 7
        assert "compressed" in json.loads(given.content)["error"]["message"]
    finally:
        await http.stop()


async def test_a_public_server_from_pypi_is_called(tmp_path: Path) -> None:
    server = ToolServer(ServerSpec("time", tmp_path, (sys.executable, "-m", "mcp_server_time")), LIMITS)
    server.start()
    try:
        tools = await server.tools(20)
        assert "timezone" in tools["get_current_time"].input_schema["properties"]
        arguments = {"source_timezone": "UTC", "time": "12:30", "target_timezone": "Asia/Tokyo"}
        outcome = await server.call("convert_time", arguments, "key", 20)
        assert outcome.value["target"]["datetime"].endswith("T21:30:00+09:00")
        refused = await server.call("convert_time", arguments | {"source_timezone": "Mars"}, "key", 20)
        assert refused.failure is Failure.REFUSED
    finally:
        await server.stop()
