"""What is to be sent on a call's socket, in order; it survives the socket."""

import asyncio

from llm_relay.backends.openai_realtime import wire

WAITING_PIECES = 750
"""Pieces of caller audio kept while there is no socket: 15 s at 20 ms."""


class Outbox:
    """Of one call. Audio that waits is joined into one event when it is taken."""

    def __init__(self) -> None:
        self._waiting: list[str | bytes] = []
        self._news = asyncio.Event()

    def send(self, text: str) -> None:
        """Add an event."""
        self._waiting.append(text)
        self._news.set()

    def audio(self, audio: bytes) -> None:
        """Add caller audio."""
        self._waiting.append(audio)
        if len(self._waiting) > WAITING_PIECES:
            self._forget_oldest()
        self._news.set()

    def _forget_oldest(self) -> None:
        oldest = next((index for index, item in enumerate(self._waiting) if isinstance(item, bytes)), None)
        if oldest is not None:
            del self._waiting[oldest]

    def keep_audio(self) -> list[bytes]:
        """Take everything out; the events belong to a session that is over, the audio is returned."""
        waiting, self._waiting = self._waiting, []
        return [item for item in waiting if isinstance(item, bytes)]

    async def take(self) -> list[str]:
        """What waits, as events; waits for some."""
        await self._news.wait()
        self._news.clear()
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            only = waiting[0]
            return [only if isinstance(only, str) else wire.append(only)]
        return _joined(waiting)


def _joined(waiting: list[str | bytes]) -> list[str]:
    events: list[str] = []
    audio = bytearray()
    for item in waiting:
        if isinstance(item, bytes):
            audio += item
            continue
        if audio:
            events.append(wire.append(bytes(audio)))
            audio.clear()
        events.append(item)
    if audio:
        events.append(wire.append(bytes(audio)))
    return events
