"""From an upgrade request to a socket: uvicorn takes the connection and the request, picows speaks RFC 6455.

An ASGI socket costs a queue and a task switch per message. Here a message is a call of `Socket.received`, on the event
loop, without either: about a third of the CPU time per frame (see README).
"""

import logging
from collections.abc import Callable
from typing import Any

from multidict import CIMultiDict
from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from gateway import metrics
from gateway.adapters.websocket import HARD_LIMIT, Socket

_picows_log = logging.getLogger("picows.server")
_picows_log.setLevel(logging.WARNING)


class Rejected(Exception):
    """An upgrade is answered with an HTTP status instead."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


Headers = CIMultiDict[str]
Acceptor = Callable[[Headers], Socket]
"""Makes the socket of an upgrade request from its headers, or raises `Rejected`."""


def protocol_class(acceptors: dict[str, Acceptor], *, max_frame_bytes: int, ping_seconds: float) -> type[Any]:
    """Return what uvicorn takes as `ws`: a protocol that serves these paths."""

    def accept(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener | None:
        acceptor = acceptors.get(request.path.decode("latin-1").partition("?")[0])
        if acceptor is None:
            return None
        try:
            listener = acceptor(request.headers)
        except Rejected as rejected:
            metrics.REJECTED.labels(rejected.reason).inc()
            body = rejected.reason.encode()
            return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(rejected.status, body), None)
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(), listener)

    class UpgradedProtocol(WSProtocol):  # type: ignore[misc]
        """picows behind uvicorn: made at the upgrade, fed the request again, then given the transport."""

        def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
            super().__init__(
                None,
                None,
                False,
                accept,
                _picows_log,
                True,
                10.0,
                True,
                ping_seconds,
                ping_seconds,
                WSAutoPingStrategy.PING_WHEN_IDLE,
                True,
                max_frame_bytes * HARD_LIMIT,
                None,
                4096,
            )

        def data_received(self, data: bytes) -> None:
            """Take the upgrade request that uvicorn had read."""
            while data:
                buffer = self.get_buffer(-1)
                size = min(len(buffer), len(data))
                buffer[:size] = data[:size]
                data = data[size:]
                self.buffer_updated(size)

    return UpgradedProtocol
