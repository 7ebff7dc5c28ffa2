"""The ways of a task as a plain list: what is drawn, walked for risks and counted as covered."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fsa_engine.domain.definition import Task


@dataclass(frozen=True)
class Edge:
    """One way out of a state. `key`: what of the state names it ("to", "transitions", "yes", "failed" ...).

    `label`: when it is taken, in the definition's own words; empty = always. `kind`: of a transition, else "".
    """

    source: str
    target: str
    key: str
    label: str = ""
    kind: str = ""

    @property
    def failure(self) -> bool:
        """Whether it is taken because something did not work out."""
        return self.key not in {"to", "transitions", "yes", "no", "answered"}


def edges(task: Task) -> list[Edge]:
    """Return every way out of every state, in order."""
    return [edge for name, state in task.states.items() for edge in _edges(name, state)]


def _edges(name: str, state: Any) -> Iterator[Edge]:
    transitions: tuple[Any, ...] = getattr(state, "transitions", ())
    ways: Iterator[Any] = iter(getattr(state, "edges", transitions))
    several = len(transitions) > 1
    for key, target in state.targets():
        if key in {"to", "transitions"}:
            way = next(ways)
            yield Edge(name, target, key, _when(way) or ("otherwise" if several else ""), getattr(way, "kind", "rule"))
        elif key == "time_limit":
            yield Edge(name, target, key, f"after {state.time_limit.seconds:g} s")
        else:
            yield Edge(name, target, key, key.replace("_", " "))


def _when(way: Any) -> str:
    """Say when a transition is taken."""
    kind = getattr(way, "kind", "rule")
    parts = []
    if kind == "intent":
        parts.append(f"caller: {way.intent}")
    elif kind in {"reasoning", "hybrid"}:
        parts.append(f"model: {way.proposal}")
    parts += [way.when] if way.when else []
    parts += list(getattr(way, "requires", ()))
    return " && ".join(parts)


def walk(task: Task, begin: Iterable[str], may_take: Callable[[Edge], bool] = lambda edge: True) -> set[str]:
    """Return the states that can be reached from `begin` (which are among them) by the edges that may be taken."""
    ways: dict[str, list[str]] = {}
    for edge in edges(task):
        if may_take(edge):
            ways.setdefault(edge.source, []).append(edge.target)
    reached: set[str] = set()
    waiting = list(begin)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += ways.get(name, [])
    return reached
