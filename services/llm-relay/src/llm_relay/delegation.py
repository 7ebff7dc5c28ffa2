"""Function calls of the model become events of the engine.

The model is answered at once, so that the conversation never stops; what the task says comes later as outputs. With
every call go the caller's own words of the turn that led to it: when they are still being transcribed, the event waits
for them, but not for long. A call of what the engine does not offer now goes to the engine like any other, which
refuses it and keeps it on record; it is not taken for an answer to what the caller said.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client import Counter

from chassis.logging import get_logger
from llm_relay.adapters.engine import EngineLink, utterance
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import ModelSession, Said, ToolCall
from llm_relay.domain.turns import Caller, Floor
from opusagent.fsa.v1.fsa_pb2 import AnswerTask, CancelTask, StartTask, Tool, TurnBegin, Utterance

TOOL_CALLS = Counter("opusagent_relay_tool_calls_total", "Function calls of the model", ["name", "outcome"])

WORDS_MS = 1500
"""How long a function call waits for the transcript of the caller's turn."""

ACCEPTED = "Accepted. Go on with the conversation: what the task needs or finds is given to you. Announce no result."
NOT_UNDERSTOOD = "Not accepted: the arguments are not a JSON object with the fields that the function declares."
NO_WORDS = "Not accepted: what the caller said was not understood. Ask the caller to say it again."
NOT_OFFERED = "Not accepted: it cannot be called now. Call only the functions that you have."

_log = get_logger(__name__)
_Arguments = Mapping[str, Any]


class Refused(Exception):
    """A function call that cannot be passed on; its text goes to the model."""


class Delegation:
    """Of one call."""

    def __init__(
        self,
        call_id: str,
        engine: EngineLink,
        floor: Floor,
        timers: Timers,
        *,
        on_event: Callable[[str], None],
        begin: Callable[[Said], TurnBegin],
    ) -> None:
        """`on_event`: told the id of each event that may answer the caller's turn; `begin`: when a turn began."""
        self._begin_of = begin
        self._call_id = call_id
        self._engine = engine
        self._floor = floor
        self._timers = timers
        self._on_event = on_event
        self.session: ModelSession | None = None
        # What the model may call now.
        self.tools: Sequence[Tool] = ()
        # The caller's latest turn; None when it had no words, or has none yet.
        self._said: Said | None = None
        self._waiting: list[tuple[ToolCall, Cancel]] = []

    @property
    def idle(self) -> bool:
        """Whether no function call waits for words."""
        return not self._waiting

    def turn_began(self) -> None:
        """The caller speaks: what he said before is no answer to anything that comes now."""
        self._said = None

    def called(self, call: ToolCall) -> None:
        """The model calls a function."""
        if self._floor.caller is Caller.SILENT:
            self._pass_on(call)
            return
        moment_ms = self._timers.now_ms() + WORDS_MS
        self._waiting.append((call, self._timers.at(moment_ms, self._flush)))

    def heard(self, said: Said | None) -> None:
        """The caller's latest turn; None when it had no words."""
        self._said = said
        self._flush()

    def close(self) -> None:
        """The call is over."""
        for _, cancel in self._waiting:
            cancel()
        self._waiting.clear()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for call, cancel in waiting:
            cancel()
            self._pass_on(call)

    def _pass_on(self, call: ToolCall) -> None:
        outcome, answer = "accepted", ACCEPTED
        try:
            event = self._event(call)
            event_id = f"{self._call_id}/f{call.function_call_id}"
            self._engine.post(event_id, **event.body)
            if event.offered:
                self._on_event(event_id)
            else:
                outcome, answer = "refused", NOT_OFFERED
        except Refused as refusal:
            outcome, answer = "refused", str(refusal)
        if outcome == "refused":
            _log.warning("a function call of the model is refused", why=answer)
        TOOL_CALLS.labels(call.name if call.name in _FUNCTIONS else "unknown", outcome).inc()
        if self.session is not None:
            self.session.answer_tool(call.function_call_id, answer)

    def _event(self, call: ToolCall) -> "_Event":
        make = _FUNCTIONS.get(call.name)
        if make is None:
            # On record as the task that the model wanted: the engine knows none of that name.
            start = StartTask(
                task=call.name, caller_words=self._words, function_call_id=call.function_call_id, begin=self._begin
            )
            return _Event({"start": start}, offered=False)
        try:
            arguments = orjson.loads(call.arguments_json or b"{}")
        except orjson.JSONDecodeError:
            raise Refused(NOT_UNDERSTOOD) from None
        if not isinstance(arguments, dict):
            raise Refused(NOT_UNDERSTOOD)
        return make(self, call.function_call_id, arguments)

    def _start(self, function_call_id: str, arguments: _Arguments) -> "_Event":
        task, values = arguments.get("task"), arguments.get("arguments", {})
        if not isinstance(task, str) or not isinstance(values, dict):
            raise Refused(NOT_UNDERSTOOD)
        start = StartTask(
            task=task,
            arguments_json=orjson.dumps(values).decode(),
            caller_words=self._words,
            function_call_id=function_call_id,
            begin=self._begin,
        )
        return _Event({"start": start}, task in self._offered("start_task", "task"))

    def _answer(self, function_call_id: str, arguments: _Arguments) -> "_Event":
        task_id, offered = self._meant("answer_task", arguments)
        if offered and not task_id:
            return _Event({"utterance": self._own_words()}, offered)
        answer = arguments.get("answer", "")
        text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
        event = AnswerTask(
            task_id=task_id,
            answer=text,
            caller_words=self._words,
            function_call_id=function_call_id,
            begin=self._begin,
        )
        return _Event({"answer": event}, offered)

    def _own_words(self) -> Utterance:
        """A question of the conversation is answered by nothing but what the caller said."""
        if self._said is None:
            raise Refused(NO_WORDS)
        return utterance(self._said, self._begin_of(self._said))

    @property
    def _begin(self) -> TurnBegin | None:
        return self._begin_of(self._said) if self._said is not None else None

    @property
    def _words(self) -> str:
        return self._said.text if self._said is not None else ""

    def _cancel(self, function_call_id: str, arguments: _Arguments) -> "_Event":
        task_id, offered = self._meant("cancel_task", arguments)
        event = CancelTask(
            task_id=task_id, caller_words=self._words, function_call_id=function_call_id, begin=self._begin
        )
        return _Event({"cancel": event}, offered)

    def _meant(self, function: str, arguments: _Arguments) -> tuple[str, bool]:
        """The task that is meant, and whether it is on offer: the one named, or else the only one there is."""
        named = str(arguments.get("task_id") or "")
        offered = self._offered(function, "task_id")
        if named in offered or not offered:
            return named, bool(offered)
        return (offered[0], True) if len(offered) == 1 else (named, False)

    def _offered(self, function: str, argument: str) -> list[str]:
        """The values that an argument of a function may have now; none where the function is not on offer."""
        tool = next((tool for tool in self.tools if tool.name == function), None)
        if tool is None:
            return []
        properties = orjson.loads(tool.parameters_schema_json).get("properties", {})
        return list(properties.get(argument, {}).get("enum", ()))


@dataclass(frozen=True, slots=True)
class _Event:
    """What a function call becomes; `body` names one body of FsaItem."""

    body: Mapping[str, Any]
    offered: bool


_FUNCTIONS: Mapping[str, Callable[[Delegation, str, _Arguments], _Event]] = {
    "start_task": Delegation._start,
    "answer_task": Delegation._answer,
    "cancel_task": Delegation._cancel,
}
