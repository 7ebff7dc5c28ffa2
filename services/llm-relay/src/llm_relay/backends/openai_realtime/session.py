"""One call's session with the Realtime API, over as many sockets as it takes.

A new session knows nothing: whatever the reason for a new socket, configuration and history are sent first, and
caller audio waits meanwhile. A socket that breaks is replaced at once, one that nears the server's age limit when it
is silent.
"""

import asyncio
from collections.abc import Sequence

from prometheus_client import Counter
from typing_extensions import override

from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from llm_relay.backends.openai_realtime.connection import Connection, Dial
from llm_relay.backends.openai_realtime.outbox import Outbox
from llm_relay.backends.openai_realtime.protocol import Protocol
from llm_relay.backends.port import BackendError, Listener, ModelSession, Opening, Part
from opusagent.fsa.v1.fsa_pb2 import Expectation, Tool

REOPENED = Counter("opusagent_relay_realtime_reopened_total", "Sockets opened again", ["why"])

REOPEN_ATTEMPTS = 6
ROLLOVER_SECONDS = 300
"""Before the session's end, when a silent moment is looked for; the server gives a session 60 minutes."""
ROLLOVER_LATEST_SECONDS = 20
"""Before the session's end, when it is rolled over whether anybody speaks or not."""
ROLLOVER_POLL_SECONDS = 1.0

_log = get_logger(__name__)


class RealtimeSession(ModelSession):
    """Of one call."""

    def __init__(
        self, protocol: Protocol, outbox: Outbox, opening: Opening, listener: Listener, *, sockets: "Sockets"
    ) -> None:
        self._protocol = protocol
        self._outbox = outbox
        self._opening = opening
        self._listener = listener
        self._sockets = sockets
        self._bytes_per_ms = opening.format.bytes_per_ms
        self._sent_ms = 0
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None

    def run(self, connection: Connection) -> None:
        """Begin, on an open connection."""
        self._attach(connection)
        self._running = asyncio.create_task(self._run(connection), name=f"realtime:{self._opening.call_id}")

    @property
    @override
    def free(self) -> bool:
        return self._protocol.responses.free

    @override
    def hear(self, audio: bytes, media_ms: int) -> None:
        self._protocol.turns.offset_ms = media_ms - self._sent_ms
        self._sent_ms += len(audio) // self._bytes_per_ms
        self._outbox.audio(audio)

    @override
    def expect(self, expectation: Expectation) -> None:
        """The API takes no expectation beside the conversation itself."""

    @override
    def offer(self, tools: Sequence[Tool]) -> None:
        self._protocol.offer(tools)

    @override
    def deliver(self, delivery_id: str, parts: Sequence[Part]) -> None:
        self._protocol.deliver(delivery_id, parts)

    @override
    def silence(self) -> None:
        self._protocol.responses.cancel()

    @override
    def truncate(self, item_id: str, heard_ms: int) -> None:
        self._protocol.truncate(item_id, heard_ms)

    @override
    def answer_tool(self, function_call_id: str, output: str) -> None:
        self._protocol.answer_tool(function_call_id, output)

    @override
    async def close(self) -> None:
        self._protocol.close()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
        if self._connection is not None:
            self._connection.close()
        self._sockets.close()

    def _attach(self, connection: Connection) -> None:
        audio = self._outbox.keep_audio()
        self._sent_ms = 0
        self._connection = connection
        self._outbox.attach(connection)
        self._protocol.connected(self._opening.history())
        for piece in audio:
            self._sent_ms += len(piece) // self._bytes_per_ms
            self._outbox.audio(piece)

    async def _run(self, connection: Connection) -> None:
        try:
            while True:
                why = await self._converse(connection)
                self._outbox.detach()
                self._protocol.lost()
                connection = await self._sockets.again(why)
                self._attach(connection)
        except BackendError as error:
            _log.error("the model session is lost for good", why=str(error))
            self._listener.failed("model session lost")
        except Exception:
            _log.exception("the model session failed")
            self._listener.failed("model session failed")

    async def _converse(self, connection: Connection) -> str:
        """Until the socket is closed; returns why. Raises whatever handling an event raised."""
        failures: list[Exception] = []

        def received(message: bytes) -> None:
            try:
                self._protocol.received(message)
            except Exception as error:
                failures.append(error)
            if failures or self._protocol.expired:
                connection.close()

        rollover = asyncio.create_task(self._sockets.roll_over(connection, self._protocol), name="realtime-rollover")
        try:
            connection.listen(received, self._outbox.drain)
            code = await connection.closed()
        finally:
            rollover.cancel()
            await asyncio.wait([rollover])
            connection.close()
        if failures:
            raise failures[0]
        return self._why(code)

    def _why(self, code: int) -> str:
        if self._sockets.rolled_over:
            return "rollover"
        _log.warning("the model's socket was closed", code=code)
        return "expired" if self._protocol.expired else "lost"


class Sockets:
    """Where a call's next socket comes from."""

    def __init__(self, dial: Dial, clock: Clock, sleep: Sleep) -> None:
        self._dial = dial
        self._clock = clock
        self._sleep = sleep
        self._next: Connection | None = None

    @property
    def rolled_over(self) -> bool:
        """Whether the next socket is open already."""
        return self._next is not None

    async def again(self, why: str) -> Connection:
        """The next socket. Raises BackendError when there is none to be had for many tries."""
        REOPENED.labels(why).inc()
        connection, self._next = self._next, None
        if connection is not None:
            return connection
        backoff = Backoff(sleep=self._sleep)
        for _ in range(REOPEN_ATTEMPTS - 1):
            try:
                return await self._dial()
            except BackendError as error:
                _log.warning("the model session could not be opened again yet", why=str(error))
                await backoff.wait()
        return await self._dial()

    async def roll_over(self, connection: Connection, protocol: Protocol) -> None:
        """Replace a socket whose session nears its end: the next one is open before this one is closed."""
        while not self._due(protocol):
            await self._sleep(ROLLOVER_POLL_SECONDS)
        try:
            self._next = await self._dial()
        except BackendError as error:
            _log.warning("the model session could not be rolled over", why=str(error))
            return
        connection.close()

    def _due(self, protocol: Protocol) -> bool:
        if not protocol.expires_at:
            return False
        left = protocol.expires_at - self._clock() / 1000
        return left < ROLLOVER_LATEST_SECONDS or (left < ROLLOVER_SECONDS and protocol.silent)

    def close(self) -> None:
        """Close a socket that was opened and not used."""
        if self._next is not None:
            self._next.close()
            self._next = None
