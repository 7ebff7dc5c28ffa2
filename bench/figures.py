"""What measurements share: percentiles, aims and whether they were met."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie; 0 when there are none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else 0.0


@dataclass(frozen=True)
class Spread:
    """Percentiles of one thing timed many times, in the unit of what was timed."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    worst: float

    @staticmethod
    def of(values: Sequence[float]) -> "Spread":
        """Sum up."""
        mean = sum(values) / len(values) if values else 0.0
        found = [mean, *(percentile(values, share) for share in (0.5, 0.9, 0.99)), max(values, default=0.0)]
        return Spread(len(values), *(round(value, 3) for value in found))


@dataclass(frozen=True)
class Aim:
    """One aim and what came of it."""

    what: str
    limit: float
    found: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether what was found is within the limit."""
        return self.found <= self.limit

    def as_json(self) -> dict[str, Any]:
        """Return the aim for the report's JSON."""
        return {**asdict(self), "met": self.met}
