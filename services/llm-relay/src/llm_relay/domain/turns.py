"""Who has the floor, and how much of what the agent said was heard.

Two facts decide everything about turns. *The caller* is silent, speaking, or being understood (his speech is over, its
words are not there yet). *The agent* has items: stretches of speech handed to the gateway, which plays them at its own
pace and reports how far the caller heard each. An item that was sent is not an item that was heard; only what was heard
counts as said.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

REPORT_GRACE_MS = 2500
"""How long after an item's end its report may take. The inbox may lose, and a lost report must not silence a call."""


class Caller(Enum):
    """What the caller is doing."""

    SILENT = auto()
    SPEAKING = auto()
    # His speech has ended; recognition has not.
    UNDERSTOOD_SOON = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an item's audio and the words known with it; positions in milliseconds from the item's start."""

    start_ms: float
    end_ms: float
    text: str


@dataclass(slots=True)
class Item:
    """One item of agent speech."""

    item_id: str
    # Caller media position at which it began to be heard; until then, at which its first audio left.
    started_ms: int
    response_ms: int = 0
    pieces: list[Piece] = field(default_factory=list)
    sent_ms: float = 0.0
    # Nothing more will be added.
    complete: bool = False
    heard_ms: int = 0
    # Dropped by barge-in or with a lost socket; nothing more of it is sent.
    cut: bool = False
    # When something was last sent or reported, on the dialogue's clock.
    touched_ms: int = 0

    def add(self, duration_ms: float, text: str, last: bool, now_ms: int) -> None:
        """Audio of this length was sent, with these words; `last`: nothing more of the item follows."""
        self.complete = last
        self.touched_ms = now_ms
        if text or not self.pieces:
            self.pieces.append(Piece(self.sent_ms, self.sent_ms + duration_ms, text))
        else:
            grown = self.pieces[-1]
            self.pieces[-1] = Piece(grown.start_ms, grown.end_ms + duration_ms, grown.text)
        self.sent_ms += duration_ms

    @property
    def due_ms(self) -> int | None:
        """When its end should have been reported at the latest; None while more of it is being made."""
        if self.cut:
            return self.touched_ms + REPORT_GRACE_MS
        return self.touched_ms + round(self.sent_ms) - self.heard_ms + REPORT_GRACE_MS if self.complete else None

    @property
    def heard_text(self) -> str:
        """The words that the caller heard: of a piece cut in its middle, the words up to there by its share of time."""
        return _join(_heard(piece, self.heard_ms) for piece in self.pieces)

    @property
    def wholly_heard_text(self) -> str:
        """The words of the pieces that were heard to their end."""
        return _join(piece.text for piece in self.pieces if piece.end_ms <= self.heard_ms + 1)


def _heard(piece: Piece, heard_ms: int) -> str:
    # Positions are whole milliseconds, durations need not be.
    if piece.end_ms <= heard_ms + 1:
        return piece.text
    if piece.start_ms >= heard_ms:
        return ""
    words = piece.text.split()
    return " ".join(words[: int(len(words) * (heard_ms - piece.start_ms) / (piece.end_ms - piece.start_ms))])


def _join(texts: Iterable[str]) -> str:
    return " ".join(text.strip() for text in texts if text.strip())


class Floor:
    """Of one call: the caller's state and the agent's items not yet played to their end, oldest first."""

    def __init__(self) -> None:
        self.caller = Caller.SILENT
        # End of the caller's media taken in so far.
        self.media_ms = 0
        self._items: dict[str, Item] = {}
        self._ended: dict[str, None] = {}

    def understood(self) -> None:
        """The words of a turn are there, or will never be. The caller may be speaking again already."""
        if self.caller is Caller.UNDERSTOOD_SOON:
            self.caller = Caller.SILENT

    @property
    def items(self) -> list[Item]:
        """Items sent and not yet ended."""
        return list(self._items.values())

    @property
    def agent_audible(self) -> bool:
        """Whether audio was sent that the caller has not heard the end of."""
        return any(not item.cut for item in self._items.values())

    @property
    def quiet(self) -> bool:
        """Nobody speaks and nothing is being understood."""
        return self.caller is Caller.SILENT and not self._items

    def item(self, item_id: str) -> Item | None:
        """The item that audio belongs to, begun if it is new; None when it has been cut or has ended."""
        item = self._items.get(item_id)
        if item is None:
            if item_id in self._ended:
                return None
            item = self._items[item_id] = Item(item_id, self.media_ms)
        return None if item.cut else item

    def heard(self, item_id: str, heard_ms: int, ended: bool, now_ms: int, *, flushed: bool = False) -> Item | None:
        """Playout got this far. Returns the item if it has ended with this; unknown and late reports change nothing."""
        item = self._items.get(item_id)
        if item is None:
            return None
        if heard_ms and not item.heard_ms:
            item.started_ms = max(0, self.media_ms - heard_ms)
        item.heard_ms = max(item.heard_ms, heard_ms)
        item.touched_ms = now_ms
        item.cut = item.cut or flushed
        return self._end(item) if ended else None

    def cut(self, now_ms: int) -> list[Item]:
        """Nothing more of any item shall be played; their ends are reported by `heard`. Returns those cut now."""
        now_cut = [item for item in self._items.values() if not item.cut]
        for item in now_cut:
            item.cut = True
            item.touched_ms = now_ms
        return now_cut

    def due_ms(self) -> int | None:
        """When the next item is overdue."""
        return min((item.due_ms for item in self._items.values() if item.due_ms is not None), default=None)

    def overdue(self, now_ms: int) -> list[Item]:
        """Ends the items whose end should have been reported by now: one that was not cut counts as heard."""
        late = [item for item in self._items.values() if item.due_ms is not None and item.due_ms <= now_ms]
        for item in late:
            if not item.cut:
                item.heard_ms = round(item.sent_ms)
        return [self._end(item) for item in late]

    def lose(self) -> list[Item]:
        """The socket was lost: no end will be reported any more. Returns what had not been played to its end."""
        for item in self.items:
            item.cut = True
        return [self._end(item) for item in self.items]

    def _end(self, item: Item) -> Item:
        del self._items[item.item_id]
        self._ended[item.item_id] = None
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return item


# Ended items whose late audio is still recognised as such.
_REMEMBERED = 64
