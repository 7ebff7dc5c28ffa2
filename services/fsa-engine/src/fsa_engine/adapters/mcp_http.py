"""A Streamable HTTP transport to tool servers: with headers, and with a bound on what an answer may cost.

The SDK bounds the events of a stream, but reads a JSON answer whole, however long it is. Here such an answer is given
up at the bound and answered, in the server's name, with an error to the request it belonged to.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

from fsa_engine.adapters.mcp_stdio import RESULT_TOO_LARGE

CONNECT_SECONDS = 10.0
READ_SECONDS = 300.0
"""Between two pieces of an answer; the time limit of a call is the caller's."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class MissingVariable(Exception):
    """A header names environment variables that are not set."""


def resolved(headers: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return headers with `${NAME}` replaced from the environment. Raises MissingVariable, naming every missing one."""
    names = {name for value in headers.values() for name in _VARIABLE.findall(value)}
    missing = sorted(name for name in names if not environment.get(name))
    if missing:
        raise MissingVariable(f"not set in the environment: {', '.join(missing)}")
    return {
        header: _VARIABLE.sub(lambda found: environment[found.group(1)], value) for header, value in headers.items()
    }


@asynccontextmanager
async def connect(url: str, headers: Mapping[str, str], max_bytes: int) -> AsyncIterator[Any]:
    """Open the transport while the block lasts (see `mcp.Client`). Raises MissingVariable."""
    timeout = httpx2.Timeout(CONNECT_SECONDS, read=READ_SECONDS)
    bounded = BoundedTransport(httpx2.AsyncHTTPTransport(), max_bytes)
    plain = {"accept-encoding": "identity", **resolved(headers)}
    async with (
        httpx2.AsyncClient(headers=plain, timeout=timeout, transport=bounded) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=max_bytes) as streams,
    ):
        yield streams


class BoundedTransport(httpx2.AsyncBaseTransport):
    """Reads JSON answers itself, up to `max_bytes`; everything else passes."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner = inner
        self._max = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        response = await self._inner.handle_async_request(request)
        if not response.headers.get("content-type", "").lower().startswith("application/json"):
            return response
        body = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                return _refused(request, "the answer was compressed, which was not asked for")
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self._max:
                    return _refused(request, "the answer was larger than allowed")
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, headers=response.headers, content=bytes(body), request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def _refused(request: httpx2.Request, why: str) -> httpx2.Response:
    error = {"code": RESULT_TOO_LARGE, "message": why}
    return httpx2.Response(200, json={"jsonrpc": "2.0", "id": _request_id(request), "error": error}, request=request)


def _request_id(request: httpx2.Request) -> Any:
    try:
        return json.loads(request.content).get("id")
    except (ValueError, AttributeError, httpx2.RequestNotRead):
        return None
