"""What the far end has been sent and the caller has not heard yet: played at 20 ms a tick."""

from collections import deque

from audio.formats import MULAW_8K

FRAME_MS = 20
FRAME_BYTES = MULAW_8K.frame_bytes(FRAME_MS)
SILENCE = MULAW_8K.silence(FRAME_MS)


class Playout:
    """Of one leg: 8 kHz mu-law in, one frame a tick out. Marks are reached when all audio before them was played."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._played = 0
        self._marks: deque[tuple[int, str]] = deque()

    @property
    def buffered_ms(self) -> int:
        """Milliseconds not yet played."""
        return int(MULAW_8K.duration_ms(len(self._buffer)))

    def push(self, audio: bytes) -> None:
        """Append audio of any length."""
        self._buffer += audio

    def mark(self, name: str) -> None:
        """Set a mark behind all that was pushed."""
        self._marks.append((self._played + len(self._buffer), name))

    def reached(self) -> list[str]:
        """The marks reached since the last time it was asked, in order."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._played:
            names.append(self._marks.popleft()[1])
        return names

    def take(self) -> bytes | None:
        """Play one frame, padded with silence at an end inside of it; None when there is nothing to play."""
        if not self._buffer:
            return None
        frame = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        self._played += len(frame)
        return frame.ljust(FRAME_BYTES, MULAW_8K.silence_byte)

    def clear(self) -> list[str]:
        """Drop what was not played; returns the marks that were pending, in order."""
        self._buffer.clear()
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names
