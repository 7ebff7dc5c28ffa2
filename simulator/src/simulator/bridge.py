"""Two lines connected to each other: what one speaks the other hears, at the pace of their ticks."""

from typing_extensions import override

from simulator.line import Carrier, Line


class _Towards(Carrier):
    def __init__(self, far: Line) -> None:
        self._far = far

    @override
    def carry(self, frame: bytes) -> None:
        self._far.playout.push(frame)

    @override
    def reached(self, mark: str) -> None:
        """Nobody sets marks on a bridge."""


class Bridge:
    """Between two legs' lines, from its making until `close`."""

    def __init__(self, one: Line, other: Line) -> None:
        self._ends = ((one, _Towards(other)), (other, _Towards(one)))
        for line, carrier in self._ends:
            line.carrier = carrier

    def close(self) -> None:
        """Part them; what was not heard yet is lost."""
        for line, carrier in self._ends:
            if line.carrier is carrier:
                line.carrier = None
                line.playout.clear()
