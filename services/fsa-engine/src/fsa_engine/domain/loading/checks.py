"""Sense: what a definition may still have wrong when its form is right."""

from collections.abc import Iterator

from fsa_engine.domain.definition import Agent, SubTask, Task, ToolRef
from fsa_engine.domain.loading.checking import Place, check_rule, check_text
from fsa_engine.domain.loading.checkstates import check_states
from fsa_engine.domain.loading.dataflow import check_graph
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source
from fsa_engine.domain.rules import CONTEXT, RuleError, Rules
from fsa_engine.domain.template import mentioned


def check(agent: Agent, source: Source) -> list[Problem]:
    """Return all problems of an agent."""
    problems = [*_numbers(agent, source), *_tools(agent, source), *_conversation_texts(agent, source)]
    problems += [*_memory(agent, source), *_tasks(agent, source)]
    for name, task in agent.tasks.items():
        place = Place(agent, task, source, ("tasks", name))
        own = [*_slots(place), *_task(place), *check_states(place)]
        problems += own or check_graph(task, source, place.path)
    return problems


def _numbers(agent: Agent, source: Source) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, number in enumerate(agent.called_numbers):
        if number in seen:
            yield source.problem(("called_numbers", index), f"{number!r} stands here twice", "remove one")
        seen.add(number)


def _tools(agent: Agent, source: Source) -> Iterator[Problem]:
    for name, tool in agent.tools.items():
        path: Path = ("tools", name)
        if tool.server not in agent.servers:
            yield source.problem((*path, "server"), f"there is no server {tool.server!r}", "declare it under servers")
        yield from _settling(agent, tool, source, path)


def _settling(agent: Agent, tool: ToolRef, source: Source, path: Path) -> Iterator[Problem]:
    if tool.write and tool.settle is None:
        fix = "add settle: idempotent_by_key, lookup or once"
        yield source.problem(path, "a write tool must say how an uncertain call is settled", fix)
    if not tool.write and tool.settle is not None:
        yield source.problem((*path, "settle"), "only a write tool is settled", "remove it, or add write: true")
    if (tool.settle == "lookup") != (tool.lookup is not None):
        yield source.problem(path, "settle: lookup and lookup: belong together", "give the tool that tells")
    if tool.lookup and tool.lookup.tool not in agent.tools:
        yield source.problem((*path, "lookup", "tool"), f"there is no tool {tool.lookup.tool!r}")
    elif tool.lookup and agent.tools[tool.lookup.tool].write:
        yield source.problem((*path, "lookup", "tool"), "a write tool cannot tell whether another one acted")
    if tool.lookup:
        try:
            Rules({}).compile(tool.lookup.happened)
        except RuleError as error:
            happened = (*path, "lookup", "happened")
            yield source.problem(happened, f"rule {tool.lookup.happened!r}: {error}", along=error.column - 1)


def _conversation_texts(agent: Agent, source: Source) -> Iterator[Problem]:
    for name, text in agent.texts:
        for unknown in sorted(mentioned(text) - {"tasks", "titles", "value"}):
            yield source.problem(("texts", name), f"{{{unknown}}} means nothing here", "use {tasks} or {titles}")
    for unknown in sorted(mentioned(agent.sms.text) - {"requests", "was"}):
        yield source.problem(("sms", "text"), f"{{{unknown}}} means nothing here", "use {requests} and {was}")


def _memory(agent: Agent, source: Source) -> Iterator[Problem]:
    for name, fact in agent.context.items():
        here: Path = ("context", name)
        if fact.remember and not agent.memory.retention_days:
            fix = "add memory: {retention_days: DAYS}"
            yield source.problem((*here, "remember"), f"{name} is to be remembered, but for no time", fix)
        if fact.remember and fact.sensitive:
            yield source.problem((*here, "remember"), "what is sensitive is not kept from call to call", "remove it")


def _tasks(agent: Agent, source: Source) -> Iterator[Problem]:
    if all(task.internal for task in agent.tasks.values()):
        yield source.problem(("tasks",), "callers can ask for none of the tasks", "make one of them not internal")
    if agent.resume.identify and agent.resume.identify not in agent.tasks:
        yield source.problem(("resume", "identify"), f"there is no task {agent.resume.identify!r}")
    parts = {name: _parts(task) for name, task in agent.tasks.items()}
    waits = {name: {"after": task.after} for name, task in agent.tasks.items()}
    yield from _circles(parts, source, "a task that is its own part never ends")
    yield from _circles(waits, source, "a task that waits for itself never begins")
    used = {other for keys in parts.values() for others in keys.values() for other in others}
    for name, task in agent.tasks.items():
        if task.internal and not task.takes and name not in used | {agent.resume.identify}:
            path = ("tasks", f"#{name}")
            yield source.problem(path, f"internal task {name!r} is a part of none", "use it, or remove it")


def _parts(task: Task) -> dict[str, tuple[str, ...]]:
    """Return the tasks that each sub-task state runs."""
    return {f"states.{name}": (state.task,) for name, state in task.states.items() if isinstance(state, SubTask)}


def _circles(edges: dict[str, dict[str, tuple[str, ...]]], source: Source, message: str) -> Iterator[Problem]:
    """Yield a problem for each edge on a circle; edges: task -> where it stands -> tasks."""
    near = {name: {other for others in keys.values() for other in others} for name, keys in edges.items()}
    for name, keys in edges.items():
        for key, others in keys.items():
            for other in others:
                if name == other or name in _reached(near, other):
                    path: Path = ("tasks", name, *key.split("."))
                    yield source.problem(path, f"{message}: {name}, {other}", "break the circle")


def _reached(near: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for other in near.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _slots(place: Place) -> Iterator[Problem]:
    for name, slot in place.task.slots.items():
        here: Path = (*place.path, "slots", name)
        if name in CONTEXT:
            path = (*place.path, "slots", f"#{name}")
            yield place.source.problem(path, f"{name!r} is the name of something else in rules")
            continue
        for field in ("prompt", "reprompt", "invalid"):
            yield from check_text(place, (*here, field), getattr(slot, field))
        for index, each in enumerate(slot.check):
            yield from check_rule(place, (*here, "check", index, "rule"), each.rule)
            yield from check_text(place, (*here, "check", index, "text"), each.text)


def _task(place: Place) -> Iterator[Problem]:
    for field in ("resume", "title", "request"):
        yield from check_text(place, (*place.path, field), getattr(place.task, field))
    for field in ("title", "resume", "request", "examples"):
        if not place.task.internal and not getattr(place.task, field):
            fix = "add it, or say internal: true"
            yield place.source.problem((*place.path, field), f"callers ask for this task: {field} is missing", fix)
    if place.task.internal and place.task.examples:
        yield place.source.problem((*place.path, "examples"), "an internal task cannot be asked for", "remove them")
    for index, name in enumerate(place.task.returns):
        if name not in place.task.slots:
            yield place.source.problem((*place.path, "returns", index), f"there is no slot {name!r}")
    for index, name in enumerate(place.task.takes):
        path = (*place.path, "takes", index)
        if name not in place.task.slots:
            yield place.source.problem(path, f"there is no slot {name!r}")
        elif place.task.slots[name].from_ != "given":
            yield place.source.problem(path, f"{name!r} is not given", "say from: given")
    if place.task.takes and not place.task.internal:
        fix = "say internal: true, or leave it optional"
        yield place.source.problem((*place.path, "takes"), "callers cannot give what it takes", fix)
    for index, name in enumerate(place.task.after):
        if name not in place.agent.tasks:
            yield place.source.problem((*place.path, "after", index), f"there is no task {name!r}")
