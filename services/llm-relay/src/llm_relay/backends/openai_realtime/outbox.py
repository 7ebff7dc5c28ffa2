"""What a call has to send, in order: at once while its socket takes it, and kept while there is none that does."""

from llm_relay.backends.openai_realtime import wire
from llm_relay.backends.openai_realtime.connection import Connection

WAITING_PIECES = 750
"""Pieces of caller audio kept while there is no socket: 15 s at 20 ms."""


class Outbox:
    """Of one call; it survives the socket. Audio that had to wait is joined into one event when it goes."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        # Events as text, and caller audio as it came.
        self._waiting: list[str | bytes] = []

    def attach(self, connection: Connection) -> None:
        """Send on this socket from now on."""
        self._connection = connection

    def detach(self) -> None:
        """The socket is gone; what is sent from now on waits."""
        self._connection = None

    def keep_audio(self) -> list[bytes]:
        """Take everything out; the events belong to a session that is over, the audio is returned."""
        waiting, self._waiting = self._waiting, []
        return [item for item in waiting if isinstance(item, bytes)]

    def send(self, text: str) -> None:
        """Send an event."""
        self._put(text)

    def audio(self, audio: bytes) -> None:
        """Send caller audio."""
        connection = self._connection
        if connection is not None and not self._waiting and connection.writing:
            connection.send(wire.append(audio))
            return
        self._put(audio)
        if len(self._waiting) > WAITING_PIECES:
            self._forget_oldest()

    def drain(self) -> None:
        """Send what waits, as far as the socket takes it."""
        connection = self._connection
        if connection is None:
            return
        events, self._waiting = _joined(self._waiting), []
        for index, event in enumerate(events):
            if not connection.writing:
                self._waiting = events[index:]
                return
            connection.send(wire.append(event) if isinstance(event, bytes) else event.encode())

    def _put(self, item: str | bytes) -> None:
        self._waiting.append(item)
        if self._connection is not None and self._connection.writing:
            self.drain()

    def _forget_oldest(self) -> None:
        oldest = next((index for index, item in enumerate(self._waiting) if isinstance(item, bytes)), None)
        if oldest is not None:
            del self._waiting[oldest]


def _joined(waiting: list[str | bytes]) -> list[str | bytes]:
    """The same, neighbouring audio as one."""
    joined: list[str | bytes] = []
    for item in waiting:
        if isinstance(item, bytes) and joined and isinstance(before := joined[-1], bytes):
            joined[-1] = before + item
        else:
            joined.append(item)
    return joined
