"""The engine's outputs on their way into the dialogue: what may be said next, and what counts as delivered.

An output waits until the dialogue is free, is taken into a *delivery* (what a backend is asked to bring to the caller
in one go), and is delivered once the caller heard it to its end, or heard some of it and cut it short. One cut before
anything was heard waits again. A question or a filler that has not been said is dropped when the engine has already
answered something newer: it is out of date; results are not, and are kept. A filler is held for a moment first: what it
would bridge is often there at once, and then it is never said.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from llm_relay.domain.turns import Item
from opusagent.fsa.v1.fsa_pb2 import Output

# Out of date as soon as something newer is to be said.
_FILLERS = frozenset({"progress"})
_PERISHABLE = frozenset({"ask"}) | _FILLERS

FILLER_PATIENCE_MS = 400
"""How long a filler waits for what makes it needless; with it, a pause before the filler is still below a second."""

_EXACT = frozenset({"ask", "verbatim"})
_CLOSING = frozenset({"hang_up", "hand_off"})


def kind(output: Output) -> str:
    """Which body an output carries; empty when it is none that this version knows."""
    return output.WhichOneof("body") or ""


def words(output: Output) -> str:
    """What an output says; empty when it is not for speaking."""
    body = kind(output)
    return getattr(output, body).text if body and body not in _CLOSING else ""


def spoken(output: Output) -> bool:
    """Whether an output has words for the caller."""
    return kind(output) != "steer" and bool(words(output))


def word_for_word(output: Output) -> bool:
    """Whether it is said exactly as it stands: questions and what is marked so."""
    return kind(output) in _EXACT


def _relieves(output: Output) -> bool:
    """Whether a filler that has not been said is needless beside it."""
    return kind(output) not in _FILLERS and spoken(output)


def closing(output: Output) -> bool:
    """Whether the call ends with it."""
    return kind(output) in _CLOSING


@dataclass(slots=True)
class Line:
    """An output and what is left to say of it."""

    output: Output
    text: str
    # Its place among all outputs of the call.
    place: int
    # Before this time it is not said; only fillers have one.
    not_before_ms: int = 0


@dataclass(slots=True)
class Delivery:
    """Outputs being brought to the caller in one go, and the items of speech that carry them."""

    delivery_id: str
    lines: list[Line]
    # The backend has made all the speech that it will make of it.
    generated: bool = False
    heard: bool = False
    cut: bool = False
    # Words of the pieces that were heard to their end, in order.
    heard_words: str = ""
    playing: set[str] = field(default_factory=set)

    @property
    def settled(self) -> bool:
        """Whether nothing of it will be played any more."""
        return self.generated and not self.playing

    @property
    def output_ids(self) -> list[str]:
        """Ids of its outputs."""
        return [line.output.output_id for line in self.lines]

    @property
    def rest(self) -> list[Line]:
        """What was not heard: each line without the pieces heard to their end."""
        heard = self.heard_words
        rest: list[Line] = []
        for line in self.lines:
            text, heard = _without(line.text, heard)
            if text:
                rest.append(Line(line.output, text, line.place))
        return rest


def _without(text: str, heard: str) -> tuple[str, str]:
    """The text without its heard beginning, and what is left of the heard words for the next one."""
    said, known = text.split(), heard.split()
    if said[: len(known)] == known:
        return " ".join(said[len(known) :]), ""
    if known[: len(said)] == said:
        return "", " ".join(known[len(said) :])
    return text, ""


class Outputs:
    """Of one call at one relay; `generation` keeps its delivery ids apart from those of the relay before."""

    def __init__(self, generation: int) -> None:
        self._generation = generation
        self._waiting: deque[Line] = deque()
        self._deliveries: dict[str, Delivery] = {}
        self._by_item: dict[str, Delivery] = {}
        self._seen: set[str] = set()
        self._next_place = 0
        # Perishable outputs before this place are out of date.
        self._fresh_from = 0
        self._count = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is being delivered."""
        return not self._deliveries

    @property
    def empty(self) -> bool:
        """Whether nothing waits or is being delivered."""
        return not self._deliveries and not self._waiting

    def due_ms(self, now_ms: int) -> int | None:
        """When what is held for a moment may be said, if it is the next."""
        held = self._waiting[0].not_before_ms if self._waiting else 0
        return held if held > now_ms else None

    def add(self, outputs: Iterable[Output], *, answers_caller: bool, now_ms: int) -> list[str]:
        """Take in the outputs of one step; known ones are ignored.

        `answers_caller`: they answer the caller's latest words, so whatever perishable still waits is out of date;
        outputs of other events make it so only when they ask something themselves. Returns the ids of what was dropped.
        """
        news = list({one.output_id: one for one in outputs if one.output_id not in self._seen}.values())
        self._seen.update(one.output_id for one in news)
        asks = any(kind(output) == "ask" for output in news)
        says = any(spoken(output) for output in news)
        dropped = self._drop(_FILLERS) if any(_relieves(output) for output in news) else []
        if asks or (says and answers_caller):
            dropped += self._drop(_PERISHABLE)
            self._fresh_from = self._next_place
        if asks:
            dropped += self._drop(_CLOSING)
        self._waiting.extend(
            Line(output, words(output), place, now_ms + FILLER_PATIENCE_MS if kind(output) in _FILLERS else 0)
            for place, output in enumerate(news, start=self._next_place)
        )
        self._next_place += len(news)
        return dropped

    def asks_anew(self, outputs: Iterable[Output]) -> bool:
        """Whether there is a question among outputs that has not come before."""
        return any(kind(output) == "ask" and output.output_id not in self._seen for output in outputs)

    def _drop(self, kinds: frozenset[str]) -> list[str]:
        dropped = [line.output.output_id for line in self._waiting if kind(line.output) in kinds]
        self._waiting = deque(line for line in self._waiting if kind(line.output) not in kinds)
        return dropped

    def next_closing(self) -> Output | None:
        """The output that ends the call, if it is the next; it stays until `close` takes it."""
        return self._waiting[0].output if self._waiting and closing(self._waiting[0].output) else None

    def close(self) -> None:
        """The output that ends the call was carried out."""
        self._waiting.popleft()

    def take(self, merge: bool, now_ms: int) -> Delivery | None:
        """The next delivery: the first waiting output, or when `merge` all that go with it; None while it is held.

        Guidance goes with what follows it; what is said word for word does not go with what is said freely.
        """
        lines: list[Line] = []
        while self._waiting and self.due_ms(now_ms) is None and self._goes_with(lines, self._waiting[0].output, merge):
            lines.append(self._waiting.popleft())
        return self._begin(lines) if lines else None

    @staticmethod
    def _goes_with(lines: Sequence[Line], output: Output, merge: bool) -> bool:
        if closing(output):
            return False
        spoken = [line.output for line in lines if kind(line.output) != "steer"]
        return not lines or (merge and (not spoken or word_for_word(spoken[0]) == word_for_word(output)))

    def _begin(self, lines: list[Line]) -> Delivery:
        self._count += 1
        delivery = Delivery(f"{lines[0].output.output_id}~{self._generation}.{self._count}", lines)
        self._deliveries[delivery.delivery_id] = delivery
        return delivery

    def put_back(self, lines: Sequence[Line]) -> list[str]:
        """Say these again, each at its place among what waits: deliveries are cut in any order.

        Returns the ids of those that are out of date by now and are not said again.
        """
        fresh = [line for line in lines if line.place >= self._fresh_from or kind(line.output) not in _PERISHABLE]
        self._waiting = deque(sorted([*fresh, *self._waiting], key=lambda line: line.place))
        return [line.output.output_id for line in lines if line not in fresh]

    def item_begun(self, delivery_id: str, item_id: str) -> None:
        """An item of speech carries this delivery."""
        delivery = self._deliveries.get(delivery_id)
        if delivery is not None:
            delivery.playing.add(item_id)
            self._by_item[item_id] = delivery

    def generated(self, delivery_id: str) -> Delivery | None:
        """The backend makes no more speech of it. Returns the delivery if that settles it."""
        delivery = self._deliveries.get(delivery_id)
        if delivery is None:
            return None
        delivery.generated = True
        return self._settle(delivery)

    def asks(self, item: Item) -> bool:
        """Whether the caller has heard something of a question that an item carries, as far as its words are known."""
        delivery = self._by_item.get(item.item_id)
        lines = delivery.lines if delivery is not None else []
        place = next((number for number, line in enumerate(lines) if kind(line.output) == "ask"), None)
        if delivery is None or place is None or not item.heard_ms:
            return False
        before = sum(len(line.text.split()) for line in lines[:place] if spoken(line.output))
        heard = len(delivery.heard_words.split()) + len(item.heard_text.split())
        return heard > before or not any(piece.text for piece in item.pieces)

    def item_ended(self, item: Item) -> Delivery | None:
        """An item was played to its end or cut. Returns the delivery that this settles."""
        delivery = self._by_item.pop(item.item_id, None)
        if delivery is None:
            return None
        delivery.playing.discard(item.item_id)
        delivery.heard = delivery.heard or item.heard_ms > 0
        delivery.cut = delivery.cut or item.cut
        delivery.heard_words = f"{delivery.heard_words} {item.wholly_heard_text}".strip()
        return self._settle(delivery)

    def cut(self) -> None:
        """Barge-in: whatever is being delivered is cut short, also what has made no sound yet."""
        for delivery in self._deliveries.values():
            delivery.cut = True

    def _settle(self, delivery: Delivery) -> Delivery | None:
        if not delivery.settled:
            return None
        return self._deliveries.pop(delivery.delivery_id)
