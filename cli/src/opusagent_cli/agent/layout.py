"""A layered drawing of a directed graph: boxes in ranks from top to bottom, edges through the gaps between them.

The steps are those of Sugiyama, Tagawa and Toda (1981): turn the edges that close a circle around, put every node on
the rank below its farthest predecessor, break long edges into pieces of one rank, order each rank so that few edges
cross, and give each rank the positions nearest to its neighbours that keep the order and the distances. An edge spans
two ranks at least, so that its label has a place of its own on a rank between.

Pure: sizes and positions are in pixels, y grows downwards, a place is the middle of its box.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 12
SETTLING = 60
"""Passes in which places settle."""
PORTS = 0.6
"""Part of a box's width over which edges reach it."""
GAP_X, GAP_Y = 26.0, 22.0
LINE = 10.0
"""Width that an edge without a label takes on a rank it passes."""


@dataclass(frozen=True)
class Box:
    """The size of a node or a label."""

    width: float
    height: float


@dataclass(frozen=True)
class Link:
    """An edge to be drawn from `source` to `target`; `label`: the size of its label, or None."""

    source: str
    target: str
    label: Box | None = None


@dataclass(frozen=True)
class Place:
    """The middle of something."""

    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """Where everything is: nodes, and for each link its points from source to target and its label's place.

    A link to its own source has no points.
    """

    width: float
    height: float
    nodes: Mapping[str, Place]
    routes: Sequence[Sequence[Place]]
    labels: Sequence[Place | None]


@dataclass(eq=False)
class _Cell:
    """A node, or the piece of an edge on a rank that it passes."""

    box: Box
    rank: int = 0
    x: float = 0.0
    up: list["_Cell"] = field(default_factory=list)
    down: list["_Cell"] = field(default_factory=list)
    real: bool = False


def draw(nodes: Mapping[str, Box], links: Sequence[Link]) -> Drawing:
    """Lay a graph out; `nodes` in the order in which they should come, the first one on top."""
    backward = _backward(nodes, links)
    ranks_of = _ranks(nodes, links, backward)
    cells = {name: _Cell(box, ranks_of[name], real=True) for name, box in nodes.items()}
    chains = [_chain(cells, link, index in backward) for index, link in enumerate(links)]
    ranks = _layers([*cells.values(), *(cell for chain in chains for cell in chain[1:-1])])
    _order(ranks)
    _place(ranks)
    return _drawing(ranks, cells, links, chains, backward)


def _backward(nodes: Mapping[str, Box], links: Sequence[Link]) -> set[int]:
    """Return the links that close a circle, found depth first in the order given."""
    leaving: dict[str, list[tuple[int, str]]] = {name: [] for name in nodes}
    for index, link in enumerate(links):
        leaving[link.source].append((index, link.target))
    found: set[int] = set()
    done: set[str] = set()
    for root in nodes:
        path: dict[str, int] = {} if root in done else {root: 0}
        while path:
            name, at = path.popitem()
            if at == len(leaving[name]):
                done.add(name)
                continue
            path[name] = at + 1
            index, target = leaving[name][at]
            if target in path:
                found.add(index)
            elif target not in done:
                path[target] = 0
    return found


def _ranks(nodes: Mapping[str, Box], links: Sequence[Link], backward: set[int]) -> dict[str, int]:
    """Return each node's rank, an even number: below its farthest predecessor."""
    after: dict[str, list[str]] = {name: [] for name in nodes}
    before = dict.fromkeys(nodes, 0)
    for index, link in enumerate(links):
        if link.source != link.target:
            first, second = (link.target, link.source) if index in backward else (link.source, link.target)
            after[first].append(second)
            before[second] += 1
    rank = dict.fromkeys(nodes, 0)
    ready = [name for name in nodes if not before[name]]
    while ready:
        name = ready.pop()
        for other in after[name]:
            rank[other] = max(rank[other], rank[name] + 2)
            before[other] -= 1
            if not before[other]:
                ready.append(other)
    return rank


def _chain(cells: Mapping[str, _Cell], link: Link, turned: bool) -> list[_Cell]:
    """Return the cells that a link passes, from top to bottom; its label takes the place next to its source."""
    upper, lower = cells[link.source], cells[link.target]
    if turned:
        upper, lower = lower, upper
    count = lower.rank - upper.rank - 1
    pieces = [_Cell(Box(LINE, 0.0), upper.rank + 1 + step) for step in range(max(count, 0))]
    if link.label and pieces:
        pieces[-1 if turned else 0].box = Box(link.label.width, link.label.height)
    chain = [upper, *pieces, lower]
    for above, below in pairwise(chain if pieces else []):
        above.down.append(below)
        below.up.append(above)
    return chain


def _layers(cells: Sequence[_Cell]) -> list[list[_Cell]]:
    layers: list[list[_Cell]] = [[] for _ in range(max((cell.rank for cell in cells), default=-1) + 1)]
    for cell in cells:
        layers[cell.rank].append(cell)
    return layers


def _order(ranks: list[list[_Cell]]) -> None:
    """Sort each rank by the middle of its neighbours, down and up in turn, and keep the order with fewest crossings."""
    best, fewest = [list(rank) for rank in ranks], _crossings(ranks)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        for above, rank in pairwise(ranks if downwards else ranks[::-1]):
            at = {id(cell): index for index, cell in enumerate(above)}
            own = {id(cell): index for index, cell in enumerate(rank)}
            rank.sort(key=lambda cell: (_middle(cell, at, own, downwards), own[id(cell)]))
        crossings = _crossings(ranks)
        if crossings < fewest:
            best, fewest = [list(rank) for rank in ranks], crossings
    for rank, order in zip(ranks, best, strict=True):
        rank[:] = order


def _middle(cell: _Cell, at: Mapping[int, int], own: Mapping[int, int], downwards: bool) -> float:
    near = [at[id(other)] for other in (cell.up if downwards else cell.down)]
    return sum(near) / len(near) if near else float(own[id(cell)])


def _crossings(ranks: Sequence[Sequence[_Cell]]) -> int:
    count = 0
    for rank, below in pairwise(ranks):
        at = {id(cell): index for index, cell in enumerate(below)}
        ends = [sorted(at[id(other)] for other in cell.down) for cell in rank]
        flat = [end for each in ends for end in each]
        count += sum(1 for i, first in enumerate(flat) for second in flat[i + 1 :] if first > second)
    return count


def _place(ranks: Sequence[list[_Cell]]) -> None:
    """Move each rank as near to its neighbours as order and distances allow, in both directions in turn."""
    for rank in ranks:
        _spread(rank, [0.0] * len(rank), [1.0] * len(rank))
    for sweep in range(SETTLING):
        for rank in ranks if sweep % 2 == 0 else ranks[::-1]:
            pulls = [_pull(cell) for cell in rank]
            _spread(rank, [x for x, _ in pulls], [weight for _, weight in pulls])


def _pull(cell: _Cell) -> tuple[float, float]:
    """Return where a cell is drawn to, and how strongly: long edges want to be straight most of all."""
    pulls = [(other.x, 1.0 if cell.real and other.real else 2.0 if cell.real or other.real else 8.0)
             for other in (*cell.up, *cell.down)]  # fmt: skip
    weight = sum(each for _, each in pulls)
    return (sum(x * each for x, each in pulls) / weight, weight) if pulls else (cell.x, 0.1)


def _spread(rank: list[_Cell], wanted: Sequence[float], weights: Sequence[float]) -> None:
    """Put cells where they want to be, as far as they keep their order and distance: the least sum of squares.

    With the distances taken off it is an isotonic regression: neighbours that would overlap are pooled.
    """
    offsets = [0.0]
    for before, cell in pairwise(rank):
        offsets.append(offsets[-1] + (before.box.width + cell.box.width) / 2 + GAP_X)
    pools: list[tuple[float, float, int]] = []
    for target, weight, shift in zip(wanted, weights, offsets, strict=False):
        pools.append((target - shift, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (first, one, m), (second, two, n) = pools[-2:]
            pools[-2:] = [((first * one + second * two) / (one + two), one + two, m + n)]
    levels = [value for value, _, count in pools for _ in range(count)]
    for cell, level, shift in zip(rank, levels, offsets, strict=False):
        cell.x = level + shift


def _drawing(
    ranks: Sequence[list[_Cell]],
    cells: Mapping[str, _Cell],
    links: Sequence[Link],
    chains: Sequence[list[_Cell]],
    backward: set[int],
) -> Drawing:
    everything = [cell for rank in ranks for cell in rank]
    left = min((cell.x - cell.box.width / 2 for cell in everything), default=0.0)
    width = max((cell.x + cell.box.width / 2 for cell in everything), default=0.0) - left
    heights = [max((cell.box.height for cell in rank), default=0.0) for rank in ranks]
    tops = [sum(heights[:rank]) + GAP_Y * rank for rank in range(len(ranks))]
    middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]

    def place(cell: _Cell) -> Place:
        return Place(cell.x - left, middles[cell.rank])

    routes: list[Sequence[Place]] = []
    labels: list[Place | None] = []
    for index, (link, chain) in enumerate(zip(links, chains, strict=True)):
        turned = index in backward
        route = _route(chain, tops, heights, left) if link.source != link.target else []
        routes.append(route[::-1] if turned else route)
        labels.append(place(chain[-2 if turned else 1]) if link.label and len(chain) > 2 else None)
    height = tops[-1] + heights[-1] if ranks else 0.0
    return Drawing(width, height, {name: place(cell) for name, cell in cells.items()}, routes, labels)


def _route(chain: Sequence[_Cell], tops: Sequence[float], heights: Sequence[float], left: float) -> list[Place]:
    """Return the points of an edge: out of the upper box, straight through each rank, into the lower box."""
    upper, *pieces, lower = chain
    begin = upper.x + _port(upper, upper.down, pieces[0])
    points = [Place(begin - left, tops[upper.rank] + heights[upper.rank] / 2 + upper.box.height / 2)]
    for cell in pieces:
        top = tops[cell.rank]
        points += [Place(cell.x - left, top), Place(cell.x - left, top + heights[cell.rank])]
    end = lower.x + _port(lower, lower.up, pieces[-1])
    return [*points, Place(end - left, tops[lower.rank] + heights[lower.rank] / 2 - lower.box.height / 2)]


def _port(box: _Cell, ways: Sequence[_Cell], way: _Cell) -> float:
    """Return how far from a box's middle an edge reaches it: beside one another, in the order of their next places."""
    order = sorted(ways, key=lambda cell: cell.x)
    at = next(index for index, cell in enumerate(order) if cell is way)
    step = min(24.0, box.box.width * PORTS / len(order))
    return (at - (len(order) - 1) / 2) * step
