"""YAML with the place of every node, and with limits: no aliases, no tags, no duplicate keys, bounded size and depth.

Plain scalars follow YAML 1.2's core schema, so `on`, `yes`, `no` and 08:00 are text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fsa_engine.domain.loading.problems import DefinitionError, Problem

LONGEST_FILE = 512 * 1024
"""Bytes of a definition."""
LONGEST_SCALAR = 16 * 1024
"""Characters of one value."""
DEEPEST = 24
"""Levels of nesting."""

_SLIPS = {
    "'\\t' that cannot start any token": "indent with spaces",
    "expected ',' or": "put a text with any of , : ? { } [ ] between quotes, and close the bracket",
    "mapping values are not allowed": "put a text with a colon between quotes, or look at the indentation",
    "expected <block end>": "begin what belongs together in the same column",
    "could not find expected ':'": "write `key: value`",
    "quoted scalar": "close the quotes",
    "cannot start any token": "put the text between quotes",
}
"""What goes wrong most often in YAML: a part of PyYAML's message, and what to do."""

_FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path: TypeAlias = tuple[str | int, ...]

_RESOLVED: dict[re.Pattern[str], Callable[[str], Any]] = {
    re.compile(r"null|Null|NULL|~|"): lambda text: None,
    re.compile(r"true|True|TRUE"): lambda text: True,
    re.compile(r"false|False|FALSE"): lambda text: False,
    re.compile(r"[-+]?[0-9]{1,18}"): int,
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?"): float,
}


@dataclass
class Source:
    """The data of a file and where each part of it stands. A path ends in "#key" for the place of a key."""

    file: str
    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: Path) -> tuple[int, int]:
        """Return line and column of a path, or of the nearest part around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def problem(self, path: Path, message: str, fix: str = "", along: int = 0) -> Problem:
        """Make a problem at a path; `along`: columns into a plain value."""
        line, column = self.place(path)
        return Problem(self.file, line, column + along, message, fix)


def read_source(text: str | bytes, file: str) -> Source:
    """Parse. Raises DefinitionError."""
    size = len(text)
    if size > LONGEST_FILE:
        raise DefinitionError([Problem(file, 1, 1, f"the file is larger than {LONGEST_FILE} bytes, which are allowed")])
    source = Source(file)
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        node = _composed(text, file)
        if node is None:
            raise DefinitionError([Problem(file, 1, 1, "the file is empty", "start with `version: 1`")])
        source.data = _value(source, node, ())
    except yaml.MarkedYAMLError as error:
        unclosed = "quoted scalar" in str(error.context)
        mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise DefinitionError([Problem(file, line, column, f"not YAML: {error.problem}", _fix(error))]) from error
    except UnicodeDecodeError as error:
        before = bytes(error.object[: error.start]).split(b"\n")
        line, column = len(before), len(before[-1].decode()) + 1
        raise DefinitionError([Problem(file, line, column, "not UTF-8", "save the file as UTF-8")]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DefinitionError([Problem(file, 1, 1, f"not YAML: {str(error)[:200]}")]) from error
    return source


def _fix(error: yaml.MarkedYAMLError) -> str:
    """Return what an author most likely has to write instead; empty when that cannot be told."""
    told = f"{error.context} {error.problem}"
    return next((fix for part, fix in _SLIPS.items() if part in told), "")


def _composed(text: str, file: str) -> Node | None:
    """Parse with libyaml where it is there, four times as fast; what it refuses is explained better in Python."""
    try:
        _refuse_aliases(text, file, _FASTEST)
        return yaml.compose(text, Loader=_FASTEST)
    except yaml.YAMLError:
        _refuse_aliases(text, file, yaml.SafeLoader)
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _refuse_aliases(text: str, file: str, loader: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        line, column = (event.start_mark.line + 1, event.start_mark.column + 1) if event.start_mark else (1, 1)
        if isinstance(event, AliasEvent):
            raise DefinitionError([Problem(file, line, column, "aliases are not allowed", "write the value out")])
        name = type(event).__name__
        depth += name in {"MappingStartEvent", "SequenceStartEvent"}
        depth -= name in {"MappingEndEvent", "SequenceEndEvent"}
        if depth > DEEPEST:
            raise DefinitionError([Problem(file, line, column, "nested too deeply")])


def _value(source: Source, node: Node, path: Path) -> Any:
    mark = node.start_mark
    source.places[path] = (mark.line + 1, mark.column + 1)
    if isinstance(node, MappingNode):
        return _mapping(source, node, path)
    if isinstance(node, SequenceNode):
        return [_value(source, item, (*path, index)) for index, item in enumerate(node.value)]
    return _scalar(source, node, path)


def _mapping(source: Source, node: MappingNode, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        if not isinstance(key_node, ScalarNode):
            raise DefinitionError([Problem(source.file, mark.line + 1, mark.column + 1, "a key must be plain text")])
        key = str(key_node.value)
        if key in found:
            raise DefinitionError([Problem(source.file, mark.line + 1, mark.column + 1, f"{key!r} stands here twice")])
        source.places[(*path, f"#{key}")] = (mark.line + 1, mark.column + 1)
        found[key] = _value(source, value_node, (*path, key))
    return found


def _scalar(source: Source, node: Node, path: Path) -> Any:
    text = str(node.value)
    if len(text) > LONGEST_SCALAR:
        raise DefinitionError(
            [source.problem(path, f"a value of {len(text)} characters; {LONGEST_SCALAR} are allowed")]
        )
    if not getattr(node, "style", None):
        for pattern, convert in _RESOLVED.items():
            if pattern.fullmatch(text):
                return convert(text)
    return text
