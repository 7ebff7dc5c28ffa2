"""The salient context: what is known of the conversation, where it comes from, how sure it is and how long it holds."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from fsa_engine.domain.definition import Effects, Fact
from fsa_engine.domain.rules import Rule, untyped
from fsa_engine.domain.snapshot import FactValue, SlotValue, Source, TaskInstance
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.values import is_value

GUESS = 0.5
"""Confidence of what rests on a model's word alone."""


def apply(turn: Turn, task: TaskInstance, effects: Effects, values: Mapping[str, Any] | None = None) -> TaskInstance:
    """Carry effects out: facts set, slots emptied."""
    if effects.set:
        set_facts(turn, task, effects.set, values if values is not None else turn.values(task), "operator")
    if effects.clear:
        gone = set(effects.clear)
        task = turn.task(task.task_id) or task
        kept = {name: slot for name, slot in task.slots.items() if name not in gone}
        task = turn.put(task, slots=MappingProxyType(kept))
    return task


def set_facts(
    turn: Turn, task: TaskInstance, facts: Mapping[str, str], values: Mapping[str, Any], source: Source
) -> None:
    """Set facts by expressions. What rests on slots, other facts or a proposal is as good as the weakest of them."""
    compiler = turn.definition(task).rules
    for name, text in facts.items():
        rule = compiler.compile(text, guard=False)
        declared = turn.agent.context[name]
        verdict = turn.judge(task, rule, values, f"set {name}", hidden=declared.sensitive)
        value = _fitting(untyped(verdict.value, declared.type), declared)
        if value is None:
            turn.reject(f"{name}: no usable value for this fact")
            continue
        put_fact(turn, name, value, *_origin(turn, task, rule, source))


def _fitting(value: Any, declared: Fact) -> Any:
    return value if is_value(value, declared.type) else None


def _origin(turn: Turn, task: TaskInstance, rule: Rule, source: Source) -> tuple[Source, float]:
    """Return who is behind an expression, and how sure it is: the weakest of all that it rests on."""
    known = turn.snapshot.facts
    used = [known[name] for name in (rule.facts or known) if name in known] if "context" in rule.names else []
    slots = task.slots if "slots" in rule.names else rule.names & set(task.slots)
    given = {_giver(task.slots[name]) for name in slots} | {fact.source for fact in used}
    if "proposal" in rule.names:
        given.add("model")
    behind = weakest({*given, source}, source)
    own = GUESS if behind == "model" and "model" not in {fact.source for fact in used} else 1.0
    return behind, min([own, *(fact.confidence for fact in used)])


def _giver(slot: SlotValue) -> Source:
    """Return who answers for a slot's value: what the caller confirmed is the caller's own."""
    return "caller" if slot.confirmed and slot.source == "model" else slot.source


def weakest(given: Collection[Source], default: Source) -> Source:
    """Return the least reliable of some sources; the default for none."""
    order: tuple[Source, ...] = ("model", "caller", "keys", "tool", "operator")
    return next((each for each in order if each in given), default)


def put_fact(turn: Turn, name: str, value: Any, source: Source, confidence: float | None = None) -> None:
    """Write a fact down."""
    declared = turn.agent.context[name]
    expires = turn.event.at_ms + int(declared.ttl_minutes * 60_000) if declared.ttl_minutes else 0
    sure = confidence if confidence is not None else GUESS if source == "model" else 1.0
    fact = FactValue(value, source, sure, turn.event.at_ms, expires, declared.sensitive)
    turn.change(facts=MappingProxyType({**turn.snapshot.facts, name: fact}))
    turn.note(f"fact {name} set by {source}")


def relevant(turn: Turn, task: TaskInstance, names: tuple[str, ...] | None) -> dict[str, Any]:
    """Return what a model may know in a state: the slots and facts it names, by default the task's slots.

    Nothing sensitive is ever among it; a fact stands in for a slot of its name that is not filled.
    """
    slots, values = turn.definition(task).slots, task.values()
    facts = turn.facts()
    chosen = names if names is not None else tuple(slots)
    found: dict[str, Any] = {}
    for name in chosen:
        if name in slots and (name in values or slots[name].sensitive):
            if not slots[name].sensitive:
                found[name] = values[name]
        elif name in facts and not turn.agent.context[name].sensitive:
            found[name] = facts[name]
    return found
