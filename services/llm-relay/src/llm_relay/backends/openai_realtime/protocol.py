"""The Realtime conversation of one call, without I/O: server events in, client events out, the listener told.

Dispatch is by the event's `type` alone, in the table at the bottom; types that are not in it are counted and ignored,
and an event whose fields are not as documented harms nothing but itself. Order of events: the API's guide, "Realtime
conversations"; shapes: `openai.types.realtime`.
"""

from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from prometheus_client import Counter

from audio.formats import Format
from chassis.logging import get_logger
from llm_relay.adapters.timers import Timers
from llm_relay.backends.openai_realtime import config, wire
from llm_relay.backends.openai_realtime.responses import REQUEST_ID, Responses, Send
from llm_relay.backends.openai_realtime.speech import Speech
from llm_relay.backends.openai_realtime.turns import CallerTurns
from llm_relay.backends.port import Listener, Part, PastTurn, ToolCall
from opusagent.fsa.v1.fsa_pb2 import Tool

UNKNOWN = Counter("opusagent_relay_realtime_ignored_events_total", "Events of a type that is not acted upon")
MALFORMED = Counter("opusagent_relay_realtime_malformed_events_total", "Events that are not as documented")
ERRORS = Counter("opusagent_relay_realtime_errors_total", "Errors that the model's server reported", ["code"])

HISTORY_TURNS = 60
"""Turns of the conversation so far that a new session is told."""

CONFIGURE_ID = "relay-session"
"""Event id of a session's configuration. Without it the model would speak another format and know no rules."""
OFFER_ID = "relay-tools"
"""Event id of a change of tools. Without it the model calls what it may not, which the engine refuses."""

Json = dict[str, Any]
_log = get_logger(__name__)


class Protocol:
    """Of one call; outlives the sockets that carry it."""

    def __init__(self, session: Json, format: Format, send: Send, listener: Listener, *, timers: Timers) -> None:
        """`session`: what session.update configures."""
        self._session = session
        self._send = send
        self._listener = listener
        self._speech = Speech(format, listener)
        self.turns = CallerTurns(listener, timers)
        self.responses = Responses(send, self._speech, listener, timers)
        # Unix seconds at which the server ends the session; 0 while unknown.
        self.expires_at = 0
        # The server has ended the session by an error.
        self.expired = False
        # Function calls seen in this session, and those not answered yet.
        self._calls: set[str] = set()
        self._unanswered: set[str] = set()

    # ---- the socket

    def connected(self, history: Sequence[PastTurn]) -> None:
        """A new session is there and knows nothing: configure it, and tell it the conversation so far."""
        self.expired = False
        self._send(wire.session_update(CONFIGURE_ID, self._session))
        for turn in history[-HISTORY_TURNS:]:
            self._send(wire.past_turn(turn.text, turn.by_caller))
        self.responses.resumed()

    def lost(self) -> None:
        """The session is over."""
        self._speech.forget()
        self.turns.forget()
        self._calls.clear()
        self._unanswered.clear()
        self.responses.lost()

    def received(self, data: bytes) -> None:
        """One server event."""
        try:
            event = orjson.loads(data)
            handler = _HANDLERS.get(event["type"])
            if handler is None:
                UNKNOWN.inc()
            else:
                handler(self, event)
        except (orjson.JSONDecodeError, Base64Error, KeyError, TypeError, ValueError, AttributeError) as error:
            MALFORMED.inc()
            _log.warning("an event of the model's server is not as documented", error=type(error).__name__)

    @property
    def silent(self) -> bool:
        """Whether nobody speaks and nothing is being made."""
        return self.responses.free and not self.turns.speaking

    def close(self) -> None:
        """The call is over."""
        self.turns.close()
        self.responses.close()

    # ---- the relay's side

    def deliver(self, delivery_id: str, parts: Sequence[Part]) -> None:
        """Bring these to the caller in one response; guidance alone makes none."""
        for note in config.notes(parts):
            self._send(wire.system_text(note))
        directive = config.directive(parts)
        if not directive:
            self._listener.generated(delivery_id)
            return
        response = {"instructions": directive, "tool_choice": "none", "metadata": {"delivery": delivery_id}}
        self.responses.ask(delivery_id, response)

    def offer(self, tools: Sequence[Tool]) -> None:
        """From now on the model may call these; a session that comes later is told them with all else."""
        functions = config.functions(tools)
        if functions != self._session["tools"]:
            self._session["tools"] = functions
            self._send(wire.session_update(OFFER_ID, {"type": "realtime", "tools": functions}))

    def truncate(self, item_id: str, heard_ms: int) -> None:
        """The caller heard this much of an item."""
        audio_end_ms = self._speech.truncation(item_id, heard_ms)
        if audio_end_ms is not None:
            self._send(wire.truncate(item_id, audio_end_ms))

    def answer_tool(self, function_call_id: str, output: str) -> None:
        """Answer a function call of this session."""
        if function_call_id not in self._unanswered:
            return
        self._unanswered.discard(function_call_id)
        self._send(wire.function_output(function_call_id, output))
        if not self._unanswered:
            self.responses.answered()

    # ---- server events

    def _configured(self, event: Json) -> None:
        self.expires_at = int(event["session"].get("expires_at") or 0)

    def _speech_started(self, event: Json) -> None:
        self.responses.turn_began()
        self.turns.started(event)

    def _speech_stopped(self, event: Json) -> None:
        self.responses.turn_ended()
        self.turns.stopped(event)

    def _transcribed(self, event: Json) -> None:
        if not str(event.get("transcript") or "").strip():
            self.responses.no_answer()
        self.turns.transcribed(event)

    def _not_transcribed(self, event: Json) -> None:
        self.turns.not_transcribed(event)

    def _response_created(self, event: Json) -> None:
        self.responses.created(event)

    def _response_done(self, event: Json) -> None:
        for item in (event.get("response") or {}).get("output") or ():
            self._function_called(item)
        self.responses.done(event)

    def _audio(self, event: Json) -> None:
        self._speech.audio(event)

    def _words(self, event: Json) -> None:
        self._speech.words(event)

    def _item_done(self, event: Json) -> None:
        item = event["item"]
        if item.get("type") == "message":
            self._speech.ended(item["id"])
        else:
            self._function_called(item)

    def _function_called(self, item: Json) -> None:
        """A finished function call, told by its item; the same one is told again with its response."""
        call_id = item.get("call_id")
        if item.get("type") != "function_call" or not call_id or call_id in self._calls:
            return
        self._calls.add(call_id)
        self._unanswered.add(call_id)
        self._listener.tool_called(ToolCall(call_id, str(item.get("name")), str(item.get("arguments") or "")))

    def _error(self, event: Json) -> None:
        error = event["error"]
        code = str(error.get("code") or error.get("type") or "unknown")
        ERRORS.labels(code if code in _CODES else "other").inc()
        if code == "conversation_already_has_active_response":
            self.responses.refused()
        elif code == "session_expired":
            self.expired = True
        elif code != "response_cancel_not_active":
            _log.warning("the model's server reports an error", code=code, param=error.get("param"))
            if error.get("event_id") == REQUEST_ID:
                self.responses.rejected()
            elif error.get("event_id") == CONFIGURE_ID:
                _log.error(
                    "the model's server refuses the session; check the OPENAI_ settings", param=error.get("param")
                )
                self._listener.failed("model session refused")


_CODES = frozenset(
    {
        "conversation_already_has_active_response",
        "response_cancel_not_active",
        "session_expired",
        "invalid_value",
        "rate_limit_exceeded",
        "insufficient_quota",
    }
)

_HANDLERS: dict[str, Callable[[Protocol, Json], None]] = {
    "response.output_audio.delta": Protocol._audio,
    "response.output_audio_transcript.delta": Protocol._words,
    "response.output_item.done": Protocol._item_done,
    "response.created": Protocol._response_created,
    "response.done": Protocol._response_done,
    "input_audio_buffer.speech_started": Protocol._speech_started,
    "input_audio_buffer.speech_stopped": Protocol._speech_stopped,
    "conversation.item.input_audio_transcription.completed": Protocol._transcribed,
    "conversation.item.input_audio_transcription.failed": Protocol._not_transcribed,
    "session.created": Protocol._configured,
    "session.updated": Protocol._configured,
    "error": Protocol._error,
}
