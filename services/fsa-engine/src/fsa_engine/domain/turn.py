"""The workbench of one step: the snapshot as it changes, and what is said, asked and logged on the way."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from fsa_engine.domain.definition import Agent, State, Task
from fsa_engine.domain.events import Event
from fsa_engine.domain.outputs import Ask, Body, Expectation, Failed, Intent, Output, Progress, Result, Verbatim
from fsa_engine.domain.rules import Rule, Verdict
from fsa_engine.domain.saying import said
from fsa_engine.domain.snapshot import Snapshot, TaskInstance, changed_in
from fsa_engine.domain.template import fill
from fsa_engine.domain.understanding.intents import Match
from fsa_engine.domain.understanding.spoken import joined
from fsa_engine.domain.understanding.values import Setting

MASK = "***"
"""Stands in the audit for what is sensitive."""


Recorded: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Gives the recorded value for a rule's entry in the audit (`task`, `state`, `rule`, `for`); None if there is none."""


NOT_KEPT = "(not kept)"
"""Stands in the audit for thoughts where the agent keeps none."""


Reading: TypeAlias = Literal["", "lexical", "embedding", "asked", "none"]
"""How it was found out what words mean; empty = nobody wanted to know."""


class Illegal(Exception):
    """The event cannot happen now; it changes nothing."""


class Turn:
    """Lives for one event. `lead` is said before the next thing said, `instead` in place of a question's wording.

    `undecided`: words about which evidence was wanted and not there. `reading`: how it was found out what they mean.
    """

    def __init__(self, agent: Agent, snapshot: Snapshot, event: Event, recorded: Recorded | None = None) -> None:
        self.recorded = recorded
        self.agent = agent
        self.snapshot = snapshot
        self.event = event
        self.now = datetime.fromtimestamp(event.at_ms / 1000, UTC).astimezone(agent.zone).replace(tzinfo=None)
        self.setting = Setting(self.now, agent.language)
        self.outputs: list[Output] = []
        self.intents: list[Intent] = []
        self.settled: list[str] = []
        self.rules: list[dict[str, Any]] = []
        # What words mean, by words and labels (see `matching.lexical`): it is asked several times of the same ones.
        self.meanings: dict[tuple[str, tuple[str, ...]], Match] = {}
        self.notes: list[str] = []
        self.proposal: Any = None
        self.rejected: list[str] = []
        self.scratchpad = ""
        self.ended: list[tuple[str, str]] = []
        self.lead = ""
        self.instead = ""
        self.undecided = ""
        self.reading: Reading = ""

    # -- the snapshot

    def change(self, **fields: Any) -> None:
        """Change fields of the snapshot."""
        self.snapshot = changed_in(self.snapshot, **fields)

    def task(self, task_id: str) -> TaskInstance | None:
        """Return an open task as it is now."""
        return self.snapshot.task(task_id)

    def put(self, task: TaskInstance, **fields: Any) -> TaskInstance:
        """Save a task with changed fields."""
        changed = changed_in(task, **fields)
        self.snapshot = self.snapshot.with_task(changed)
        return changed

    def set_aside(self, task: TaskInstance, **fields: Any) -> None:
        """Change a task that is set aside."""
        aside = tuple(changed_in(t, **fields) if t.task_id == task.task_id else t for t in self.snapshot.aside)
        self.change(aside=aside)

    def definition(self, task: TaskInstance) -> Task:
        """Return a task's definition."""
        return self.agent.tasks[task.task]

    def state(self, task: TaskInstance) -> State:
        """Return the definition of the state that a task is in."""
        return self.definition(task).states[task.state]

    def has_floor(self, task: TaskInstance) -> bool:
        """Tell whether a task may put its question now."""
        s = self.snapshot
        return s.phase == "open" and s.pending is None and s.focus == task.task_id

    def stale(self, task: TaskInstance) -> bool:
        """Tell whether the caller's words are of a turn begun before a task's question was put, as far as is known."""
        begun: int = getattr(self.event, "turn_started_ms", 0)
        return getattr(self.event, "before_question", False) or 0 < begun < task.asked_ms

    # -- what is said

    def say(self, body: Body, task_id: str = "") -> None:
        """Give an output, after the lead if there is one."""
        if self.lead and isinstance(body, Progress | Result | Failed | Verbatim):
            lead, self.lead = self.lead, ""
            if isinstance(body, Progress):
                body = Progress(f"{lead} {body.text}".strip())
            else:
                self.say(Progress(lead), task_id)
        self.outputs.append(Output(f"{self.event.event_id}#{len(self.outputs)}", task_id, body))

    def ask(self, text: str, kind: str, phrases: tuple[str, ...] = (), task_id: str = "") -> None:
        """Put a question, after the lead if there is one."""
        whole = f"{self.lead} {self.instead or text}".strip()
        self.lead = self.instead = ""
        self.say(Ask(whole, Expectation(kind, phrases, self.agent.limits.no_input_ms)), task_id)

    def text(self, task: TaskInstance, template: str) -> str:
        """Put a task's values into a template, as they are said."""
        slots, values = self.definition(task).slots, task.values()

        def speak(name: str, preposition: str) -> str | None:
            if name not in slots or values.get(name) in (None, []):
                return None
            if values[name] == MASK:
                return MASK
            return said(name, slots[name], values[name], self.now, preposition)

        return fill(template, speak)

    def named(self, template: str, tasks: tuple[TaskInstance, ...]) -> str:
        """Fill `{tasks}` with what is being done, each as its `resume` says."""
        doing = joined([self.text(task, self.definition(task).resume) for task in tasks])
        return fill(template, lambda name, _: doing if name == "tasks" else None)

    # -- what is done and noted

    def intend(self, payload: Mapping[str, Any], kind: Literal["tool", "reason", "handover"] = "tool") -> str:
        """Want work done; return the intent's id, which is put into the key argument if a tool has one."""
        intent_id = f"{self.event.event_id}/i{len(self.intents)}"
        if kind == "tool" and payload["key_argument"]:
            payload = {**payload, "arguments": {**payload["arguments"], payload["key_argument"]: intent_id}}
        self.intents.append(Intent(intent_id, kind, payload))
        return intent_id

    def note(self, text: str) -> None:
        """Say in the audit what was decided."""
        self.notes.append(text)

    def reject(self, why: str) -> None:
        """Say in the audit what was refused, and why."""
        self.rejected.append(why)

    def facts(self) -> dict[str, Any]:
        """Return the facts that hold now: not expired, and as sure as the definition demands."""
        found = {}
        for name, fact in self.snapshot.facts.items():
            declared = self.agent.context.get(name)
            expired = 0 < fact.expires_ms <= self.event.at_ms
            if declared is not None and not expired and fact.confidence >= declared.confidence:
                found[name] = fact.value
        return found

    def values(
        self, task: TaskInstance, result: Mapping[str, Any] | None = None, proposal: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return everything that a rule of this task may name, as CEL values."""
        call = self.snapshot.call
        context = {
            "call": {"caller": call.caller, "callee": call.callee, "channel": call.channel},
            "result": dict(result or {}),
            "attempts": task.attempts.get(task.state, 0),
            "context": self.facts(),
            "memory": dict(self.snapshot.memory),
            "confirmed": {name: slot.confirmed for name, slot in task.slots.items()},
            "proposal": dict(proposal or {}),
        }
        known = {name: value for name, value in task.values().items() if value != MASK}
        return self.definition(task).rules.values(known, context, self.now)

    def judge(
        self, task: TaskInstance, rule: Rule, values: Mapping[str, Any], purpose: str, hidden: bool = False
    ) -> Verdict:
        """Run a rule and log it; `hidden`: its value is sensitive."""
        verdict = self._recorded(task, rule, purpose) or rule.run(values)
        value = MASK if hidden and verdict.value is not None else verdict.value
        entry = {"task": task.task_id, "state": task.state, "rule": rule.text, "for": purpose, "value": value}
        self.rules.append({**entry, "error": verdict.error} if verdict.error else entry)
        return verdict

    def _recorded(self, task: TaskInstance, rule: Rule, purpose: str) -> Verdict | None:
        """In a replay, return what was recorded for a rule over values that cannot be opened any more."""
        if self.recorded is None:
            return None
        masked = {name for name, slot in task.slots.items() if slot.value == MASK}
        facts = any(fact.value == MASK for fact in self.snapshot.facts.values())
        if not (rule.names & masked or (masked and "slots" in rule.names) or (facts and "context" in rule.names)):
            return None
        entry = {"task": task.task_id, "state": task.state, "rule": rule.text, "for": purpose}
        return Verdict(rule.text, self.recorded(entry))
