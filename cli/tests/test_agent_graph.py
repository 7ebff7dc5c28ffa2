"""`opusagent agent graph`, and the layout under it."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from opusagent_cli.agent.layout import Box, Drawing, Link, Place, draw

SVG = "{http://www.w3.org/2000/svg}"

sizes = st.floats(10, 200)
boxes = st.builds(Box, sizes, sizes)


@st.composite
def graphs(given_by: st.DrawFn) -> tuple[dict[str, Box], list[Link]]:
    nodes = {f"n{number}": given_by(boxes) for number in range(given_by(st.integers(1, 9)))}
    names = st.sampled_from(list(nodes))
    return nodes, given_by(st.lists(st.builds(Link, names, names, st.none() | boxes), max_size=20))


def drawn(nodes: dict[str, Box], links: list[Link], drawing: Drawing) -> list[tuple[Place, Box]]:
    labels = [(place, link.label) for place, link in zip(drawing.labels, links, strict=True)]
    named = [(place, box) for place, box in labels if place and box]
    return [*((drawing.nodes[name], box) for name, box in nodes.items()), *named]


def apart(first: tuple[Place, Box], second: tuple[Place, Box]) -> bool:
    (a, box), (b, other) = first, second
    across = abs(a.x - b.x) >= (box.width + other.width) / 2 - 0.01
    return across or abs(a.y - b.y) >= (box.height + other.height) / 2 - 0.01


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nothing_overlaps_and_every_edge_is_drawn(graph: tuple[dict[str, Box], list[Link]]) -> None:
    nodes, links = graph
    drawing = draw(nodes, links)
    things = drawn(nodes, links, drawing)
    assert all(apart(one, other) for one, other in combinations(things, 2))
    for place, box in things:
        assert box.width / 2 - 0.01 <= place.x <= drawing.width - box.width / 2 + 0.01
        assert box.height / 2 - 0.01 <= place.y <= drawing.height - box.height / 2 + 0.01
    for link, route, label in zip(links, drawing.routes, drawing.labels, strict=True):
        assert bool(route) == (link.source != link.target)
        assert (label is not None) == bool(route and link.label)
        for point, name in zip((route[0], route[-1]) if route else (), (link.source, link.target), strict=False):
            middle, box = drawing.nodes[name], nodes[name]
            assert abs(abs(point.y - middle.y) - box.height / 2) < 0.01
            assert abs(point.x - middle.x) <= box.width / 2


def test_mermaid_names_every_state_and_way(opusagent, tiny: Path) -> None:
    assert opusagent("agent", "graph", tiny).lines == [
        "flowchart TD",
        "    order__((( ))) --> order__ask",
        '    order__ask("<b>ask</b><br/>asks for what"):::collect',
        '    order__sure("<b>sure</b><br/>asks for a yes"):::confirm',
        '    order__order["<b>order</b><br/>writes: order"]:::act',
        '    order__ordered(["<b>ordered</b><br/>done"]):::done',
        '    order__sorry(["<b>sorry</b><br/>failed"]):::failed',
        "    order__ask --> order__sure",
        '    order__sure -->|"yes"| order__order',
        "    order__order --> order__ordered",
        '    order__order -.->|"failed"| order__sorry',
        '    order__order -.->|"unknown"| order__sorry',
        "    classDef collect fill:#e3f0fd,stroke:#4a86c5",
        "    classDef confirm fill:#fff3d1,stroke:#c79a1b",
        "    classDef act fill:#eee6fb,stroke:#7d5bbe",
        "    classDef done fill:#e2f4e3,stroke:#3f9142",
        "    classDef failed fill:#fbe3e4,stroke:#c4434a",
    ]


RULE = """transitions: [{when: 'what == "<b>" && what != "a|b"', to: order}, {to: sure}]"""


def test_rules_are_shown_as_they_are_written(opusagent, rewrite: Callable[[str, str], Path], tmp_path: Path) -> None:
    file = rewrite("slot: what, to: sure", f"slot: what, {RULE}")
    mermaid = opusagent("agent", "graph", file).out
    assert '|"what == &quot;&lt;b&gt;&quot; &amp;&amp; what != &quot;a&vert;b&quot;"|' in mermaid
    output = tmp_path / "tiny.svg"
    said = opusagent("agent", "graph", file, "--format", "svg", "-o", output)
    assert (said.code, said.out) == (0, "")
    root = ElementTree.parse(output).getroot()
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert {"ask", "asks for what", "writes: order", "done"} <= set(texts)
    titles = {title.text for title in root.iter(f"{SVG}title")}
    assert 'ask → order: what == "<b>" && what != "a|b"' in titles
    assert "order → sorry: unknown" in titles


def test_a_way_back_to_the_same_state_is_drawn(opusagent, rewrite: Callable[[str, str], Path]) -> None:
    file = rewrite("to: ordered, failed: sorry", "to: ordered, failed: order")
    titles = {t.text for t in ElementTree.fromstring(opusagent("agent", "graph", file, "--format", "svg").out).iter()}
    assert {title for title in titles if title and title.startswith("order again: failed")}


def test_one_task_only(opusagent, tiny: Path) -> None:
    assert opusagent("agent", "graph", tiny, "--task", "order").code == 0
    said = opusagent("agent", "graph", tiny, "--task", "odrer")
    assert said.code == 1
    assert said.err == "opusagent: there is no task 'odrer': it has order\n"


def test_a_broken_definition_is_not_drawn(opusagent, rewrite: Callable[[str, str], Path]) -> None:
    said = opusagent("agent", "graph", rewrite("to: sure", "to: shure"))
    assert said.code == 1
    assert "there is no state 'shure'" in said.err
