"""Patterns that are allowed and yet likely wrong: what `check` warns of."""

from collections.abc import Iterator
from typing import Any

from fsa_engine.domain.definition import Agent, Task
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source
from fsa_engine.domain.template import mentioned
from opusagent_cli.agent.edges import Edge, edges, walk

PATIENCE = 5
"""More attempts than this at one question are warned of."""


def risks(agent: Agent, source: Source) -> list[Problem]:
    """Return the warnings about an agent that has no errors, in order of place."""
    found = [*_same_examples(agent, source), *_sms(agent, source)]
    unconfirmed = unconfirmed_states(agent)
    for name, task in agent.tasks.items():
        path: Path = ("tasks", name)
        found += _writes(agent, task, unconfirmed[name], source, path)
        found += _handoffs(agent, task, source, path)
        found += _secrets(task, source, path)
        found += _loops(task, source, path)
    return sorted(found)


def unconfirmed_states(agent: Agent) -> dict[str, set[str]]:
    """Return, for each task, the states that can be reached before the caller said yes to anything."""
    entered = {name for name, task in agent.tasks.items() if not getattr(task, "internal", False)}
    while True:
        reached = {name: _before_yes(agent, task) for name, task in agent.tasks.items() if name in entered}
        visited = [state for name, states in reached.items() for state in _states(agent.tasks[name], states)]
        run: set[str] = {state.task for state in visited if state.kind == "task"}
        if run <= entered:
            return {name: reached.get(name, set()) for name in agent.tasks}
        entered |= run


def _states(task: Task, names: set[str]) -> list[Any]:
    return [task.states[name] for name in names]


def _before_yes(agent: Agent, task: Task, seen: tuple[str, ...] = ()) -> set[str]:
    def may_take(edge: Edge) -> bool:
        state: Any = task.states[edge.source]
        if state.kind == "confirm":
            return edge.key != "yes"
        return state.kind != "task" or edge.failure or not _asks_for_yes(agent, state.task, seen)

    return walk(task, [task.initial], may_take)


def _asks_for_yes(agent: Agent, name: str, seen: tuple[str, ...]) -> bool:
    """Tell whether another task reaches its goal only after a yes."""
    task = agent.tasks.get(name)
    if task is None or name in seen:
        return False
    return not any(task.states[state].kind == "done" for state in _before_yes(agent, task, (*seen, name)))


def _writes(agent: Agent, task: Task, unconfirmed: set[str], source: Source, path: Path) -> Iterator[Problem]:
    for name, state in task.states.items():
        if state.kind != "act" or state.tool not in agent.tools or not agent.tools[state.tool].write:
            continue
        here: Path = (*path, "states", name)
        if name in unconfirmed:
            message = f"the write tool {state.tool!r} can be reached without the caller's yes"
            yield source.problem((*here, "tool"), message, "lead to it through the `yes` of a confirm state")
        else:
            yield from _unsaid(task, name, state, source, here)
        if agent.tools[state.tool].settle == "lookup" and state.unknown is None:
            message = f"when nobody can tell whether {state.tool!r} acted, the caller hears what {state.failed!r} says"
            yield source.problem(here, message, "add unknown: STATE")


def _unsaid(task: Task, name: str, state: Any, source: Source, here: Path) -> Iterator[Problem]:
    """Look for what is written though the caller never heard it before his yes."""
    confirmed = [s for s in task.states.values() if s.kind == "confirm" and name in walk(task, [s.yes])]
    said = {slot for s in confirmed for slot in {*s.slots, *mentioned(s.text)}}
    for argument, given in state.arguments.items():
        slot = task.slots.get(given) if isinstance(given, str) else None
        if slot is not None and slot.from_ == "caller" and given not in said and confirmed:
            if getattr(slot, "confirm", "never") == "explicit":
                continue
            message = f"slot {given!r} goes into {state.tool!r}, but no confirm on the way says it"
            yield source.problem(
                (*here, "arguments", argument), message, f"say {{{given}}} in the confirm state's text"
            )


def _handoffs(agent: Agent, task: Task, source: Source, path: Path) -> Iterator[Problem]:
    def nobody_decided(edge: Edge) -> bool:
        return edge.key in {"to", "transitions"} and not edge.label

    unasked = walk(task, [task.initial], nobody_decided)
    for name, state in task.states.items():
        if state.kind != "handoff":
            continue
        here: Path = ("states", name)
        if name in unasked and name != task.initial:
            message = "the call is transferred without the caller's yes and without a rule"
            yield source.problem((*path, *here), message, "ask in a confirm state, or decide by a rule")
        if not (state.target or agent.escalation.target or state.unavailable):
            message = "nobody can take the call: neither here nor under escalation is a target"
            yield source.problem(
                (*path, *here), message, "add a target or unavailable: STATE, or set ESCALATION_TARGET"
            )


def _secrets(task: Task, source: Source, path: Path) -> Iterator[Problem]:
    for name, slot in task.slots.items():
        if slot.sensitive and slot.from_ == "caller" and not getattr(slot, "by_keys", False):
            message = f"the sensitive slot {name!r} is taken by speech, which recognition and the model hear"
            yield source.problem((*path, "slots", f"#{name}"), message, "take digits, with capture: dtmf")
    plain = {n for n, slot in task.slots.items() if slot.sensitive and getattr(slot, "said_as", "plain") == "plain"}
    for name, state in task.states.items():
        for field in ("text", "prompt", "progress", "summary"):
            for said in sorted(mentioned(getattr(state, field, None) or "") & plain):
                message = f"the sensitive slot {said!r} is said aloud"
                yield source.problem((*path, "states", name, field), message, "leave it out")


def _loops(task: Task, source: Source, path: Path) -> Iterator[Problem]:
    """Look for a tool that is called again and again, and for questions that never end."""
    asking = {name for name, state in task.states.items() if state.kind in {"collect", "confirm"}}
    limited = {edge.source for edge in edges(task) if "attempts" in edge.label or edge.key == "time_limit"}
    for name, state in task.states.items():
        here: Path = (*path, "states", name)
        if state.kind == "act" and name not in limited:
            again = walk(task, _failures(task, name), lambda edge: edge.source not in asking | limited)
            if name in again:
                message = f"when {state.tool!r} fails it is called again without limit, and the caller is not asked"
                yield source.problem((*here, "failed"), message, "lead to a state that asks or ends, or limit attempts")
        elif name in asking:
            yield from _insisting(task, name, asking, source, here)


def _insisting(task: Task, name: str, asking: set[str], source: Source, here: Path) -> Iterator[Problem]:
    state: Any = task.states[name]
    if state.kind == "confirm" and state.no is not None:
        back = walk(task, [state.no], lambda edge: edge.source not in asking)
        if name in back:
            fix = "leave `no` out to ask what to change"
            yield source.problem((*here, "no"), "a no leads to the same question", fix)
    if (state.attempts or 0) > PATIENCE:
        fix = "after three times callers give up: lead to a human"
        yield source.problem((*here, "attempts"), f"asks up to {state.attempts} times", fix)


def _failures(task: Task, name: str) -> set[str]:
    return {edge.target for edge in edges(task) if edge.source == name and edge.key in {"failed", "unknown"}}


def _same_examples(agent: Agent, source: Source) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, task in agent.tasks.items():
        for index, example in enumerate(task.examples):
            phrase = " ".join(example.lower().split())
            if seen.setdefault(phrase, name) != name:
                message = f"{example!r} is an example of {seen[phrase]!r} too: who says it is asked which he means"
                yield source.problem(("tasks", name, "examples", index), message, "keep it in one of them")
    for index, example in enumerate(agent.none):
        owner = seen.get(" ".join(example.lower().split()))
        if owner is not None:
            message = f"{example!r} is an example of {owner!r} too, and of none of the tasks"
            yield source.problem(("none", index), message, "keep it in one of them")


def _sms(agent: Agent, source: Source) -> Iterator[Problem]:
    if agent.sms.on != "never" and not agent.sms.text:
        message = "no SMS is sent when a call drops: it has no text"
        yield source.problem(("sms",), message, "add sms: {text: ...}, or sms: {on: never}")


def shared_numbers(agents: list[tuple[Agent, Source]]) -> list[Problem]:
    """Return the called numbers that more than one agent names."""
    owners: dict[str, str] = {}
    found = []
    for agent, source in agents:
        for index, number in enumerate(agent.called_numbers):
            first = owners.setdefault(number, agent.agent)
            if first != agent.agent:
                message = f"{number!r} is {first!r}'s too: one of them never gets its calls"
                found.append(source.problem(("called_numbers", index), message, "give it to one of them"))
    return found
