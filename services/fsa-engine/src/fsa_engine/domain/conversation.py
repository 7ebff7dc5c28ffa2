"""Conversation tests: a script of what the caller does and what is expected, played against the core alone.

A script is a mapping (or YAML, see `load_scripts`). Tools are fakes: a result, a list of results used up in order, or a
function of the arguments; the result `{error: text}` is a failed call, `{unknown: true}` an uncertain one. Results come
right after the step that asked for them, or, after a line with `hold: true`, before the next line without it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import (
    AnswerTask,
    CallClosed,
    CancelTask,
    Event,
    KeyPressed,
    NoInput,
    Opened,
    StartTask,
    ToolReturned,
    Utterance,
)
from fsa_engine.domain.loading.problems import DefinitionError, Problem
from fsa_engine.domain.loading.source import read_source
from fsa_engine.domain.outputs import HangUp, Intent
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, step

_MOVED = re.compile(r"(\w+): (\w+) -> (\w+) ")

Tool: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Line(BaseModel):
    """One thing that happens, and what is expected after it; what is not given is not looked at.

    `hears`: the text of the output, or the texts of all in order; "(hangs up)" and "(transfers)" stand for those.
    `calls`: tools called, in order. `state`: of the focused task; `slots`: of it, those that are named. `verdict`:
    "rejected" for an event that must not be possible. `key`: one key, or several pressed one after the other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str | None = None
    or_heard_as: tuple[str, ...] = ()
    key: str | None = None
    does: Literal["ring", "ring_back", "drop", "nothing", "wait"] | None = None
    start: str | None = None
    answer: str | None = None
    cancel: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    words: str = ""
    hold: bool = False

    hears: tuple[str, ...] | None = None
    calls: tuple[str, ...] | None = None
    state: str | None = None
    phase: str | None = None
    slots: dict[str, Any] = Field(default_factory=dict)
    open: tuple[str, ...] | None = None
    sms: str | None = None
    verdict: Literal["accepted", "rejected"] | None = None

    @field_validator("hears", mode="before")
    @classmethod
    def _one_text(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_thing(self) -> "Line":
        given = [v for v in (self.say, self.key, self.does, self.start, self.answer, self.cancel) if v is not None]
        if len(given) != 1:
            raise ValueError("a line has one of say, key, does, start, answer, cancel")
        return self


class Script(BaseModel):
    """One conversation. `at`: local time of the call, in the agent's time zone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    at: datetime = datetime(2025, 12, 1, 9, 0)
    caller: str = "+15550100"
    tools: dict[str, Any] = Field(default_factory=dict)
    lines: tuple[Line, ...]


@dataclass
class Played:
    """What came of a script. `failures`: what was not as expected, in words; `visited`: (task, state)."""

    script: Script
    failures: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    visited: set[tuple[str, str]] = field(default_factory=set)


def run(agent: Agent, script: Script | Mapping[str, Any], tools: Mapping[str, Tool] | None = None) -> Played:
    """Play a script; `tools` are used where the script names none of its own."""
    script = script if isinstance(script, Script) else Script.model_validate(script)
    return _Player(agent, script, {**(tools or {}), **script.tools}).play()


def load_scripts(path: str | Path) -> list[Script]:
    """Read a YAML file: `tools` and `at` for all, and `conversations`. Raises DefinitionError, OSError."""
    path = Path(path)
    source = read_source(path.read_bytes(), str(path))
    data = source.data if isinstance(source.data, dict) else {}
    common = {key: data[key] for key in ("at", "caller") if key in data}
    scripts = []
    for index, raw in enumerate(data.get("conversations") or []):
        here = ("conversations", index)
        if not isinstance(raw, dict):
            raise DefinitionError([source.problem(here, "a conversation is a mapping with a name and lines")])
        merged = {**common, **raw, "tools": {**(data.get("tools") or {}), **(raw.get("tools") or {})}}
        try:
            scripts.append(Script.model_validate(merged))
        except ValidationError as error:
            raise DefinitionError(
                [source.problem((*here, *e["loc"]), str(e["msg"])) for e in error.errors()]
            ) from error
    if not scripts:
        raise DefinitionError([Problem(str(path), 1, 1, "no conversations", "add `conversations:`")])
    return scripts


class _Player:
    def __init__(self, agent: Agent, script: Script, tools: Mapping[str, Tool]) -> None:
        self.agent = agent
        self.played = Played(script)
        self.tools = tools
        self.snapshot = Snapshot()
        self.at_ms = int(script.at.replace(tzinfo=agent.zone).timestamp() * 1000)
        self.events = 0
        self.calls = 0
        self.used: dict[str, int] = {}
        self.owed: list[Intent] = []

    def play(self) -> Played:
        """Play all lines, beginning with the call's opening unless the first line is one."""
        lines = self.played.script.lines
        if not lines or lines[0].does != "ring":
            lines = (Line(does="ring"), *lines)
        for number, line in enumerate(lines):
            made = self._happen(line)
            what = line.say or line.key or line.does or line.start or line.answer or line.cancel
            for failure in _differences(line, made, self.snapshot):
                self.played.failures.append(f"{self.played.script.name}, line {number} ({what!r}): {failure}")
        return self.played

    def _happen(self, line: Line) -> list[Step]:
        lines = [line.model_copy(update={"key": key}) for key in line.key or ""] or [line]
        made = [] if line.does == "wait" else [self._step(self._event(each)) for each in lines]
        while self.owed and not line.hold:
            intent = self.owed.pop(0)
            made.append(self._step(self._returned(intent)))
        return made

    def _step(self, event: Event) -> Step:
        made = step(self.agent, self.snapshot, event)
        self.snapshot = Snapshot.from_bytes(made.snapshot.to_bytes())
        self.owed += made.intents
        self.played.steps.append(made)
        self.played.calls += [(i.payload["tool"], i.payload["arguments"]) for i in made.intents]
        self.played.visited |= {(task.task, task.state) for task in made.snapshot.tasks} | _passed(made)
        return made

    def _head(self) -> dict[str, Any]:
        self.events += 1
        self.at_ms += 1000
        return {"event_id": f"e{self.events}", "at_ms": self.at_ms}

    def _event(self, line: Line) -> Event:
        head = self._head()
        if line.say is not None:
            return Utterance(**head, text=line.say, alternatives=line.or_heard_as)
        if line.key is not None:
            return KeyPressed(**head, digit=line.key)
        if line.start is not None:
            return StartTask(**head, task=line.start, arguments=line.arguments, caller_words=line.words)
        focus = self.snapshot.focus
        if line.answer is not None:
            return AnswerTask(**head, task_id=focus, answer=line.answer, caller_words=line.words)
        if line.cancel is not None:
            return CancelTask(**head, task_id=focus, caller_words=line.words)
        if line.does == "drop":
            return CallClosed(**head, reason="leg lost")
        if line.does == "nothing":
            return NoInput(**head)
        self.calls += 1
        caller, resumed = self.played.script.caller, line.does == "ring_back"
        return Opened(**head, call_id=f"call-{self.calls}", caller=caller, callee="+15550199", resumed=resumed)

    def _returned(self, intent: Intent) -> ToolReturned:
        name = intent.payload["tool"]
        result = self._result(name, intent.payload["arguments"])
        head = self._head()
        if "error" in result or "unknown" in result:
            unknown = bool(result.get("unknown"))
            error = str(result.get("error", "unknown"))
            return ToolReturned(**head, intent_id=intent.intent_id, ok=False, error=error, unknown=unknown)
        return ToolReturned(**head, intent_id=intent.intent_id, ok=True, result=result)

    def _result(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        tool = self.tools.get(name)
        if tool is None:
            return {"error": f"the script has no tool {name}"}
        if callable(tool):
            return tool(arguments)
        if isinstance(tool, Mapping):
            return tool
        index = self.used.get(name, 0)
        self.used[name] = index + 1
        return tool[min(index, len(tool) - 1)]


def _passed(made: Step) -> set[tuple[str, str]]:
    """Return the states that tasks left or went to in a step, also those they only passed or ended in."""
    notes = [_MOVED.match(note) for record in made.audit for note in record["decisions"]]
    return {(note.group(1), state) for note in notes if note for state in note.group(2, 3)}


def spoken_texts(steps: Sequence[Step]) -> list[str]:
    """Return what the caller hears of some steps."""
    texts = []
    for made in steps:
        for output in made.outputs:
            name = type(output.body).__name__
            if name == "Steer":
                continue
            mark = "(hangs up)" if isinstance(output.body, HangUp) else "(transfers)"
            texts.append(getattr(output.body, "text", mark))
    return texts


def _differences(line: Line, made: list[Step], snapshot: Snapshot) -> list[str]:
    task = snapshot.focused
    found: list[tuple[str, Any, Any]] = []
    if line.hears is not None:
        found.append(("hears", list(line.hears), spoken_texts(made)))
    if line.calls is not None:
        found.append(("calls", list(line.calls), [i.payload["tool"] for m in made for i in m.intents]))
    if line.state is not None:
        found.append(("state", line.state, task.state if task else ""))
    if line.phase is not None:
        found.append(("phase", line.phase, snapshot.phase))
    if line.open is not None:
        found.append(("open tasks", sorted(line.open), sorted(t.task for t in snapshot.tasks)))
    if line.sms is not None:
        found.append(("sms", line.sms, made[-1].business.sms_text if made else ""))
    if line.verdict is not None:
        found.append(("verdict", line.verdict, made[0].audit[0]["verdict"] if made else ""))
    values = task.values() if task else {}
    found += [(f"slot {name}", value, values.get(name)) for name, value in line.slots.items()]
    return [f"{what}: expected {wanted!r}, got {got!r}" for what, wanted, got in found if wanted != got]
