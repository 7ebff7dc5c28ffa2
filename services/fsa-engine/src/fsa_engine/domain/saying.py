"""How a slot's value is said back to the caller, by the slot's own policy."""

from datetime import datetime
from typing import Any

from fsa_engine.domain.definition import Slot
from fsa_engine.domain.understanding.spoken import joined, spelled, spoken


def said(name: str, slot: Slot, value: Any, now: datetime, preposition: str = "") -> str:
    """Say a value: plainly, spelled, by its last four characters, or only by its name."""
    if slot.said_as == "hidden":
        return f"your {name.replace('_', ' ')}"
    if slot.said_as == "last4":
        return f"ending in {spelled(str(value)[-4:])}" if len(str(value)) > 4 else f"your {name.replace('_', ' ')}"
    if slot.said_as == "spelled":
        return spelled(value)
    if slot.type == "list" and slot.from_ == "caller":
        return joined([spoken(item, slot.of, now, currency=slot.currency) for item in value])
    return spoken(value, slot.type, now, preposition, slot.of, currency=slot.currency)
