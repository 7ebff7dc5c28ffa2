"""The public port: uvicorn, with a limit on how long a connection may say nothing."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway import metrics


def http_class(handshake_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol, closing connections that send no whole request in time.

    uvicorn times keep-alive connections only once they have made a request.
    """

    class TimedProtocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._silence = asyncio.get_running_loop().call_later(handshake_seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._silence.cancel()
            super().connection_lost(exc)

        def _give_up(self) -> None:
            if self.cycle is None and self.transport.get_protocol() is self:
                metrics.REJECTED.labels("silent_connection").inc()
                self.transport.close()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._silence.cancel()
            super().handle_websocket_upgrade(event)

    return TimedProtocol
