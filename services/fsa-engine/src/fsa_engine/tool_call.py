"""A tool call as an intent holds it, and as the log may show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from fsa_engine.domain.rules import Rule, RuleError, Rules
from fsa_engine.standing import DEFAULT_TIMEOUT_MS, limit_ms

MASK = "***"
HAPPENED = "result.found"


@dataclass(frozen=True)
class Lookup:
    """How to find out whether a write took effect. `happened`: a CEL rule over the `result` of the lookup tool."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    seconds: float
    happened: str

    @staticmethod
    def of(payload: Mapping[str, Any], intent_id: str) -> "Lookup":
        """Decode the `lookup` of an intent's payload."""
        key = {payload["key_argument"]: intent_id} if payload.get("key_argument") else {}
        return Lookup(
            server=payload["server"],
            tool=payload["tool"],
            arguments={**(payload.get("arguments") or {}), **key},
            seconds=(payload.get("timeout_ms") or DEFAULT_TIMEOUT_MS) / 1000,
            happened=payload.get("happened") or HAPPENED,
        )

    def tells(self, value: Any, now: datetime) -> bool | None:
        """Return whether a result of the lookup tool says that the write happened; None: it does not say."""
        result = value if isinstance(value, dict) else {"result": value}
        try:
            rule = _rule(self.happened)
        except RuleError:
            return None
        verdict = rule.run(_rules().values({}, {"result": result}, now))
        return verdict.value if isinstance(verdict.value, bool) else None


@dataclass(frozen=True)
class ToolCall:
    """The payload of an intent of kind "tool" (see `fsa_engine.domain.outputs.Intent`)."""

    intent_id: str
    server: str
    tool: str
    arguments: Mapping[str, Any]
    write: bool
    settle: str
    lookup: Lookup | None
    seconds: float
    sensitive: frozenset[str]
    result_sensitive: bool

    @staticmethod
    def of(intent_id: str, payload: Mapping[str, Any]) -> "ToolCall":
        """Decode an intent's payload. Raises ValueError, KeyError when it is no tool call."""
        lookup = payload.get("lookup")
        return ToolCall(
            intent_id=intent_id,
            server=payload["server"],
            tool=payload["tool"],
            arguments=payload.get("arguments") or {},
            write=bool(payload.get("write")),
            settle=payload.get("settle") or "",
            lookup=Lookup.of(lookup, intent_id) if lookup else None,
            seconds=limit_ms(payload) / 1000,
            sensitive=frozenset(payload.get("sensitive") or ()),
            result_sensitive=bool(payload.get("result_sensitive")),
        )


def shown_arguments(call: ToolCall) -> Any:
    """Return a call's arguments as the log may show them."""
    return masked(call.arguments, call.sensitive)


def shown_result(call: ToolCall, value: Any) -> Any:
    """Return a call's result as the log may show it."""
    return MASK if call.result_sensitive else masked(value, call.sensitive)


def masked(value: Any, sensitive: frozenset[str]) -> Any:
    """Return JSON with the values of all keys named in `sensitive` replaced, at any depth."""
    if isinstance(value, Mapping):
        return {key: MASK if key in sensitive else masked(item, sensitive) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, sensitive) for item in value]
    return value


@lru_cache(maxsize=1)
def _rules() -> Rules:
    return Rules({})


@lru_cache(maxsize=256)
def _rule(text: str) -> Rule:
    return _rules().compile(text)
