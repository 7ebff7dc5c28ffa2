"""Conversation tests: a script of what the caller does and what is expected, played against the core alone.

A script is a mapping (or YAML, see `load_scripts`). Tools are fakes: a result, a list of results used up in order, or a
function of the arguments; the result `{error: text}` is a failed call, `{unknown: true}` an uncertain one. Models are
fakes likewise: `reasoning` gives, by the name of the state, what is proposed (`slots`, `transition`, `thoughts`), or an
`error`; without one there is no model. Results come right after the step that asked for them, or, after a line with
`hold: true`, before the next line without it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import (
    AnswerTask,
    CallClosed,
    CancelTask,
    Event,
    HandedOver,
    KeyPressed,
    NoInput,
    Opened,
    ReasoningReturned,
    StartTask,
    TimePassed,
    ToolReturned,
    TransferReturned,
    Utterance,
)
from fsa_engine.domain.outputs import HangUp, Intent
from fsa_engine.domain.scripts import Line, Script, load_scripts
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, is_private, step

__all__ = ["Line", "Played", "Script", "Tool", "differences", "load_scripts", "passed", "run", "spoken_texts"]
_MOVED = re.compile(r"(\w+): (\w+) -> (\w+) ")

Tool: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[Mapping[str, Any]], Mapping[str, Any]]

Compare: TypeAlias = Callable[[Agent, str], tuple[tuple[str, float], ...]]
"""The evidence about words: label and score, as `Utterance.intents` has it."""


@dataclass
class Played:
    """What came of a script. `failures`: what was not as expected, in words; `visited`: (task, state).

    `happened`: of each step, whose definition made it, of which snapshot and event.
    """

    script: Script
    failures: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    happened: list[tuple[Agent, Snapshot, Event]] = field(default_factory=list)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    visited: set[tuple[str, str]] = field(default_factory=set)


def run(
    agent: Agent,
    script: Script | Mapping[str, Any],
    tools: Mapping[str, Tool] | None = None,
    others: Iterable[Agent] = (),
    compare: Compare | None = None,
) -> Played:
    """Play a script; `tools` are used where the script names none of its own. `others`: agents to hand over to.

    `compare`: gives the evidence of what words mean, as the engine does; without it words alone are compared.
    """
    script = script if isinstance(script, Script) else Script.model_validate(script)
    return _Player(agent, script, {**(tools or {}), **script.tools}, others, compare).play()


class _Player:
    def __init__(
        self,
        agent: Agent,
        script: Script,
        tools: Mapping[str, Tool],
        others: Iterable[Agent] = (),
        compare: Compare | None = None,
    ) -> None:
        self.agent = agent
        self.compare = compare
        self.others = {other.agent: other for other in others if other.agent not in script.without}
        self.played = Played(script)
        self.tools = tools
        self.snapshot = Snapshot()
        self.at_ms = int(script.at.replace(tzinfo=agent.zone).timestamp() * 1000)
        self.wake_ms = 0
        self.events = 0
        self.calls = 0
        self.memory: Mapping[str, Any] = {}
        self.used: dict[str, int] = {}
        self.owed: list[Intent] = []

    def play(self) -> Played:
        """Play all lines, beginning with the call's opening unless the first line is one."""
        script = self.played.script
        rings = bool(script.lines) and script.lines[0].does == "ring"
        lines = script.lines if rings else (Line(does="ring"), *script.lines)
        for number, line in enumerate(lines, start=1 if rings else 0):
            made = self._happen(line)
            what = line.say or line.key or line.does or line.start or line.answer or line.cancel
            for failure in differences(line, made, self.snapshot, self.agent):
                self.played.failures.append(f"{script.name}, {script.place(number)} ({what!r}): {failure}")
        return self.played

    def _happen(self, line: Line) -> list[Step]:
        lines = [line.model_copy(update={"key": key}) for key in line.key or ""] or [line]
        made = []
        self.at_ms += round((line.seconds - 1) * 1000)
        if 0 < self.wake_ms <= self.at_ms + 1000:
            made.append(self._step(TimePassed(**self._head())))
        if line.does != "wait":
            made += [self._step(self._event(each)) for each in lines]
        while self.owed and not line.hold:
            made.append(self._step(self._returned(self.owed.pop(0))))
        return made

    def _step(self, event: Event) -> Step:
        made = step(self.agent, self.snapshot, event)
        if made.undecided and self.compare is not None and isinstance(event, Utterance | AnswerTask):
            event = replace(event, intents=self.compare(self.agent, made.undecided))
            made = step(self.agent, self.snapshot, event)
        self.played.happened.append((self.agent, self.snapshot, event))
        self.snapshot = Snapshot.from_bytes(made.snapshot.to_bytes())
        self.owed += made.intents
        self.wake_ms = made.wake_ms
        self.memory = self.memory if made.memory is None else made.memory
        self.played.steps.append(made)
        tools = [intent.payload for intent in made.intents if intent.kind == "tool"]
        self.played.calls += [(payload["tool"], payload["arguments"]) for payload in tools]
        self.played.visited |= {(task.task, task.state) for task in made.snapshot.tasks} | passed(made)
        return made

    def _head(self) -> dict[str, Any]:
        self.events += 1
        self.at_ms += 1000
        return {"event_id": f"e{self.events}", "at_ms": self.at_ms}

    def _event(self, line: Line) -> Event:
        head = self._head()
        focus = self.snapshot.focus
        if line.say is not None:
            return Utterance(**head, text=line.say, alternatives=line.or_heard_as)
        if line.key is not None:
            return KeyPressed(**head, digit=line.key)
        if line.start is not None:
            return StartTask(**head, task=line.start, arguments=line.arguments, caller_words=line.words)
        if line.answer is not None:
            return AnswerTask(**head, task_id=focus, answer=line.answer, caller_words=line.words)
        if line.cancel is not None:
            return CancelTask(**head, task_id=focus, caller_words=line.words)
        return self._doing(line, head)

    def _doing(self, line: Line, head: dict[str, Any]) -> Event:
        if line.does == "drop":
            return CallClosed(**head, reason="leg lost")
        if line.does == "nothing":
            return NoInput(**head)
        if line.does in {"answered", "busy", "no_answer"}:
            return TransferReturned(**head, outcome=line.does)
        self.calls += 1
        return Opened(
            **head,
            call_id=f"call-{self.calls}",
            caller=self.played.script.caller,
            callee="+15550199",
            resumed=line.does == "ring_back",
            memory=self.memory,
        )

    def _returned(self, intent: Intent) -> Event:
        if intent.kind == "reason":
            return self._reasoned(intent)
        if intent.kind == "handover":
            return self._handed_over(intent)
        result = self._result(intent.payload["tool"], intent.payload["arguments"])
        head = self._head()
        if "error" in result or "unknown" in result:
            unknown = bool(result.get("unknown"))
            error = str(result.get("error", "unknown"))
            return ToolReturned(**head, intent_id=intent.intent_id, ok=False, error=error, unknown=unknown)
        return ToolReturned(**head, intent_id=intent.intent_id, ok=True, result=result)

    def _reasoned(self, intent: Intent) -> ReasoningReturned:
        script, head = self.played.script.reasoning, self._head()
        state = str(intent.payload["state"])
        given = self._next(state, script[state]) if state in script else {"error": "no model"}
        if "error" in given:
            return ReasoningReturned(**head, intent_id=intent.intent_id, ok=False, error=str(given["error"]))
        proposal: dict[str, Any] = {"slots": given.get("slots", {}), "transition": given.get("transition")}
        thoughts = str(given.get("thoughts", ""))
        return ReasoningReturned(**head, intent_id=intent.intent_id, ok=True, proposal=proposal, thoughts=thoughts)

    def _handed_over(self, intent: Intent) -> HandedOver:
        payload, head = intent.payload, self._head()
        other = self.others.get(payload["agent"])
        if other is None:
            return HandedOver(**head, intent_id=intent.intent_id, ok=False, error="no such agent")
        self.agent = other
        given = {key: payload[key] for key in ("from_agent", "task", "context")}
        return HandedOver(**head, intent_id=intent.intent_id, ok=True, **given)

    def _result(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        tool = self.tools.get(name)
        if tool is None:
            return {"error": f"the script has no tool {name}"}
        if callable(tool):
            return tool(arguments)
        return self._next(name, tool)

    def _next(self, name: str, given: Any) -> Mapping[str, Any]:
        """Return the only one, or the next of several; the last one again when they are used up."""
        if isinstance(given, Mapping):
            return given
        index = self.used.get(name, 0)
        self.used[name] = index + 1
        found: Mapping[str, Any] = given[min(index, len(given) - 1)]
        return found


def passed(made: Step) -> set[tuple[str, str]]:
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


def differences(line: Line, made: list[Step], snapshot: Snapshot, agent: Agent) -> list[str]:
    """Return what is not as a line expects it, in words; `snapshot` and `agent`: after the steps that it led to."""
    task = snapshot.focused
    unfinished = () if snapshot.transfer else snapshot.roots
    got: dict[str, Any] = {
        "hears": spoken_texts(made),
        "calls": [i.payload["tool"] for m in made for i in m.intents if i.kind == "tool"],
        "state": task.state if task else "",
        "phase": snapshot.phase,
        "open": sorted(t.task for t in unfinished),
        "sms": made[-1].business.sms_text if made else "",
        "verdict": made[0].audit[0]["verdict"] if made else "",
        "private": is_private(agent, snapshot),
        "agent": agent.agent,
    }
    wanted = {key: getattr(line, key) for key in got if getattr(line, key) is not None}
    wanted |= {key: list(wanted[key]) for key in ("hears", "calls") if key in wanted}
    wanted |= {"open": sorted(wanted["open"])} if "open" in wanted else {}
    values = task.values() if task else {}
    got |= {f"slot {name}": values.get(name) for name in line.slots}
    got |= {f"fact {name}": getattr(snapshot.facts.get(name), "value", None) for name in line.facts}
    wanted |= {f"slot {name}": value for name, value in line.slots.items()}
    wanted |= {f"fact {name}": value for name, value in line.facts.items()}
    return [f"{what}: expected {value!r}, got {got[what]!r}" for what, value in wanted.items() if value != got[what]]
