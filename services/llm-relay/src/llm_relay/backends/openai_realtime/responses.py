"""The rule of the one active response.

At most one response writes to the conversation at a time. Three things begin one: the caller's turn (the server does
it by itself), a delivery, and the answers to function calls. A response that was asked for is *wanted* until it is
done; it is asked for again when the server refuses it because another is active, and a few times when it failed before
it made a sound. So is the server's own answer to a turn, for which the caller waits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter

from chassis.logging import get_logger
from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.openai_realtime import wire
from llm_relay.backends.openai_realtime.speech import Speech
from llm_relay.backends.port import Listener

RESPONSES = Counter("opusagent_relay_realtime_responses_total", "Responses of the model", ["status"])

AUTOMATIC_MS = 3000
"""How long the server's own response to a turn is waited for before something else may be said."""
CONTINUE_MS = 400
"""How long after the last function call was answered the engine may take to have something better to say."""
ATTEMPTS = 3
RETRY_MS = 500

UNNAMED = "unnamed"
"""Stands for an active response whose id is not known."""
REQUEST_ID = "relay-response"
"""Event id of every request for a response: an error that names it refuses the wanted one."""

Json = dict[str, Any]
Send = Callable[[str], None]
_log = get_logger(__name__)


@dataclass(slots=True)
class Wanted:
    """A response asked for and not yet done."""

    # Empty when it delivers nothing.
    delivery_id: str
    response: Json
    attempts: int = ATTEMPTS


class Responses:
    """Of one call."""

    def __init__(self, send: Send, speech: Speech, listener: Listener, timers: Timers) -> None:
        self._send = send
        self._speech = speech
        self._listener = listener
        self._timers = timers
        self._active = ""
        self._cancelled = False
        self._wanted: Wanted | None = None
        # The wanted one has been created, and is the active one.
        self._created = False
        self._automatic: Cancel | None = None
        self._continue: Cancel | None = None
        self._retry: Cancel | None = None
        self._owes_answer = False
        # The wanted one shall be cancelled as soon as it is created.
        self._unwanted = False

    @property
    def free(self) -> bool:
        """Whether a response can be asked for now."""
        return not self._active and self._wanted is None and self._automatic is None

    def ask(self, delivery_id: str, response: Json) -> None:
        """Ask for a response; only while `free`."""
        self._stop_continuing()
        self._wanted = Wanted(delivery_id, response)
        self._request()

    def _request(self) -> None:
        if self._wanted is not None:
            self._created = False
            self._stop_retrying()
            self._send(wire.response_create(REQUEST_ID, self._wanted.response))

    def created(self, event: Json) -> None:
        """`response.created`. One that carries no delivery of ours, while the server owes one, is the server's own."""
        response = event.get("response") or {}
        self._active = str(response.get("id") or UNNAMED)
        self._speech.audible = False
        self._cancelled = False
        ours = self._wanted is not None and (bool(response.get("metadata")) or self._automatic is None)
        self._no_automatic()
        self._created = ours
        self._speech.delivery_id = self._wanted.delivery_id if ours and self._wanted is not None else ""
        if ours and self._unwanted:
            self.cancel()

    def done(self, event: Json) -> None:
        """`response.done`, whatever became of it."""
        response = event.get("response") or {}
        if self._active and response.get("id") not in (None, self._active) and self._active != UNNAMED:
            return
        status = str(response.get("status") or "completed")
        RESPONSES.labels(status if status in _STATUSES else "other").inc()
        self._active = self._speech.delivery_id = ""
        self._speech.all_ended()
        if self._created:
            self._created = False
            self._conclude(status)
        elif self._wanted is not None:
            self._request()
        elif self._owes_answer:
            self._continue_soon()
        elif status in _UNMADE and not self._speech.audible and not self._cancelled:
            self._wanted = Wanted("", {})
            self._again(self._wanted, status)
        self._listener.freed()

    def _conclude(self, status: str) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        if status in _UNMADE and not self._speech.audible and wanted.attempts > 1:
            self._again(wanted, status)
            return
        self._wanted = None
        self._unwanted = False
        if wanted.delivery_id:
            self._listener.generated(wanted.delivery_id)

    def _again(self, wanted: Wanted, status: str) -> None:
        wanted.attempts -= 1
        wait_ms = RETRY_MS * 2 ** (ATTEMPTS - 1 - wanted.attempts)
        _log.warning("a response of the model failed, asking again", status=status, wait_ms=wait_ms)
        self._retry = self._timers.at(self._timers.now_ms() + wait_ms, self._request)

    def turn_began(self) -> None:
        """The caller speaks: the server cancels the active response, and answers the newer turn."""
        self._no_automatic()
        if self._retry is not None and self._wanted is not None and not self._wanted.delivery_id:
            self._stop_retrying()
            self._wanted = None
        self._stop_continuing()
        self._drop_active()
        self._speech.interrupted()

    def turn_ended(self) -> None:
        """The caller has spoken: the server answers by itself."""
        self._no_automatic()
        self._automatic = self._timers.at(self._timers.now_ms() + AUTOMATIC_MS, self.no_answer)

    def no_answer(self) -> None:
        """The server will not answer the turn, or has taken too long to."""
        if self._automatic is not None:
            self._no_automatic()
            self._listener.freed()

    def refused(self) -> None:
        """The wanted response was refused since another is active: it is asked for again when that one is done."""
        if self._wanted is not None and not self._active:
            self._active = UNNAMED

    def rejected(self) -> None:
        """The wanted response was refused for what it is: asking again would not help."""
        wanted, self._wanted = self._wanted, None
        self._unwanted = False
        if wanted is not None and wanted.delivery_id:
            self._listener.generated(wanted.delivery_id)
        self._listener.freed()

    def cancel(self) -> None:
        """Stop the active response, if it is not being stopped already."""
        self._stop_continuing()
        if self._wanted is not None and not self._created:
            self._unwanted = True
        if self._active and not self._cancelled:
            self._drop_active()
            self._send(wire.response_cancel())

    def _drop_active(self) -> None:
        if self._active:
            self._cancelled = True
            self._speech.drop(self._active)

    def answered(self) -> None:
        """All function calls were answered: the model goes on talking, unless there is something to deliver."""
        self._owes_answer = True
        if not self._active:
            self._continue_soon()

    def _continue_soon(self) -> None:
        self._stop_continuing()
        self._continue = self._timers.at(self._timers.now_ms() + CONTINUE_MS, self._go_on)

    def _go_on(self) -> None:
        self._continue = None
        if self.free:
            self.ask("", {})

    def _stop_continuing(self) -> None:
        self._owes_answer = False
        if self._continue is not None:
            self._continue()
            self._continue = None

    def _stop_retrying(self) -> None:
        if self._retry is not None:
            self._retry()
            self._retry = None

    def _no_automatic(self) -> None:
        if self._automatic is not None:
            self._automatic()
            self._automatic = None

    def lost(self) -> None:
        """The session is over, and its active response with it."""
        self._no_automatic()
        self._stop_continuing()
        self._active = self._speech.delivery_id = ""
        wanted = self._wanted
        if wanted is not None and self._created and self._speech.audible:
            self._wanted = None
            if wanted.delivery_id:
                self._listener.generated(wanted.delivery_id)

    def resumed(self) -> None:
        """Another session is there: what was wanted is asked of it."""
        self._request()
        if self.free:
            self._listener.freed()

    def close(self) -> None:
        """The call is over."""
        self._wanted = None
        self._no_automatic()
        self._stop_continuing()
        self._stop_retrying()


_UNMADE = frozenset({"failed", "incomplete"})
_STATUSES = frozenset({"completed", "cancelled", "failed", "incomplete"})
