"""Whether speech of the model's own accord reaches the caller: in a gated state not before the engine's verdict.

Speech that carries an output of the engine always passes. An item of the model's own is decided upon once, when its
first audio comes: it passes while the state is free; while it is gated the item is held, whole, until the engine has
answered. It is let go where the answer ends the gated state and brings nothing else to say, and dropped otherwise: what
the model said was said before the rules had spoken. Between an answer that brings something to say and that being said,
whatever the model adds of its own is dropped, too.
"""

from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

HELD_MS = 20_000
"""Speech held at most; an item that goes beyond it is dropped."""
REMEMBERED = 64


class Fate(Enum):
    """What becomes of an item."""

    PASSES = auto()
    HELD = auto()
    DROPPED = auto()


class Piece(NamedTuple):
    """A stretch of an item's speech."""

    audio: bytes
    text: str
    last: bool


class Verdict(NamedTuple):
    """What becomes of the items that were held."""

    released: Sequence[tuple[str, Sequence[Piece]]]
    dropped: Sequence[str]


class Gate:
    """Of one call; `bytes_per_ms` of the model's audio."""

    def __init__(self, bytes_per_ms: int) -> None:
        self._limit = HELD_MS * bytes_per_ms
        self.gated = False
        # The engine has answered, and what it wants said is not being said yet.
        self._superseded = False
        self._fates: OrderedDict[str, Fate] = OrderedDict()
        self._held: dict[str, list[Piece]] = {}
        self._size = 0

    def carries(self, item_id: str) -> None:
        """An item carries an output of the engine."""
        self._size -= sum(len(piece.audio) for piece in self._held.pop(item_id, ()))
        self._decide(item_id, Fate.PASSES)

    def delivering(self) -> None:
        """What the engine wants said is being said."""
        self._superseded = False

    def turn_began(self) -> None:
        """The caller speaks: what the model says from now on answers something that the engine has not answered."""
        self._superseded = False

    def take(self, item_id: str, piece: Piece) -> Fate:
        """Return what becomes of a piece of an item; one that is held is kept here."""
        fate = self._fates.get(item_id) or self._decide(item_id, self._fate())
        if fate is not Fate.HELD:
            return fate
        self._size += len(piece.audio)
        if self._size > self._limit:
            self._size -= sum(len(held.audio) for held in self._held.pop(item_id, ())) + len(piece.audio)
            return self._decide(item_id, Fate.DROPPED)
        self._held.setdefault(item_id, []).append(piece)
        return fate

    def _fate(self) -> Fate:
        if self._superseded:
            return Fate.DROPPED
        return Fate.HELD if self.gated else Fate.PASSES

    def verdict(self, gated: bool | None, *, says: bool) -> Verdict:
        """The engine has answered: the state is `gated` from now on, or not (None: as before).

        `says`: the answer brings something to say.
        """
        was = self.gated
        gated = self.gated = was if gated is None else gated
        self._superseded = says and was
        held, self._held = self._held, {}
        self._size = 0
        releases = not says and not gated
        for item_id in held:
            self._decide(item_id, Fate.PASSES if releases else Fate.DROPPED)
        if releases:
            return Verdict(list(held.items()), ())
        return Verdict((), list(held))

    def _decide(self, item_id: str, fate: Fate) -> Fate:
        self._fates[item_id] = fate
        if len(self._fates) > REMEMBERED:
            self._fates.popitem(last=False)
        return fate
