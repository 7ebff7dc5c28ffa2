"""When agent audio goes out to telephony, and how much of it the caller has heard. Pure: time is passed in.

The far end plays what it is sent at once and in order, so its buffer runs dry at a time that can be computed: each
frame moves it by 20 ms. A frame may be sent while that time lies less than `lead_ms` ahead. Audio that comes in real
time therefore passes without delay, and audio that comes faster waits here, where a barge-in can still drop it.

What was heard is known from the same clock. Where the far end echoes marks, each echo is the truth up to that mark, and
its lateness (the way there and back) holds the clock back.
"""

from collections import deque
from typing import NamedTuple

from audio.formats import Format

FRAME_MS = 20
# An echo later than this is a stalled far end and says nothing about the way.
_MAX_LAG_MS = 1000.0


class Frame(NamedTuple):
    """To be sent now. `audio` is 20 ms, or empty where only the mark is left; `mark` is sent after the audio."""

    item_id: str
    audio: bytes
    mark: str | None


class Heard(NamedTuple):
    """How far an item was heard. `ended`: it was heard to its end."""

    item_id: str
    heard_ms: int
    ended: bool


class _Mark(NamedTuple):
    item: "_Item"
    # Milliseconds of the item up to the mark.
    item_ms: int
    # When, by the clock, the far end has played up to it.
    played_at_ms: float
    ended: bool


class _Item:
    """One item from its first push to its end: what waits (whole frames, and a piece of one) and what was sent."""

    __slots__ = ("acknowledged_ms", "bytes", "closed", "frames", "item_id", "reported_ms", "sent_ms", "tail")

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        self.frames: deque[bytes] = deque()
        self.tail = b""
        self.bytes = 0
        self.closed = False
        self.sent_ms = 0
        self.acknowledged_ms = 0
        self.reported_ms = 0

    @property
    def all_sent(self) -> bool:
        return self.closed and not self.frames


class Playout:
    """The playout of one leg: one per socket, all times in milliseconds of one clock that never goes back.

    Call `due` after each `push` and again at `next_due_ms`. Where the far end echoes marks, give them to `acknowledge`;
    where it does not, ask `heard` from time to time (`next_heard_ms` says when).
    """

    def __init__(self, format: Format, lead_ms: int, mark_ms: int) -> None:
        """`lead_ms`: how far ahead of real time to send; `mark_ms`: a mark after so much of an item, and at its end."""
        self._format = format
        self._frame_bytes = format.frame_bytes(FRAME_MS)
        self._lead_ms = max(lead_ms, FRAME_MS)
        self._mark_ms = max(FRAME_MS, mark_ms // FRAME_MS * FRAME_MS)
        # Not yet wholly sent, and not yet wholly heard: the first is a suffix of the second.
        self._unsent: deque[_Item] = deque()
        self._unheard: deque[_Item] = deque()
        self._dry_at_ms = float("-inf")
        self._lag_ms = 0.0
        self._marks: dict[str, _Mark] = {}
        self._mark_count = 0

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing sounds; what was sent counts as sounding until `heard` or a mark ends it."""
        return not self._unheard

    @property
    def waiting_ms(self) -> int:
        """Audio that was pushed and not yet sent, without pieces of frames."""
        return sum(len(item.frames) for item in self._unsent) * FRAME_MS

    def push(self, item_id: str, audio: bytes, last: bool) -> None:
        """Append audio to the newest item; another id, or one closed before, closes it and begins a new one.

        `last` closes the item; a piece of a frame at its end is filled up with silence.
        """
        item = self._unsent[-1] if self._unsent else None
        if item is None or item.closed or item.item_id != item_id:
            if item is not None:
                self._close(item)
            item = _Item(item_id)
            self._unsent.append(item)
            self._unheard.append(item)
        if audio:
            self._cut(item, audio)
        if last:
            self._close(item)

    def due(self, now_ms: float) -> list[Frame]:
        """The frames that may go out now, in order."""
        frames: list[Frame] = []
        self._dry_at_ms = max(self._dry_at_ms, now_ms)
        latest = now_ms + self._lead_ms - FRAME_MS
        unsent = self._unsent
        while unsent:
            item = unsent[0]
            if item.frames:
                if self._dry_at_ms > latest:
                    break
                self._dry_at_ms += FRAME_MS
                item.sent_ms += FRAME_MS
                frames.append(Frame(item.item_id, item.frames.popleft(), self._mark_after(item)))
            elif item.closed:
                # Closed without audio after its last frame had gone out: only the mark of its end is left.
                frames.append(Frame(item.item_id, b"", self._mark(item, ended=True)))
            else:
                break
            if item.all_sent:
                unsent.popleft()
        return frames

    def next_due_ms(self, now_ms: float) -> float | None:
        """When `due` will next have something, on the same clock (`now_ms`: at once); None while nothing waits."""
        if not self._unsent:
            return None
        item = self._unsent[0]
        if not item.frames:
            return now_ms if item.closed else None
        return max(now_ms, self._dry_at_ms - self._lead_ms + FRAME_MS)

    def acknowledge(self, mark: str, now_ms: float | None = None) -> Heard | None:
        """An echoed mark: how far its item was heard. None for an unknown one, as after a flush.

        With the time given, its lateness corrects what the clock takes for heard.
        """
        known = self._marks.pop(mark, None)
        if known is None:
            return None
        item = known.item
        item.acknowledged_ms = max(item.acknowledged_ms, known.item_ms)
        item.reported_ms = max(item.reported_ms, known.item_ms)
        if now_ms is not None:
            self._lag_ms = min(max(0.0, now_ms - known.played_at_ms), _MAX_LAG_MS)
        if known.ended and item in self._unheard:
            # Played in order: whatever was sent before it has been heard too.
            while self._unheard.popleft() is not item:
                pass
        return Heard(item.item_id, self._real_ms(item, known.item_ms), known.ended)

    def heard(self, now_ms: float) -> list[Heard]:
        """By the clock: each item that was heard to another multiple of `mark_ms`, or to its end, since last asked."""
        reports: list[Heard] = []
        for item, heard_ms in self._by_clock(now_ms):
            if item.all_sent and heard_ms >= item.sent_ms:
                reports.append(Heard(item.item_id, self._real_ms(item, heard_ms), True))
                self._unheard.remove(item)
            elif heard_ms - item.reported_ms >= self._mark_ms:
                item.reported_ms = int(heard_ms // self._mark_ms * self._mark_ms)
                reports.append(Heard(item.item_id, item.reported_ms, False))
        return reports

    def next_heard_ms(self, now_ms: float) -> float | None:
        """When `heard` will next have something, as far as has been sent; None when nothing sounds."""
        later_ms = sum(item.sent_ms for item in self._unheard)
        for item in self._unheard:
            later_ms -= item.sent_ms
            target = item.reported_ms + self._mark_ms
            if item.all_sent:
                target = min(target, item.sent_ms)
            if target <= item.sent_ms:
                return max(now_ms, self._dry_at_ms + self._lag_ms - later_ms - (item.sent_ms - target))
        return None

    def flush(self, now_ms: float) -> list[tuple[str, int]]:
        """Barge-in: drop everything, and say for each item not wholly heard how many milliseconds of it were.

        The caller must make the far end drop its buffer too. Marks not yet echoed are forgotten.
        """
        dropped = [(item.item_id, self._real_ms(item, heard_ms)) for item, heard_ms in self._by_clock(now_ms)]
        self._unsent.clear()
        self._unheard.clear()
        self._marks.clear()
        self._dry_at_ms = now_ms
        return dropped

    def _cut(self, item: _Item, audio: bytes) -> None:
        item.bytes += len(audio)
        size = self._frame_bytes
        if item.tail:
            audio = item.tail + audio
            item.tail = b""
        elif len(audio) == size:
            item.frames.append(audio)
            return
        end = len(audio) // size * size
        item.frames.extend(audio[at : at + size] for at in range(0, end, size))
        item.tail = audio[end:]

    def _close(self, item: _Item) -> None:
        if item.tail:
            padding = self._frame_bytes - len(item.tail)
            item.frames.append(item.tail + self._format.silence_byte * padding)
            item.tail = b""
        item.closed = True

    def _mark_after(self, item: _Item) -> str | None:
        if item.all_sent:
            return self._mark(item, ended=True)
        return self._mark(item, ended=False) if item.sent_ms % self._mark_ms == 0 else None

    def _mark(self, item: _Item, ended: bool) -> str:
        self._mark_count += 1
        name = str(self._mark_count)
        self._marks[name] = _Mark(item, item.sent_ms, self._dry_at_ms, ended)
        return name

    def _real_ms(self, item: _Item, heard_ms: float) -> int:
        """Without the silence that fills an item's last frame."""
        return min(int(heard_ms), item.bytes // self._format.bytes_per_ms)

    def _by_clock(self, now_ms: float) -> list[tuple[_Item, float]]:
        """Each unheard item with how much of it was heard; the far end still holds the newest audio."""
        buffered_ms = max(0.0, self._dry_at_ms - (now_ms - self._lag_ms))
        heard: list[tuple[_Item, float]] = []
        for item in reversed(self._unheard):
            silent_ms = min(buffered_ms, item.sent_ms)
            buffered_ms -= silent_ms
            heard.append((item, max(item.sent_ms - silent_ms, item.acknowledged_ms)))
        heard.reverse()
        return heard
