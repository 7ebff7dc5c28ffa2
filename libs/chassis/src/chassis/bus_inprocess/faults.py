"""Faults of a bus, on a seed, for tests: what a network and a broker do to messages."""

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """Probabilities (0 to 1) of misfortunes, drawn from one seeded sequence.

    duplicate: a record is handled twice (inbox and log). drop: an inbox record is lost; the log never loses.
    delay: longest hold-up in seconds; order within a slot or topic is kept.
    """

    seed: int
    duplicate: float = 0.0
    delay: float = 0.0
    drop: float = 0.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def times(self, *, may_drop: bool) -> int:
        """Return how often the next record is to be handled: 0, 1 or 2."""
        if may_drop and self._random.random() < self.drop:
            return 0
        return 2 if self._random.random() < self.duplicate else 1

    def wait(self) -> float:
        """Return the seconds for which the next record is held up."""
        return self._random.uniform(0.0, self.delay) if self.delay else 0.0
