"""What all checks need: where they look, and how a rule, a text and an expression are checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fsa_engine.domain.definition import Agent, Constant, Effects, Task
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source
from fsa_engine.domain.rules import RuleError
from fsa_engine.domain.template import mentioned

CALL_FIELDS = {"call.caller", "call.callee", "call.channel", "call.call_id"}
LONGEST_SHOWN = 120
"""Characters of a rule in a message; its place tells the rest."""
_FACT = re.compile(r"(?<![\w.])context\.([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Place:
    """A task of an agent, its file, and where the task stands in it."""

    agent: Agent
    task: Task
    source: Source
    path: Path

    @property
    def facts(self) -> set[str]:
        """Names of the context's facts."""
        return set(self.agent.context)


def check_rule(place: Place, path: Path, text: str, guard: bool = True) -> Iterator[Problem]:
    """Check a CEL rule or (not `guard`) expression."""
    try:
        place.task.rules.compile(text, guard)
    except RuleError as error:
        yield place.source.problem(path, f"rule {shortened(text)!r}: {error}", along=error.column - 1)
    for fact in sorted(set(_FACT.findall(text)) - place.facts):
        yield place.source.problem(path, f"there is no fact {fact!r}", "declare it under context")


def shortened(rule: str) -> str:
    """Return a rule as it is shown in a message."""
    return rule if len(rule) <= LONGEST_SHOWN else rule[: LONGEST_SHOWN - 1] + "…"


def check_text(place: Place, path: Path, text: str | None) -> Iterator[Problem]:
    """Check the slots that a text names."""
    for name in sorted(mentioned(text or "") - set(place.task.slots)):
        yield place.source.problem(path, f"{{{name}}} is no slot of this task")


def check_effects(place: Place, path: Path, effects: Effects) -> Iterator[Problem]:
    """Check what is written down."""
    yield from check_set(place, (*path, "set"), effects.set)
    for index, name in enumerate(effects.clear):
        if name not in place.task.slots:
            yield place.source.problem((*path, "clear", index), f"there is no slot {name!r}")


def check_set(place: Place, path: Path, facts: dict[str, str]) -> Iterator[Problem]:
    """Check facts that are set by expressions."""
    for name, text in facts.items():
        if name not in place.facts:
            here = (*path, f"#{name}")
            yield place.source.problem(here, f"there is no fact {name!r}", "declare it under context")
        yield from check_rule(place, (*path, name), text, guard=False)


def check_argument(place: Place, path: Path, given: str | Constant) -> Iterator[Problem]:
    """Check what is handed to a tool or another task."""
    if isinstance(given, Constant) or given in place.task.slots or given in CALL_FIELDS:
        return
    if given.startswith("context.") and given.removeprefix("context.") in place.facts:
        return
    fix = "name a slot, call.caller, call.callee, call.channel, context.FACT, or write {const: VALUE}"
    yield place.source.problem(path, f"{given!r} is no slot", fix)
