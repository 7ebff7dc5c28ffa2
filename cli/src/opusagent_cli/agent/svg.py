"""A definition as an SVG picture, one panel for each task."""

import textwrap
from collections.abc import Sequence
from html import escape

from opusagent_cli.agent.edges import Edge
from opusagent_cli.agent.layout import Box, Drawing, Link, Place, draw
from opusagent_cli.agent.picture import Node, Picture

FONT = "font-family: Inter, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
MARGIN, HEADING = 28.0, 54.0
NAME_CHARACTER, SMALL_CHARACTER, LABEL_LINE = 9.2, 7.0, 14.0
"""Widths are generous guesses: the font is the viewer's."""
LABEL_COLUMNS, LABEL_LINES = 34, 3
LOOP = 34.0

COLOURS = {
    "collect": ("#e3f0fd", "#4a86c5"),
    "confirm": ("#fff3d1", "#c79a1b"),
    "decide": ("#f4f4f4", "#8a8a8a"),
    "say": ("#ffffff", "#8a8a8a"),
    "act": ("#eee6fb", "#7d5bbe"),
    "reason": ("#e0f5f1", "#2f9583"),
    "task": ("#eceff1", "#607d8b"),
    "handoff": ("#fde6d6", "#cf7330"),
    "handover": ("#fde6d6", "#cf7330"),
    "done": ("#e2f4e3", "#3f9142"),
    "failed": ("#fbe3e4", "#c4434a"),
}
"""Fill and line by kind of state."""

_STYLE = f"""
text {{ {FONT}; fill: #1f2933; text-anchor: middle; }}
.name {{ font-size: 14px; font-weight: 600; }}
.detail {{ font-size: 11.5px; fill: #52606d; }}
.label {{ font-size: 11.5px; fill: #323f4b; paint-order: stroke; stroke: #fff; stroke-width: 4px; }}
.heading {{ font-size: 19px; font-weight: 700; text-anchor: start; }}
.title {{ font-size: 13px; fill: #52606d; text-anchor: start; }}
.edge {{ fill: none; stroke: #7b8794; stroke-width: 1.4px; }}
.failure {{ stroke: #c98a8d; stroke-dasharray: 5 3; }}
"""


def svg(pictures: Sequence[Picture], name: str) -> str:
    """Return the picture of some tasks, one below the other. `name`: the agent's, for screen readers."""
    panels = [_panel(picture) for picture in pictures]
    width = max((panel_width for _, panel_width, _ in panels), default=0.0) + 2 * MARGIN
    body, y = [], MARGIN
    for content, _, height in panels:
        body.append(f'<g transform="translate({MARGIN:g} {y:.1f})">{content}</g>')
        y += height + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y:.0f}" width="{width:.0f}" '
        f'height="{y:.0f}" role="img" aria-label="{escape(name)}">\n<style>{_STYLE}</style>\n'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 1 10 5 0 9z" fill="#7b8794"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _panel(picture: Picture) -> tuple[str, float, float]:
    """Return a task's content, its width and its height."""
    labels = [_wrapped(edge.label) for edge in picture.edges]
    boxes = {"": Box(14, 14), **{node.name: _box(node, picture) for node in picture.nodes}}
    links = [Link("", picture.initial)] + [
        Link(edge.source, edge.target, _label_box(lines) if lines else None)
        for edge, lines in zip(picture.edges, labels, strict=True)
    ]
    drawing = draw(boxes, links)
    parts = [
        f'<text class="heading" x="0" y="18">{escape(picture.task)}</text>',
        f'<text class="title" x="0" y="38">{escape(picture.title)}</text>',
        f'<g transform="translate(0 {HEADING:g})">',
        _begin(drawing),
        *(_edge(edge, route) for edge, route in zip(picture.edges, drawing.routes[1:], strict=True)),
        *(_node(node, drawing.nodes[node.name], boxes[node.name]) for node in picture.nodes),
        *(_loop(edge, drawing.nodes[edge.source], boxes[edge.source]) for edge in picture.edges if _own(edge)),
        *(
            _label(edge, lines, place)
            for edge, lines, place in zip(picture.edges, labels, drawing.labels[1:], strict=True)
            if place
        ),
        "</g>",
    ]
    heading = max(len(picture.task) * 12.0, len(picture.title) * 7.6)
    return "\n".join(part for part in parts if part), max(drawing.width, heading), drawing.height + HEADING


def _own(edge: Edge) -> bool:
    return edge.source == edge.target


def _wrapped(label: str) -> list[str]:
    return textwrap.wrap(label, LABEL_COLUMNS, max_lines=LABEL_LINES, placeholder=" …", break_on_hyphens=False)


def _label_box(lines: Sequence[str]) -> Box:
    return Box(max(map(len, lines)) * SMALL_CHARACTER + 8, len(lines) * LABEL_LINE + 6)


def _box(node: Node, picture: Picture) -> Box:
    """Leave room on both sides for ways that lead back to the same state."""
    text = max(len(node.name) * NAME_CHARACTER, len(node.detail) * SMALL_CHARACTER)
    loops = any(_own(edge) and edge.source == node.name for edge in picture.edges)
    return Box(text + 30 + (2 * LOOP if loops else 0), 46)


def _begin(drawing: Drawing) -> str:
    place = drawing.nodes[""]
    dot = f'<circle cx="{place.x:.1f}" cy="{place.y:.1f}" r="7" fill="#1f2933"/>'
    return f'{dot}<path class="edge" d="{_path(drawing.routes[0])}" marker-end="url(#tip)"/>'


def _node(node: Node, place: Place, box: Box) -> str:
    fill, line = COLOURS.get(node.kind, ("#fff", "#8a8a8a"))
    width = max(len(node.name) * NAME_CHARACTER, len(node.detail) * SMALL_CHARACTER) + 30
    radius = 23 if node.kind in {"done", "failed"} else 4 if node.kind in {"act", "task"} else 11
    return (
        f'<rect x="{place.x - width / 2:.1f}" y="{place.y - box.height / 2:.1f}" width="{width:.1f}" '
        f'height="{box.height:g}" rx="{radius}" fill="{fill}" stroke="{line}" stroke-width="1.6"/>'
        f'<text class="name" x="{place.x:.1f}" y="{place.y - 3:.1f}">{escape(node.name)}</text>'
        f'<text class="detail" x="{place.x:.1f}" y="{place.y + 14:.1f}">{escape(node.detail)}</text>'
    )


def _edge(edge: Edge, route: Sequence[Place]) -> str:
    if not route:
        return ""
    kind = "edge failure" if edge.failure else "edge"
    title = f"{edge.source} → {edge.target}" + (f": {edge.label}" if edge.label else "")
    return f'<path class="{kind}" d="{_path(route)}" marker-end="url(#tip)"><title>{escape(title)}</title></path>'


def _path(route: Sequence[Place]) -> str:
    """Return a curve that leaves and reaches every point upright."""
    begin, *rest = route
    parts, last = [f"M{begin.x:.1f} {begin.y:.1f}"], begin
    for point in rest:
        middle = (last.y + point.y) / 2
        parts.append(f"C{last.x:.1f} {middle:.1f} {point.x:.1f} {middle:.1f} {point.x:.1f} {point.y:.1f}")
        last = point
    return "".join(parts)


def _loop(edge: Edge, place: Place, box: Box) -> str:
    """Draw a way that leads back to its own state, on the right of it."""
    x, y = place.x + box.width / 2 - LOOP, place.y
    path = f"M{x:.1f} {y - 10:.1f}C{x + LOOP:.1f} {y - 22:.1f} {x + LOOP:.1f} {y + 22:.1f} {x:.1f} {y + 10:.1f}"
    title = escape(f"{edge.source} again: {edge.label}")
    return f'<path class="edge" d="{path}" marker-end="url(#tip)"><title>{title}</title></path>'


def _label(edge: Edge, lines: Sequence[str], place: Place) -> str:
    first = place.y - (len(lines) - 1) * LABEL_LINE / 2 + 4
    spans = "".join(
        f'<tspan x="{place.x:.1f}" y="{first + row * LABEL_LINE:.1f}">{escape(line)}</tspan>'
        for row, line in enumerate(lines)
    )
    return f'<text class="label">{spans}<title>{escape(edge.label)}</title></text>'
