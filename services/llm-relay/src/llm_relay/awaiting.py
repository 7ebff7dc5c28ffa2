"""Which answer of the engine the agent waits for before it says anything.

After the caller's words, a key or a silence the agent holds back until the engine has answered, but not for long. In a
gated state of a conversing model every turn of the caller needs an answer: the model's function call asks for it, and
where the model calls none, the caller's own words do. There the agent holds back for as long as it takes.
"""

from collections.abc import Callable

from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.agent import Agent
from llm_relay.backends.port import Said

HOLD_MS = 1500
"""How long outputs wait for the engine's answer to the caller's latest words before they are said without it."""
GATED_HOLD_MS = 15_000
"""The same in a gated state: only for an engine that answers nothing any more."""


class Awaiting:
    """Of one call. `settle` is called when the agent need not hold back any longer."""

    def __init__(self, agent: Agent, timers: Timers, settle: Callable[[], None]) -> None:
        self._agent = agent
        self._timers = timers
        self._settle = settle
        # An event id; a prefix of it for keys, which the gateway numbers.
        self._event = ""
        self._cancel: Cancel | None = None
        # A turn in a gated state of which the engine does not know yet.
        self._unasked = False
        self._said: Said | None = None

    def answers(self, event_id: str) -> bool:
        """Whether the answer to this event is waited for."""
        return bool(self._event) and event_id.startswith(self._event)

    def event(self, event_id: str) -> None:
        """Wait for the answer to an event."""
        self._event = event_id
        self._unasked = False
        self._hold(GATED_HOLD_MS if self._agent.gated else HOLD_MS)

    def turn_began(self) -> None:
        """The caller speaks to a conversing model: in a gated state the engine has to answer him."""
        if self._agent.gated:
            self._unasked = True
            self._said = None
            self._event = ""
            self._hold(GATED_HOLD_MS)

    def asked(self, event_id: str) -> None:
        """A function call of the model was passed on: in a gated state its answer is the answer to the turn."""
        if self._agent.gated:
            self.event(event_id)

    def said(self, said: Said) -> None:
        """The caller's words of the turn."""
        self._said = said

    @property
    def words_to_ask_with(self) -> Said | None:
        """The caller's words, where nothing else asks the engine about them."""
        return self._said if self._unasked else None

    def nothing_said(self) -> bool:
        """The turn had no words, or meant nothing: it needs no answer. Returns whether it would have needed one."""
        unasked, self._unasked = self._unasked, False
        if unasked:
            self.over()
        return unasked

    def over(self) -> None:
        """The answer is there, or is not needed."""
        self._agent.holding = False
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def _hold(self, milliseconds: int) -> None:
        self._agent.holding = True
        if self._cancel is not None:
            self._cancel()
        self._cancel = self._timers.at(self._timers.now_ms() + milliseconds, self._given_up)

    def _given_up(self) -> None:
        self._unasked = False
        self.over()
        self._settle()
