"""Sense: what a definition may still have wrong when its form is right."""

from collections.abc import Iterator

from fsa_engine.domain.definition import Act, Agent, Collect, Confirm, Constant, Handoff, Slot, State, Task, ToolRef
from fsa_engine.domain.loading.dataflow import check_graph
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path, Source
from fsa_engine.domain.rules import CONTEXT, RuleError, Rules
from fsa_engine.domain.template import mentioned

_CALL = {"call.caller", "call.callee", "call.channel", "call.call_id"}
_TEXT_FIELDS = ("text", "prompt", "reprompt", "progress", "summary")


def check(agent: Agent, source: Source) -> list[Problem]:
    """Return all problems of an agent."""
    problems = [*_numbers(agent, source), *_tools(agent, source), *_conversation_texts(agent, source)]
    for name, task in agent.tasks.items():
        path: Path = ("tasks", name)
        own = [*_slots(task, source, path), *_states(agent, task, source, path)]
        problems += own or check_graph(task, source, path)
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
        for unknown in sorted(mentioned(text) - {"tasks", "titles"}):
            yield source.problem(("texts", name), f"{{{unknown}}} means nothing here", "use {tasks} or {titles}")
    for unknown in sorted(mentioned(agent.sms.text) - {"requests", "was"}):
        yield source.problem(("sms", "text"), f"{{{unknown}}} means nothing here", "use {requests} and {was}")


def _slots(task: Task, source: Source, path: Path) -> Iterator[Problem]:
    for name, slot in task.slots.items():
        here: Path = (*path, "slots", name)
        if name in CONTEXT:
            yield source.problem((*path, "slots", f"#{name}"), f"{name!r} is the name of something else in rules")
            continue
        for field in ("prompt", "reprompt"):
            yield from _text(task, source, (*here, field), getattr(slot, field))
        yield from _slot_checks(task, source, here, slot)
    for field in ("resume", "title", "request"):
        yield from _text(task, source, (*path, field), getattr(task, field))


def _slot_checks(task: Task, source: Source, here: Path, slot: Slot) -> Iterator[Problem]:
    for index, each in enumerate(slot.check):
        yield from _rule(task, source, (*here, "check", index, "rule"), each.rule)
        yield from _text(task, source, (*here, "check", index, "text"), each.text)


def _states(agent: Agent, task: Task, source: Source, path: Path) -> Iterator[Problem]:
    if task.initial not in task.states:
        yield source.problem((*path, "initial"), f"there is no state {task.initial!r}")
    for name, state in task.states.items():
        here: Path = (*path, "states", name)
        for field in _TEXT_FIELDS:
            yield from _text(task, source, (*here, field), getattr(state, field, None))
        for key, target in state.targets():
            if target not in task.states:
                yield source.problem((*here, key), f"there is no state {target!r}", f"one of {', '.join(task.states)}")
        yield from _edges(task, source, here, state)
        if isinstance(state, Act):
            yield from _act(agent, task, source, here, state)
        elif isinstance(state, Collect) and state.slot not in task.slots:
            yield source.problem((*here, "slot"), f"there is no slot {state.slot!r}", "declare it under slots")
        elif isinstance(state, Collect) and task.slots[state.slot].from_ == "tool":
            yield source.problem((*here, "slot"), "a slot that a tool fills cannot be asked for")
        elif isinstance(state, Collect) and task.slots[state.slot].type == "list":
            yield source.problem((*here, "slot"), "a list cannot be asked for")
        elif isinstance(state, Confirm):
            for index, slot in enumerate(state.slots):
                if slot not in task.slots:
                    yield source.problem((*here, "slots", index), f"there is no slot {slot!r}")


def _edges(task: Task, source: Source, here: Path, state: State) -> Iterator[Problem]:
    if isinstance(state, Confirm | Handoff) or not hasattr(state, "transitions"):
        return
    for index, edge in enumerate(state.transitions):
        last = index == len(state.transitions) - 1
        if edge.when is None and not last:
            yield source.problem((*here, "transitions", index), "what follows is never reached", "put it last")
        elif edge.when is not None and last:
            fix = "add a last transition without `when`"
            yield source.problem((*here, "transitions", index), "no way on if no rule holds", fix)
        if edge.when is not None:
            yield from _rule(task, source, (*here, "transitions", index, "when"), edge.when)


def _act(agent: Agent, task: Task, source: Source, here: Path, state: Act) -> Iterator[Problem]:
    tool = agent.tools.get(state.tool)
    if tool is None:
        yield source.problem((*here, "tool"), f"there is no tool {state.tool!r}", "declare it under tools")
    elif tool.settle == "once" and state.unknown is None:
        fix = "add unknown: STATE"
        yield source.problem(here, "a tool settled `once` needs a way out when nobody knows whether it acted", fix)
    for argument, given in state.arguments.items():
        if isinstance(given, Constant) or given in task.slots or given in _CALL:
            continue
        fix = "name a slot, call.caller, call.callee, call.channel, or write {const: VALUE}"
        yield source.problem((*here, "arguments", argument), f"{given!r} is no slot", fix)
    for argument, given in (tool.lookup.arguments if tool and tool.lookup else {}).items():
        if given not in task.slots and given not in _CALL:
            looked_up = ("tools", state.tool, "lookup", "arguments", argument)
            yield source.problem(looked_up, f"{given!r} is no slot of the task that calls {state.tool}")
    for slot, text in state.fill.items():
        if slot not in task.slots:
            yield source.problem((*here, "fill", f"#{slot}"), f"there is no slot {slot!r}")
        yield from _rule(task, source, (*here, "fill", slot), text, guard=False)


def _rule(task: Task, source: Source, path: Path, text: str, guard: bool = True) -> Iterator[Problem]:
    try:
        task.rules.compile(text, guard)
    except RuleError as error:
        yield source.problem(path, f"rule {text!r}: {error}", along=error.column - 1)


def _text(task: Task, source: Source, path: Path, text: str | None) -> Iterator[Problem]:
    for name in sorted(mentioned(text or "") - set(task.slots)):
        yield source.problem(path, f"{{{name}}} is no slot of this task")
