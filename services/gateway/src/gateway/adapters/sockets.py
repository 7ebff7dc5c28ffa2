"""The register of open sockets, and of those that have not yet said which call they are: few, and not for long."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict

from gateway import metrics
from gateway.tasks import Tasks

_CLOSE_SECONDS = 3.0


class Registered(ABC):
    """What the register needs of a socket."""

    @abstractmethod
    def fail_handshake(self, reason: str) -> None:
        """The peer never said what it wants."""

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Say goodbye and close."""

    @abstractmethod
    async def wait_closed(self) -> None:
        """Return once the socket is gone."""


class Sockets:
    """All open sockets of the gateway."""

    def __init__(self, max_unstarted: int, handshake_seconds: float) -> None:
        self._max_unstarted = max_unstarted
        self._handshake_seconds = handshake_seconds
        self._open: set[Registered] = set()
        self._unstarted: OrderedDict[Registered, asyncio.TimerHandle] = OrderedDict()
        self.tasks = Tasks()

    def entered(self, socket: Registered) -> None:
        """A socket was opened; where too many wait to say anything, the oldest of them makes room."""
        self._open.add(socket)
        loop = asyncio.get_running_loop()
        self._unstarted[socket] = loop.call_later(self._handshake_seconds, socket.fail_handshake, "timeout")
        if len(self._unstarted) > self._max_unstarted:
            oldest = next(iter(self._unstarted))
            self.started(oldest)
            oldest.fail_handshake("crowded")
        metrics.UNSTARTED.set(len(self._unstarted))

    def started(self, socket: Registered) -> None:
        """A socket has said which call it is."""
        timer = self._unstarted.pop(socket, None)
        if timer is not None:
            timer.cancel()
            metrics.UNSTARTED.set(len(self._unstarted))

    def left(self, socket: Registered) -> None:
        """A socket is closed."""
        self.started(socket)
        self._open.discard(socket)

    async def stop(self) -> None:
        """Close every socket, bounded, and end what they wait for."""
        await self.tasks.stop()
        for socket in list(self._open):
            socket.close(1001, "gateway restarts")
        gone = [asyncio.ensure_future(socket.wait_closed()) for socket in list(self._open)]
        if gone:
            await asyncio.wait(gone, timeout=_CLOSE_SECONDS)

    def __len__(self) -> int:
        return len(self._open)
