"""What the language has and the step does not act on yet: refused, never ignored."""

from collections.abc import Iterator

from pydantic import BaseModel

from fsa_engine.domain.definition import (
    Act,
    Agent,
    Collect,
    Confirm,
    Decide,
    Done,
    Failing,
    Handoff,
    HandOver,
    Reason,
    ResumePolicy,
    Say,
    Slot,
    SubTask,
    Task,
    Transition,
)
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source

_STATE = {"on_entry", "on_exit", "speech"}
_STAY = {*_STATE, "relevant", "proposals", "may_change", "time_limit"}
_ASK = {*_STAY, "no_match", "no_input"}
FIELDS: dict[type[BaseModel], set[str]] = {
    Agent: {"speech", "matching", "intents", "knowledge", "context", "memory", "reasoning"},
    ResumePolicy: {"identify"},
    Task: {"internal", "after", "returns"},
    Slot: {"checksum", "currency", "normalise", "capture", "confirm", "say"},
    Transition: {"kind", "name", "intent", "requires", "ensures", "priority", "do"},
    Collect: _ASK,
    Confirm: {*_ASK, "transitions"},
    Decide: _STATE,
    Say: _STATE,
    Act: {*_STAY, "requires", "set"},
    Handoff: {*_STATE, "answered", "busy", "no_answer"},
    Done: {"on_entry"},
    Failing: {"on_entry"},
}
"""Keys by the part in which they stand."""
PARTS: tuple[type[BaseModel], ...] = (Reason, SubTask, HandOver)
TYPES = {"money", "datetime", "duration", "email", "address"}


def not_yet(agent: Agent, source: Source) -> Iterator[Problem]:
    """Yield a problem for every such part of an agent."""
    yield from _walk(agent, source, ())


def _walk(part: object, source: Source, path: Path) -> Iterator[Problem]:
    if isinstance(part, dict):
        for key, item in part.items():
            yield from _walk(item, source, (*path, key))
    elif isinstance(part, tuple | list):
        for index, item in enumerate(part):
            yield from _walk(item, source, (*path, index))
    elif isinstance(part, BaseModel):
        if isinstance(part, PARTS):
            yield source.problem((*path, "kind"), f"a state of kind {getattr(part, 'kind', '')} does not work yet")
        if isinstance(part, Slot) and TYPES & {part.type, part.of}:
            yield source.problem((*path, "type"), f"a slot of type {part.type} does not work yet")
        for name in sorted(part.model_fields_set):
            if name in FIELDS.get(type(part), ()):
                yield source.problem((*path, f"#{name}"), f"{name} does not work yet", "leave it out")
            yield from _walk(getattr(part, name), source, (*path, name.rstrip("_")))
