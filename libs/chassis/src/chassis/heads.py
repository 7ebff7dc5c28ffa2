"""Generations and sequences: who may still speak for a call, and what was heard already.

A sender numbers what it posts, from 1, per call, generation and receiver. A receiver keeps, per call and sender, the
highest generation and in it the highest sequence, and drops anything lower or equal: so a zombie is fenced where it
speaks, and a duplicate changes nothing. Gaps are let through: the inbox may lose.
"""

from collections.abc import Hashable

from prometheus_client import Counter

from opusagent.media.v1.inbox_pb2 import Head, Sender

STALE = Counter("opusagent_stale_items_total", "Inbox items dropped by generation or sequence", ["service", "reason"])

MAX_CALLS = 50_000
"""Calls a gate remembers; past it the ones not heard of for longest are forgotten (a call that nobody closed)."""


class Stamper:
    """Makes the heads of what one sender posts."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._last: dict[str, dict[Hashable, int]] = {}

    def head(self, call_id: str, generation: int, receiver: Hashable, media_ms: int = 0) -> Head:
        """Return the next head for a receiver (any hashable name of it, such as its `Sender` role)."""
        sequences = self._last.setdefault(call_id, {})
        key = (receiver, generation)
        sequence = sequences[key] = sequences.get(key, 0) + 1
        return Head(call_id=call_id, sender=self._sender, generation=generation, sequence=sequence, media_ms=media_ms)

    def forget(self, call_id: str) -> None:
        """Drop the counters of a call that is over."""
        self._last.pop(call_id, None)


class Gate:
    """Decides which heads are news to one receiver."""

    def __init__(self, service: str = "", max_calls: int = MAX_CALLS) -> None:
        self._max_calls = max_calls
        self._newest: dict[str, dict[int, tuple[int, int]]] = {}
        self._generation = STALE.labels(service, "generation")
        self._sequence = STALE.labels(service, "sequence")

    def admit(self, head: Head) -> bool:
        """Return whether an item is news; one that is not is counted and must be dropped."""
        senders = self._newest.get(head.call_id)
        if senders is None:
            senders = self._remember(head.call_id)
        generation, sequence = senders.get(head.sender, (0, 0))
        if head.generation < generation:
            self._generation.inc()
            return False
        if head.generation == generation and head.sequence <= sequence:
            self._sequence.inc()
            return False
        senders[head.sender] = (head.generation, head.sequence)
        return True

    def _remember(self, call_id: str) -> dict[int, tuple[int, int]]:
        if len(self._newest) >= self._max_calls:
            del self._newest[next(iter(self._newest))]
        return self._newest.setdefault(call_id, {})

    def forget(self, call_id: str) -> None:
        """Drop what is known of a call that is over; a late item of it would be news again."""
        self._newest.pop(call_id, None)
