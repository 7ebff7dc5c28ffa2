"""Whose an open intent is: written into the saved intent itself, so that whoever loads the session can tell.

A try is one call that must not be made twice. It is saved before it is made, with the process that makes it and the
time by which it is certainly over. Taking an intent over from another process is a save as well, computed from the
version that was loaded: of two that want to, one succeeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from fsa_engine.wire import canonical
from opusagent.session.v1.session_pb2 import Intent

MARK = "trying"
"""Key of the mark in an intent's payload."""

DEFAULT_TIMEOUT_MS = 5000


@dataclass(frozen=True)
class Standing:
    """The latest try. `process`: names one life of a process; `until_ms`: Unix milliseconds; `number`: from 1."""

    process: str = ""
    until_ms: int = 0
    number: int = 0


def standing(intent: Intent) -> Standing:
    """Return the latest try of a saved intent; one that bears no mark was tried by nobody knows whom."""
    mark = payload_of(intent).get(MARK) or {}
    return Standing(str(mark.get("process", "")), int(mark.get("until_ms", 0)), int(mark.get("number", 0)))


def marked(intent: Intent, latest: Standing) -> Intent:
    """Return the intent with a mark of its latest try."""
    mark = {"process": latest.process, "until_ms": latest.until_ms, "number": latest.number}
    payload = {**payload_of(intent), MARK: mark}
    return Intent(intent_id=intent.intent_id, kind=intent.kind, payload_json=canonical(payload))


def payload_of(intent: Intent) -> Mapping[str, Any]:
    """Decode what an intent is about. Raises ValueError."""
    payload = orjson.loads(intent.payload_json or "{}")
    if not isinstance(payload, dict):
        raise ValueError("the payload is no JSON object")
    return payload


def limit_ms(payload: Mapping[str, Any]) -> int:
    """Return how long one try of an intent may take, milliseconds."""
    return int(payload.get("timeout_ms") or payload.get("budget_ms") or DEFAULT_TIMEOUT_MS)
