"""The WebSocket of a Media Stream: opened by Twilio, paced by the line's tick, closed by either side."""

import asyncio
from enum import Enum, auto

from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from simulator.line import Carrier, Line
from simulator.resetting import reset
from simulator.twilio.stream import MediaStream

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
# A server that reads slower than real time for this long loses the caller's audio (frames of 20 ms).
_MAX_QUEUE = 1500


class StreamEnd(Enum):
    """Why a stream is over."""

    # The server closed it properly.
    CLOSED = auto()
    # The connection broke.
    BROKEN = auto()
    # Twilio sent `stop`.
    STOPPED = auto()


class StreamError(Exception):
    """The stream could not be opened; `code` is Twilio's."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class MediaSocket(Carrier):
    """One stream over its connection. `open`, then `run` until it ends."""

    def __init__(self, stream: MediaStream, line: Line) -> None:
        self.stream = stream
        self._line = line
        self._connection: ClientConnection | None = None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._stopped = False

    async def open(self, url: str, headers: dict[str, str]) -> None:
        """Connect and say `connected` and `start`. Raises StreamError."""
        try:
            self._connection = await connect(
                url,
                additional_headers=headers,
                user_agent_header="Twilio.TmeWs/1.0",
                compression=None,
                proxy=None,
                open_timeout=CONNECT_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,
            )
        except InvalidURI as error:
            raise StreamError("31930", f"invalid URL {url}") from error
        except InvalidHandshake as error:
            raise StreamError("31920", f"handshake with {url} failed: {error}") from error
        except TimeoutError as error:
            raise StreamError("31901", f"{url} does not answer") from error
        except OSError as error:
            raise StreamError("31902", f"connection to {url} refused: {error}") from error
        for message in self.stream.opening():
            self._say(message)
        self._line.carrier = self

    async def run(self) -> StreamEnd:
        """Carry the stream until it ends; what the caller had not heard by then is lost."""
        assert self._connection is not None
        writing = asyncio.create_task(self._write(self._connection), name="media-socket-writer")
        try:
            await self._read(self._connection)
        except ConnectionClosed as closed:
            proper = closed.rcvd is not None and closed.rcvd.code in (1000, 1001)
            return StreamEnd.STOPPED if self._stopped else StreamEnd.CLOSED if proper else StreamEnd.BROKEN
        finally:
            if self._line.carrier is self:
                self._line.carrier = None
            self._line.playout.clear()
            writing.cancel()
            await asyncio.wait([writing])
        raise AssertionError("a connection ends by an exception")

    async def stop(self) -> None:
        """Say `stop` and close; nothing when it is over already."""
        if self._connection is None or self._stopped:
            return
        self._stopped = True
        if self._line.carrier is self:
            self._line.carrier = None
        self._say(self.stream.stop())
        await self._flushed()
        await self._connection.close(1000)

    def reset(self) -> None:
        """Tear the TCP connection."""
        if self._connection is not None:
            reset(self._connection)

    @override
    def carry(self, frame: bytes) -> None:
        if self._outgoing.qsize() < _MAX_QUEUE:
            self._say(self.stream.media(frame))

    @override
    def reached(self, mark: str) -> None:
        self._say(self.stream.mark(mark))

    def press(self, digit: str) -> None:
        """Report a key press."""
        self._say(self.stream.dtmf(digit))

    def _say(self, message: str) -> None:
        self._outgoing.put_nowait(message)

    async def _flushed(self) -> None:
        sent = asyncio.create_task(self._outgoing.join())
        closed = asyncio.create_task(self._connection.wait_closed()) if self._connection else sent
        await asyncio.wait({sent, closed}, timeout=CLOSE_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        sent.cancel()
        closed.cancel()

    async def _read(self, connection: ClientConnection) -> None:
        while True:
            for answer in self.stream.receive(await connection.recv()):
                self._say(answer)
            self._line.report_marks()

    async def _write(self, connection: ClientConnection) -> None:
        try:
            while True:
                message = await self._outgoing.get()
                await connection.send(message)
                self._outgoing.task_done()
        except ConnectionClosed:
            return
