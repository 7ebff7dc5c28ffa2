"""A definition as a Mermaid flowchart, which code forges and wikis draw.

Not as Mermaid's own kind of state diagram, whose labels hold no colon and no `;` (11.17).
"""

from collections.abc import Sequence

from opusagent_cli.agent.picture import Picture

COLOURS = {
    "collect": "fill:#e3f0fd,stroke:#4a86c5",
    "confirm": "fill:#fff3d1,stroke:#c79a1b",
    "act": "fill:#eee6fb,stroke:#7d5bbe",
    "reason": "fill:#e0f5f1,stroke:#2f9583",
    "task": "fill:#eceff1,stroke:#607d8b",
    "handoff": "fill:#fde6d6,stroke:#cf7330",
    "handover": "fill:#fde6d6,stroke:#cf7330",
    "done": "fill:#e2f4e3,stroke:#3f9142",
    "failed": "fill:#fbe3e4,stroke:#c4434a",
}


SHAPES = {"act": ("[", "]"), "task": ("[[", "]]"), "done": ("([", "])"), "failed": ("([", "])"), "decide": ("{{", "}}")}
"""Brackets by kind of state; rounded otherwise."""
NAMED = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "|": "&vert;",
    "#": "&num;",
    "`": "&grave;",
    "\\": "&bsol;",
    "[": "&lbrack;",
    "]": "&rbrack;",
    "{": "&lbrace;",
    "}": "&rbrace;",
}


def mermaid(pictures: Sequence[Picture]) -> str:
    """Return the diagram of one task, or of several in frames."""
    lines = ["flowchart TD"]
    for picture in pictures:
        frame = len(pictures) > 1
        lines += [f'    subgraph {picture.task}["{_text(picture.task)}"]', "        direction TB"] if frame else []
        lines += [f"    {'    ' if frame else ''}{line}" for line in _lines(picture)]
        lines += ["    end"] if frame else []
    shown = {node.kind for picture in pictures for node in picture.nodes}
    lines += [f"    classDef {kind} {colours}" for kind, colours in COLOURS.items() if kind in shown]
    return "\n".join(lines) + "\n"


def _lines(picture: Picture) -> list[str]:
    """Name the states, then the ways between them."""
    begin = f"{picture.task}__"
    lines = [f"{begin}((( ))) --> {_id(picture, picture.initial)}"]
    for node in picture.nodes:
        opens, closes = SHAPES.get(node.kind, ("(", ")"))
        kind = f":::{node.kind}" if node.kind in COLOURS else ""
        text = f"<b>{_text(node.name)}</b><br/>{_text(node.detail)}"
        lines.append(f'{_id(picture, node.name)}{opens}"{text}"{closes}{kind}')
    for edge in picture.edges:
        arrow = "-.->" if edge.failure else "-->"
        label = f'|"{_text(edge.label)}"|' if edge.label else ""
        lines.append(f"{_id(picture, edge.source)} {arrow}{label} {_id(picture, edge.target)}")
    return lines


def _id(picture: Picture, state: str) -> str:
    """Return a name that is one in the whole diagram and no word of Mermaid's."""
    return f"{picture.task}__{state}"


def _text(text: str) -> str:
    """Write what means something to Mermaid or HTML by name; numbered entities are not read back in labels."""
    return "".join(NAMED.get(char, char) for char in " ".join(text.split()))
