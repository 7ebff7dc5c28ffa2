"""The caller's latest audio, kept for a relay that has to take over."""

from collections import deque
from collections.abc import Iterator

KEEP_MS = 15_000
"""How much is kept at most: a replacement must be able to hear what its predecessor had not taken in."""


class RecentAudio:
    """Pieces of caller audio by their position in the caller's media; at most `keep_ms` of them."""

    def __init__(self, bytes_per_ms: int, keep_ms: int = KEEP_MS) -> None:
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._limit = bytes_per_ms * keep_ms
        self._size = 0

    def append(self, media_ms: int, audio: bytes) -> None:
        """Keep a piece that starts at `media_ms`; the oldest ones go where there is too much."""
        pieces = self._pieces
        pieces.append((media_ms, audio))
        self._size += len(audio)
        while self._size > self._limit:
            self._size -= len(pieces.popleft()[1])

    def heard_through(self, media_ms: int) -> None:
        """Drop the pieces that lie wholly before this position."""
        pieces = self._pieces
        while len(pieces) > 1 and pieces[1][0] <= media_ms:
            self._size -= len(pieces.popleft()[1])

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """What is kept, oldest first, with the position of each piece."""
        return iter(self._pieces)

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size
