"""Reasoning: what a model is asked, and what of its proposal the rules accept.

A proposal fills slots that it may fill, as any other value: parsed, checked, marked as the model's. A transition that
it proposes is one of the state's own and is taken only if its rules hold. Without a proposal the rules go on alone.
"""

from collections.abc import Mapping
from typing import Any

from fsa_engine.domain.definition import Reason, Slot
from fsa_engine.domain.salience import relevant
from fsa_engine.domain.snapshot import TaskInstance, Thought
from fsa_engine.domain.template import fill, mentioned
from fsa_engine.domain.turn import Turn

LONGEST_THOUGHT = 4000
"""Characters of thoughts that are kept."""
MOST_THOUGHTS = 10
GRACE_MS = 1000
"""After the budget, before the step gives a model up by itself."""


def budget_ms(turn: Turn, state: Reason) -> int:
    """Return how long a model may think."""
    return state.budget_ms or turn.agent.reasoning.budget_ms


def request(turn: Turn, task: TaskInstance, state: Reason) -> dict[str, Any]:
    """Describe what a model is asked as an intent's payload (see `outputs.Intent`)."""
    slots = turn.definition(task).slots
    names = proposable(turn, task, state)
    transitions = [edge.proposal for edge in state.transitions if edge.proposable]
    return {
        "instructions": _instructions(task, state),
        "context": {**_known(turn, task, state), "caller_said": list(turn.snapshot.heard)},
        "proposals": {"slots": names, "transitions": transitions},
        "schema": schema({name: slots[name] for name in names}, transitions),
        "model": turn.agent.reasoning.model,
        "budget_ms": budget_ms(turn, state),
        "task_id": task.task_id,
        "state": task.state,
    }


def _instructions(task: TaskInstance, state: Reason) -> str:
    """Return the definition's own words: where they name a slot they say where its value stands among the data.

    What a caller or a tool said never becomes a part of instructions.
    """
    filled = task.values()
    return fill(state.instructions, lambda name, _: f"`{name}`" if name in filled else None)


def _known(turn: Turn, task: TaskInstance, state: Reason) -> dict[str, Any]:
    """Return what a model may know here, with the slots that its instructions name."""
    named = sorted(mentioned(state.instructions))
    return {**relevant(turn, task, tuple(named)), **relevant(turn, task, state.relevant)}


def proposable(turn: Turn, task: TaskInstance, state: Reason) -> list[str]:
    """Return the slots that a model may propose in a reason state: those that it names, and no other."""
    slots = turn.definition(task).slots
    return [name for name in state.proposals or () if not slots[name].own_words and not slots[name].by_keys]


def schema(slots: Mapping[str, Slot], transitions: list[str]) -> dict[str, Any]:
    """Return the JSON Schema of a proposal."""
    properties = {name: {"anyOf": [value_schema(slot), {"type": "null"}]} for name, slot in slots.items()}
    return {
        "type": "object",
        "properties": {
            "thoughts": {"type": "string", "description": "Your reasoning; never shown to the caller."},
            "slots": {
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
            "transition": {"enum": [*transitions, None]},
        },
        "required": ["thoughts", "slots", "transition"],
        "additionalProperties": False,
    }


_TYPES: dict[str, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "decimal": {"type": "number"},
    "money": {"type": "number", "description": "In major units."},
    "yes_no": {"type": "boolean"},
    "date": {"type": "string", "description": "YYYY-MM-DD, or as the caller said it."},
    "time": {"type": "string", "description": "HH:MM (24 h), or as the caller said it."},
    "datetime": {"type": "string", "description": "YYYY-MM-DDTHH:MM, or as the caller said it."},
    "duration": {"type": "string", "description": "ISO 8601, or as the caller said it."},
}


def value_schema(slot: Slot) -> dict[str, Any]:
    """Return the JSON Schema of a slot's value, as a model sees it."""
    if slot.type == "list":
        return {"type": "array", "items": dict(_TYPES.get(slot.of, {"type": "string"}))}
    made = dict(_TYPES.get(slot.type, {"type": "string"}))
    if slot.type == "enum":
        made["enum"] = list(slot.values)
    if slot.description:
        made["description"] = slot.description
    return made


def think(turn: Turn, task: TaskInstance, thoughts: str) -> TaskInstance:
    """Put thoughts into the scratchpad."""
    text = thoughts[:LONGEST_THOUGHT]
    if not text or not turn.agent.reasoning.keep:
        return task
    pad = (*task.scratchpad, Thought(task.state, text, turn.event.at_ms))[-MOST_THOUGHTS:]
    return turn.put(task, scratchpad=pad)
