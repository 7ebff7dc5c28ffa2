"""Function calls of the model become events of the engine.

The model is answered at once, so that the conversation never stops; what the task says comes later as outputs. With
every call go the caller's own words of the turn that led to it: when they are still being transcribed, the event waits
for them, but not for long.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from prometheus_client import Counter

from chassis.logging import get_logger
from llm_relay.adapters.engine import EngineLink, utterance
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import ModelSession, Said, ToolCall
from llm_relay.domain.outputs import kind
from llm_relay.domain.turns import Caller, Floor
from opusagent.fsa.v1.fsa_pb2 import AnswerTask, CancelTask, Output, StartTask, Utterance

TOOL_CALLS = Counter("opusagent_relay_tool_calls_total", "Function calls of the model", ["name", "outcome"])

WORDS_MS = 1500
"""How long a function call waits for the transcript of the caller's turn."""

ACCEPTED = "Accepted. Go on with the conversation: what the task needs or finds is given to you. Announce no result."
NOT_UNDERSTOOD = "Not accepted: the arguments are not a JSON object with the fields that the function declares."
NO_TASK = "Not accepted: no task is open. Use start_task."
NO_WORDS = "Not accepted: what the caller said was not understood. Ask the caller to say it again."
UNKNOWN_FUNCTION = "Not accepted: there is no such function."

_log = get_logger(__name__)
_Arguments = Mapping[str, Any]


class Refused(Exception):
    """A function call that cannot be passed on; its text goes to the model."""


class Delegation:
    """Of one call."""

    def __init__(
        self, call_id: str, engine: EngineLink, floor: Floor, timers: Timers, on_event: Callable[[str], None]
    ) -> None:
        """`on_event`: told the id of each event that a function call became."""
        self._call_id = call_id
        self._engine = engine
        self._floor = floor
        self._timers = timers
        self._on_event = on_event
        self.session: ModelSession | None = None
        # The caller's latest turn; None when it had no words.
        self._said: Said | None = None
        self._waiting: list[tuple[ToolCall, Cancel]] = []
        # Open tasks, and the one whose question was put last; empty for a question of the conversation.
        self._tasks: set[str] = set()
        self._asked: str | None = None

    @property
    def idle(self) -> bool:
        """Whether no function call waits for words."""
        return not self._waiting

    def learn(self, outputs: Iterable[Output]) -> None:
        """Remember which tasks are open, and whose question was put last."""
        for output in outputs:
            if kind(output) == "ask":
                self._asked = output.task_id
            if kind(output) in ("result", "failed"):
                self._tasks.discard(output.task_id)
                self._asked = None
            elif output.task_id:
                self._tasks.add(output.task_id)

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
            event_id = f"{self._call_id}/f{call.function_call_id}"
            self._engine.post(event_id, **self._event(call))
            self._on_event(event_id)
        except Refused as refusal:
            outcome, answer = "refused", str(refusal)
            _log.warning("a function call of the model cannot be passed on", why=answer)
        TOOL_CALLS.labels(call.name if call.name in _FUNCTIONS else "unknown", outcome).inc()
        if self.session is not None:
            self.session.answer_tool(call.function_call_id, answer)

    def _event(self, call: ToolCall) -> dict[str, Any]:
        make = _FUNCTIONS.get(call.name)
        if make is None:
            raise Refused(UNKNOWN_FUNCTION)
        try:
            arguments = orjson.loads(call.arguments_json or b"{}")
        except orjson.JSONDecodeError:
            raise Refused(NOT_UNDERSTOOD) from None
        if not isinstance(arguments, dict):
            raise Refused(NOT_UNDERSTOOD)
        return make(self, call.function_call_id, arguments)

    def _start(self, function_call_id: str, arguments: _Arguments) -> dict[str, Any]:
        task, values = arguments.get("task"), arguments.get("arguments", {})
        if not isinstance(task, str) or not isinstance(values, dict):
            raise Refused(NOT_UNDERSTOOD)
        start = StartTask(
            task=task,
            arguments_json=orjson.dumps(values).decode(),
            caller_words=self._words,
            function_call_id=function_call_id,
        )
        return {"start": start}

    def _answer(self, function_call_id: str, arguments: _Arguments) -> dict[str, Any]:
        answer = arguments.get("answer")
        if answer is None:
            raise Refused(NOT_UNDERSTOOD)
        task_id = self._task(arguments)
        if not task_id:
            return {"utterance": self._own_words()}
        text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
        event = AnswerTask(task_id=task_id, answer=text, caller_words=self._words, function_call_id=function_call_id)
        return {"answer": event}

    def _own_words(self) -> Utterance:
        """A question of the conversation is answered by nothing but what the caller said."""
        if self._said is None:
            raise Refused(NO_WORDS)
        return utterance(self._said)

    @property
    def _words(self) -> str:
        return self._said.text if self._said is not None else ""

    def _cancel(self, function_call_id: str, arguments: _Arguments) -> dict[str, Any]:
        task_id = self._task(arguments)
        if not task_id:
            raise Refused(NO_TASK)
        return {"cancel": CancelTask(task_id=task_id, caller_words=self._words, function_call_id=function_call_id)}

    def _task(self, arguments: _Arguments) -> str:
        """The task that is meant: the one named, or the one whose question is open; empty for the conversation's."""
        named = arguments.get("task_id")
        if isinstance(named, str) and named in self._tasks:
            return named
        if self._asked is None:
            raise Refused(NO_TASK)
        return self._asked


_FUNCTIONS = {
    "start_task": Delegation._start,
    "answer_task": Delegation._answer,
    "cancel_task": Delegation._cancel,
}
