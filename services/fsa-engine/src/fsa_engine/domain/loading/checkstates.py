"""Sense of states: names that exist, rules that compile, ways out that cannot fail."""

from collections.abc import Callable, Iterator
from typing import Any

from fsa_engine.domain.definition import (
    Act,
    Collect,
    Confirm,
    Done,
    Failing,
    Handoff,
    HandOver,
    Reason,
    State,
    SubTask,
    Transition,
)
from fsa_engine.domain.loading.checking import (
    CALL_FIELDS,
    Place,
    check_argument,
    check_effects,
    check_rule,
    check_set,
    check_text,
)
from fsa_engine.domain.loading.problems import Problem
from fsa_engine.domain.loading.source import Path
from fsa_engine.domain.template import mentioned

_TEXTS = ("text", "prompt", "reprompt", "progress", "summary", "instructions")
Problems = Iterator[Problem]


def check_states(place: Place) -> Problems:
    """Yield the problems of all states of a task."""
    task, source = place.task, place.source
    if task.initial not in task.states:
        yield source.problem((*place.path, "initial"), f"there is no state {task.initial!r}")
    for name, state in task.states.items():
        here: Path = (*place.path, "states", name)
        for key, target in state.targets():
            if target not in task.states:
                fix = f"one of {', '.join(task.states)}"
                yield source.problem((*here, key), f"there is no state {target!r}", fix)
        yield from _common(place, here, state)
        yield from _edges(place, here, state)
        yield from _OF_KIND.get(type(state), _nothing)(place, here, state)


def _nothing(place: Place, here: Path, state: Any) -> Problems:
    return iter(())


def _common(place: Place, here: Path, state: State) -> Problems:
    for field in _TEXTS:
        yield from check_text(place, (*here, field), getattr(state, field, None))
    for field in ("no_match", "no_input"):
        retry = getattr(state, field, None)
        yield from check_text(place, (*here, field, "text"), retry.text if retry else None)
    for field in ("on_entry", "on_exit"):
        effects = getattr(state, field, None)
        if effects is not None:
            yield from check_effects(place, (*here, field), effects)
    yield from _attention(place, here, state)


def _attention(place: Place, here: Path, state: State) -> Problems:
    """Check what a model sees, may propose, and what may change."""
    slots, source = place.task.slots, place.source
    for index, name in enumerate(getattr(state, "relevant", None) or ()):
        if name not in slots and name not in place.facts:
            yield source.problem((*here, "relevant", index), f"{name!r} is neither slot nor fact")
    may_change = getattr(state, "may_change", None)
    for field in ("proposals", "may_change"):
        for index, name in enumerate(getattr(state, field, None) or ()):
            path = (*here, field, index)
            if name not in slots:
                yield source.problem(path, f"there is no slot {name!r}")
            elif slots[name].from_ != "caller":
                yield source.problem(path, f"{name!r} does not come from the caller")
            elif field == "proposals" and slots[name].by_keys:
                yield source.problem(path, f"{name!r} comes from keys alone, a model cannot propose it")
            elif field == "proposals" and may_change is not None and name not in may_change:
                yield source.problem(path, f"{name!r} may not change here, so it cannot be proposed")


def _edges(place: Place, here: Path, state: State) -> Problems:
    edges: tuple[Transition, ...] = getattr(state, "transitions", ())
    for index, edge in enumerate(edges):
        path: Path = (*here, "transitions", index)
        for text in (edge.when,):
            if text is not None:
                yield from check_rule(place, (*path, "when"), text)
        for field in ("requires", "ensures"):
            for number, text in enumerate(getattr(edge, field)):
                yield from check_rule(place, (*path, field, number), text)
        yield from check_effects(place, (*path, "do"), edge.do)
        yield from _kind_fits(place, path, state, edge)
    if edges and not isinstance(state, Confirm):
        yield from _default(place, here, edges)
    proposals = [edge.proposal for edge in edges if edge.proposable]
    for name in sorted({name for name in proposals if proposals.count(name) > 1}):
        fix = "give them different names"
        yield place.source.problem((*here, "transitions"), f"two transitions are proposed as {name!r}", fix)


def _kind_fits(place: Place, path: Path, state: State, edge: Transition) -> Problems:
    here = (*path, "kind")
    if edge.proposable and not isinstance(state, Reason):
        yield place.source.problem(here, f"a {edge.kind} transition stands in a reason state only")
    if edge.kind == "intent" and not isinstance(state, Collect | Confirm):
        yield place.source.problem(here, "an intent transition stands where the caller is asked: collect or confirm")
    if edge.kind != "intent" and isinstance(state, Confirm):
        yield place.source.problem(path, "a confirm state leads by yes, no and intent transitions only")
    if edge.intent and edge.intent not in place.agent.intents:
        yield place.source.problem((*path, "intent"), f"there is no intent {edge.intent!r}", "declare it under intents")


def _default(place: Place, here: Path, edges: tuple[Transition, ...]) -> Problems:
    """Check that exactly the last edge that is tried is always taken."""
    order = sorted(range(len(edges)), key=lambda index: -edges[index].priority)
    for at, index in enumerate(order):
        path, last = (*here, "transitions", index), at == len(order) - 1
        if edges[index].always and not last:
            yield place.source.problem(path, "what follows is never reached", "put it last")
        elif last and not edges[index].always:
            yield place.source.problem(path, "no way on if no rule holds", "add a last transition without `when`")


def _collect(place: Place, here: Path, state: Collect) -> Problems:
    slot = place.task.slots.get(state.slot)
    if slot is None:
        yield place.source.problem((*here, "slot"), f"there is no slot {state.slot!r}", "declare it under slots")
    elif slot.from_ != "caller":
        who = "a tool" if slot.from_ == "tool" else "who starts the task"
        yield place.source.problem((*here, "slot"), f"a slot that {who} fills cannot be asked for")
    elif state.may_change is not None and state.slot not in state.may_change:
        yield place.source.problem((*here, "may_change"), f"{state.slot!r} is asked for here and may not change")


def _confirm(place: Place, here: Path, state: Confirm) -> Problems:
    for index, slot in enumerate(state.slots):
        if slot not in place.task.slots:
            yield place.source.problem((*here, "slots", index), f"there is no slot {slot!r}")


def _act(place: Place, here: Path, state: Act) -> Problems:
    tool = place.agent.tools.get(state.tool)
    if tool is None:
        yield place.source.problem((*here, "tool"), f"there is no tool {state.tool!r}", "declare it under tools")
    elif tool.settle == "once" and state.unknown is None:
        fix = "add unknown: STATE"
        yield place.source.problem(
            here, "a tool settled `once` needs a way out when nobody knows whether it acted", fix
        )
    for number, text in enumerate(state.requires):
        yield from check_rule(place, (*here, "requires", number), text)
    for argument, given in state.arguments.items():
        yield from check_argument(place, (*here, "arguments", argument), given)
    for argument, name in (tool.lookup.arguments if tool and tool.lookup else {}).items():
        if name not in place.task.slots and name not in CALL_FIELDS:
            path = ("tools", state.tool, "lookup", "arguments", argument)
            yield place.source.problem(path, f"{name!r} is no slot of the task that calls {state.tool}")
    yield from check_set(place, (*here, "set"), state.set)
    yield from _fill(place, here, state.fill)


def _fill(place: Place, here: Path, fill: dict[str, str]) -> Problems:
    for slot, text in fill.items():
        if slot not in place.task.slots:
            yield place.source.problem((*here, "fill", f"#{slot}"), f"there is no slot {slot!r}")
        yield from check_rule(place, (*here, "fill", slot), text, guard=False)


def _reason(place: Place, here: Path, state: Reason) -> Problems:
    if not state.proposals and not any(edge.proposable for edge in state.transitions):
        fix = "name slots under proposals, or add a reasoning or hybrid transition"
        yield place.source.problem(here, "there is nothing that the model could propose", fix)
    for name in sorted(mentioned(state.instructions) & set(place.task.slots)):
        if place.task.slots[name].sensitive:
            yield place.source.problem((*here, "instructions"), f"{{{name}}} is sensitive, no model sees it")
    for index, name in enumerate(state.proposals or ()):
        if name in place.task.slots and place.task.slots[name].own_words:
            yield place.source.problem((*here, "proposals", index), f"{name!r} takes the caller's own words")


def _sub_task(place: Place, here: Path, state: SubTask) -> Problems:
    other = place.agent.tasks.get(state.task)
    if other is None:
        yield place.source.problem((*here, "task"), f"there is no task {state.task!r}")
    for name, given in state.arguments.items():
        if other is not None and name not in other.slots:
            yield place.source.problem((*here, "arguments", f"#{name}"), f"{state.task} has no slot {name!r}")
        yield from check_argument(place, (*here, "arguments", name), given)
    for name in other.takes if other else ():
        if name not in state.arguments:
            yield place.source.problem((*here, "arguments"), f"{state.task} takes {name!r}", "give it")
    yield from _fill(place, here, state.fill)


def _hand_over(place: Place, here: Path, state: HandOver) -> Problems:
    for index, (name, given) in enumerate(state.context.items()):
        if not state.renames and name not in place.task.slots and name not in place.facts:
            yield place.source.problem((*here, "context", index), f"{name!r} is neither slot nor fact")
        elif name != given:
            yield from check_argument(place, (*here, "context", name), given)
    if state.agent == place.agent.agent:
        yield place.source.problem((*here, "agent"), "an agent does not hand over to itself", "start the task instead")


def _ending(place: Place, here: Path, state: Done | Failing) -> Problems:
    if state.text is None and not place.task.internal:
        yield place.source.problem(here, "text: missing", "say how it came out")


_OF_KIND: dict[type, Callable[[Place, Path, Any], Problems]] = {
    Collect: _collect,
    Confirm: _confirm,
    Act: _act,
    Reason: _reason,
    SubTask: _sub_task,
    HandOver: _hand_over,
    Handoff: _nothing,
    Done: _ending,
    Failing: _ending,
}
