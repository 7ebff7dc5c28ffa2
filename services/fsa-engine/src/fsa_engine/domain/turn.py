"""The workbench of one step: the snapshot as it changes, and what is said, asked and logged on the way."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fsa_engine.domain.definition import Agent, State, Task
from fsa_engine.domain.events import Event
from fsa_engine.domain.outputs import Ask, Body, Expectation, Intent, Output
from fsa_engine.domain.rules import Rule, Verdict
from fsa_engine.domain.snapshot import Snapshot, TaskInstance
from fsa_engine.domain.template import fill
from fsa_engine.domain.understanding.spoken import joined, spoken
from fsa_engine.domain.understanding.values import Setting


class Illegal(Exception):
    """The event cannot happen now; it changes nothing."""


class Turn:
    """Lives for one event. `lead` is said before the next question, `instead` in place of its wording."""

    def __init__(self, agent: Agent, snapshot: Snapshot, event: Event) -> None:
        self.agent = agent
        self.snapshot = snapshot
        self.event = event
        self.now = datetime.fromtimestamp(event.at_ms / 1000, UTC).astimezone(agent.zone).replace(tzinfo=None)
        self.setting = Setting(self.now, agent.language)
        self.outputs: list[Output] = []
        self.intents: list[Intent] = []
        self.settled: list[str] = []
        self.rules: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.proposal: Any = None
        self.rejected: list[str] = []
        self.lead = ""
        self.instead = ""

    # -- the snapshot

    def change(self, **fields: Any) -> None:
        """Change fields of the snapshot."""
        self.snapshot = replace(self.snapshot, **fields)

    def task(self, task_id: str) -> TaskInstance | None:
        """Return an open task as it is now."""
        return self.snapshot.task(task_id)

    def put(self, task: TaskInstance, **fields: Any) -> TaskInstance:
        """Save a task with changed fields."""
        changed = replace(task, **fields)
        self.snapshot = self.snapshot.with_task(changed)
        return changed

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

    # -- what is said

    def say(self, body: Body, task_id: str = "") -> None:
        """Give an output."""
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
            return spoken(values[name], slots[name].type, self.now, preposition, slots[name].of)

        return fill(template, speak)

    def named(self, template: str, tasks: tuple[TaskInstance, ...]) -> str:
        """Fill `{tasks}` with what is being done, each as its `resume` says."""
        doing = joined([self.text(task, self.definition(task).resume) for task in tasks])
        return fill(template, lambda name, _: doing if name == "tasks" else None)

    # -- what is done and noted

    def intend(self, payload: Mapping[str, Any]) -> str:
        """Want a tool called; return the intent's id, which is put into the key argument if the tool has one."""
        intent_id = f"{self.event.event_id}/i{len(self.intents)}"
        key = {payload["key_argument"]: intent_id} if payload["key_argument"] else {}
        self.intents.append(Intent(intent_id, "tool", {**payload, "arguments": {**payload["arguments"], **key}}))
        return intent_id

    def note(self, text: str) -> None:
        """Say in the audit what was decided."""
        self.notes.append(text)

    def reject(self, why: str) -> None:
        """Say in the audit what was refused, and why."""
        self.rejected.append(why)

    def values(self, task: TaskInstance, result: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return everything that a rule of this task may name, as CEL values."""
        call = self.snapshot.call
        context = {
            "call": {"caller": call.caller, "callee": call.callee, "channel": call.channel},
            "result": dict(result or {}),
            "attempts": task.attempts.get(task.state, 0),
        }
        return self.definition(task).rules.values(task.values(), context, self.now)

    def judge(self, task: TaskInstance, rule: Rule, values: Mapping[str, Any], purpose: str) -> Verdict:
        """Run a rule and log it."""
        verdict = rule.run(values)
        entry = {"task": task.task_id, "state": task.state, "rule": rule.text, "for": purpose, "value": verdict.value}
        self.rules.append({**entry, "error": verdict.error} if verdict.error else entry)
        return verdict
