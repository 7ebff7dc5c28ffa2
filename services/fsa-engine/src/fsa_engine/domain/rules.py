"""Rules in CEL (Common Expression Language), type-checked when loaded and bounded when run.

Types of slots in rules: `date` is a timestamp (midnight), `time` a duration since midnight, so that `date + time > now`
is well-typed; `now` and `today` are the call's local wall clock written as UTC. datetime: timestamp; duration:
duration; integer: int; decimal and money: double; yes_no: bool; list: list; every other: string. Beside the slots there
are `slots` (map of the filled ones, for `has(slots.x)`), `confirmed` (map of bool), `context` (map of the facts that
hold), `memory` (map; `history`: list), `call` (map: caller, callee, channel), `result` (map: what a tool or sub-task
returned), `proposal` (map: what a model proposed and was accepted) and `attempts` (int, of this state).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cel_expr_python import cel

from fsa_engine.domain.understanding.amounts import duration_seconds, iso_duration

LONGEST = 2000
"""Characters of an expression."""

_KINDS = {
    "date": cel.Type.TIMESTAMP,
    "datetime": cel.Type.TIMESTAMP,
    "time": cel.Type.DURATION,
    "duration": cel.Type.DURATION,
    "money": cel.Type.DOUBLE,
    "integer": cel.Type.INT,
    "decimal": cel.Type.DOUBLE,
    "yes_no": cel.Type.BOOL,
}
CONTEXT = {
    "now": cel.Type.TIMESTAMP,
    "today": cel.Type.TIMESTAMP,
    "slots": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "call": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "result": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "attempts": cel.Type.INT,
    "context": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "confirmed": cel.Type.Map(cel.Type.STRING, cel.Type.BOOL),
    "memory": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "proposal": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
}
"""Names that every rule knows beside the slots."""

_STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")

_FACT = re.compile(r"(?<![\w.])context\.([A-Za-z_]\w*)")


class RuleError(ValueError):
    """The expression does not compile or has the wrong type. `column`: of the expression, from 1."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class Verdict:
    """What a rule gave. An error counts as false and is kept for the audit."""

    rule: str
    value: Any
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether the rule is true, without error."""
        return self.value is True


class Rule:
    """One compiled expression. `names`: of slots and context that it rests on; `facts`: those it names one by one."""

    def __init__(self, text: str, expression: Any, names: frozenset[str], facts: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self.facts = facts
        self._expression = expression

    def run(self, values: Mapping[str, Any]) -> Verdict:
        """Evaluate over CEL values (see `Rules.values`); never raises."""
        try:
            found = self._expression.eval(data=dict(values))
            if found.type() == cel.Type.ERROR or found.type() == cel.Type.UNKNOWN:
                return Verdict(self.text, None, str(found.value())[:300])
            return Verdict(self.text, found.plain_value())
        except Exception as error:
            return Verdict(self.text, None, str(error)[:300])

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Tell whether the rule holds; an error is false."""
        return self.run(values).holds


class Rules:
    """Compiles the rules of one task against the types of its slots, each text once."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = dict(kinds)
        variables = {name: _KINDS.get(kind, cel.Type.STRING) for name, kind in kinds.items() if kind != "list"}
        lists = {name: cel.Type.List(cel.Type.DYN) for name, kind in kinds.items() if kind == "list"}
        self._names = frozenset({*kinds, *CONTEXT})
        self._environment = cel.NewEnv(variables={**variables, **lists, **CONTEXT})
        self._compiled: dict[tuple[str, bool], Rule] = {}

    def compile(self, text: str, guard: bool = True) -> Rule:
        """Compile; `guard`: must give true or false (a tool's value is checked when run). Raises RuleError."""
        key = (text, guard)
        if key not in self._compiled:
            self._compiled[key] = self._compile(text, guard)
        return self._compiled[key]

    def _compile(self, text: str, guard: bool) -> Rule:
        if len(text) > LONGEST:
            raise RuleError(f"a rule has at most {LONGEST} characters")
        try:
            expression = self._environment.compile(text)
        except RuntimeError as error:
            raise _explained(str(error)) from error
        if guard and expression.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise RuleError(f"must be true or false, but is of type {expression.return_type().name()}")
        bare = _STRING.sub("''", text)
        return Rule(text, expression, frozenset(_NAME.findall(bare)) & self._names, frozenset(_FACT.findall(bare)))

    def values(self, slots: Mapping[str, Any], context: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Turn JSON slot values and context into CEL values. `now`: local wall clock, naive."""
        typed = {name: _typed(value, self._kinds.get(name, "text")) for name, value in slots.items()}
        wall = now.replace(tzinfo=UTC)
        return {
            "attempts": 0,
            "result": {},
            "call": {},
            "context": {},
            "confirmed": {},
            "memory": {},
            "proposal": {},
            **context,
            **typed,
            "slots": dict(slots),
            "now": wall,
            "today": wall.replace(hour=0, minute=0, second=0, microsecond=0),
        }


def untyped(value: Any, kind: str) -> Any:
    """Turn a CEL value back into a slot's JSON value."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M" if kind == "datetime" else "%Y-%m-%d")
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return iso_duration(seconds) if kind == "duration" else f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    if kind in {"decimal", "money"} and isinstance(value, int | float) and not isinstance(value, bool):
        return round(float(value), 2) if kind == "money" else float(value)
    return int(value) if kind == "integer" and isinstance(value, float) and value.is_integer() else value


def _typed(value: Any, kind: str) -> Any:
    if kind in {"date", "datetime"}:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if kind == "time":
        hour, minute = value.split(":")
        return timedelta(hours=int(hour), minutes=int(minute))
    if kind == "duration":
        return timedelta(seconds=duration_seconds(value) or 0)
    return float(value) if kind in {"decimal", "money"} else value


def _explained(message: str) -> RuleError:
    found = re.search(r"<input>:\d+:(\d+): ([^\n]*)", message)
    if not found:
        return RuleError(message.splitlines()[0][:300])
    return RuleError(found.group(2).replace("(in container '')", "").strip(), int(found.group(1)))
