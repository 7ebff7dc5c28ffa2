"""Corrections: values in place of others, also without their units and without the pauses that commas stand for."""

from typing import Any

from fsa_engine.domain.definition import Slot
from fsa_engine.domain.filling import UNASKED, heard, may_change, value_in
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.turn import Turn
from fsa_engine.domain.understanding.answers import correction_words, is_correction
from fsa_engine.domain.understanding.lexicon import FILLERS
from fsa_engine.domain.understanding.values import read
from fsa_engine.domain.understanding.words import tokens_of

_BARE = UNASKED | {"integer", "decimal", "duration", "digits", "phone"}
"""Types whose value alone can replace another one."""


def corrected(turn: Turn, task: TaskInstance, text: str) -> dict[str, Any]:
    """Read a correction: after "no" or "make it", where a change is asked for, or alone, a bare "eleven" will do."""
    values = heard(turn, task, text)
    alone = len(tokens_of(text)) == 1
    if not values and (task.changing or alone or is_correction(tokens_of(text))):
        values = _bare(turn, task, text)
    return {n: v for n, v in values.items() if n not in task.slots or task.slots[n].value != v}


def _bare(turn: Turn, task: TaskInstance, text: str) -> dict[str, Any]:
    """Read a value of a filled slot without its unit: of one that is named, else of the likeliest type."""
    slots, tokens = turn.definition(task).slots, set(tokens_of(text))
    open_ones = [n for n in slots if n in task.slots and _replaceable(slots[n]) and may_change(turn, task, n)]
    open_ones.sort(key=lambda n: (not _named(n, tokens), slots[n].type not in UNASKED))
    readings = {name: value_in(turn, task, name, text, plain_only=False) for name in open_ones}
    return next(({name: value} for name, value in readings.items() if value is not None), {})


def _replaceable(slot: Slot) -> bool:
    return slot.type in _BARE and not slot.sensitive


def _named(name: str, tokens: set[str]) -> bool:
    return any({part, part.removesuffix("s"), f"{part}s"} & tokens for part in name.split("_"))


def only_corrects(turn: Turn, task: TaskInstance, text: str) -> dict[str, Any]:
    """Read a correction that is nothing else beside, so that it is none of the free words that are asked for."""
    tokens = tokens_of(text)
    if not is_correction(tokens):
        return {}
    values = {name: value for name, value in corrected(turn, task, text).items() if name in task.slots}
    slots = turn.definition(task).slots
    readings = [r for name, v in values.items() for r in read(text, slots[name].shape, turn.setting) if r.value == v]
    covered = {at for reading in readings for at in range(reading.start, reading.end)} | correction_words(tokens)
    rest = {token for at, token in enumerate(tokens) if at not in covered}
    return values if rest <= FILLERS else {}
