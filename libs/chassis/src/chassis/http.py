"""HTTP listeners: any ASGI application, and the operator's port that every process has."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Signals belong to chassis.runtime.


class HttpServer:
    """Serves an ASGI application on a port of its own until stopped."""

    def __init__(self, app: Any, host: str, port: int, **uvicorn_options: Any) -> None:
        self._address = (host, port)
        options: dict[str, Any] = {
            "log_config": None,
            "access_log": False,
            "lifespan": "off",
            "timeout_graceful_shutdown": 2,
        }
        self._server = _Uvicorn(uvicorn.Config(app, **(options | uvicorn_options)))
        self._task: asyncio.Task[None] | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port it listens on; the one chosen by the system when 0 was asked for."""
        if self._socket is None:
            raise RuntimeError("the server has not been started")
        port: int = self._socket.getsockname()[1]
        return port

    async def start(self) -> None:
        """Bind and accept connections.

        Raises:
            OSError: the address cannot be had (in use, not ours).
        """
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=2048)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]), name=f"http:{port}")
        up = asyncio.create_task(self._server.up.wait())
        await asyncio.wait([self._task, up], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            await self._task

    async def stop(self) -> None:
        """Close listeners and connections; running requests have two seconds."""
        if self._task is None:
            return
        self._server.should_exit = True
        task, self._task = self._task, None
        await asyncio.wait([task])
        if self._socket is not None:
            self._socket.close()


def ops_app(ready: Callable[[], bool], routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the operator's application: `/healthz` (alive), `/readyz` (503 until ready), `/metrics`, and `routes`."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        return PlainTextResponse("ready\n") if ready() else PlainTextResponse("not ready\n", status_code=503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    own = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    return Starlette(routes=[*own, *routes])


async def serve_ops(host: str, port: int, ready: Callable[[], bool], routes: Sequence[BaseRoute] = ()) -> HttpServer:
    """Start the operator's server and return it; port 0 lets the system choose (`.port` tells).

    Raises:
        OSError: the address cannot be had.
    """
    server = HttpServer(ops_app(ready, routes), host, port)
    await server.start()
    return server
