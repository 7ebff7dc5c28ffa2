"""Since when this session has been able to tell the living from the dead."""

from chassis.ids import Clock
from session import metrics


class Health:
    """Told by whoever asks the store regularly; `longest_gap_ms` without an answer counts as an outage."""

    def __init__(self, clock: Clock, longest_gap_ms: int) -> None:
        self._clock = clock
        self._longest_gap_ms = longest_gap_ms
        self._last_answer: int | None = None
        self.since = clock()

    @property
    def up(self) -> bool:
        """Whether the store answered the last time."""
        return self._last_answer is not None

    def answered(self) -> None:
        """The store answers. After an outage, or after this process itself stood still, health begins anew."""
        now = self._clock()
        if self._last_answer is None or now - self._last_answer > self._longest_gap_ms:
            self.since = now
        self._last_answer = now
        metrics.STORE_UP.set(1)

    def failed(self) -> None:
        """The store is out."""
        self._last_answer = None
        metrics.STORE_UP.set(0)
