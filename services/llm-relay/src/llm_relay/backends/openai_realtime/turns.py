"""The caller's turns, as the server's voice activity detection and its transcription report them.

Transcripts are asynchronous: they may come before, during or after the answer, out of order, or not at all. Each turn
is reported exactly once all the same: with its words, or as unclear when transcription failed or took too long.
"""

from dataclasses import dataclass
from typing import Any

from llm_relay.adapters.timers import Cancel, Timers
from llm_relay.backends.port import Listener, Said

Json = dict[str, Any]

TRANSCRIPT_MS = 5000
"""How long a transcript may take after the end of speech."""


@dataclass(slots=True)
class Turn:
    """One turn of the caller; positions in caller media."""

    started_ms: int
    ended_ms: int = 0
    give_up: Cancel | None = None


class CallerTurns:
    """Of one call."""

    def __init__(self, listener: Listener, timers: Timers) -> None:
        self._listener = listener
        self._timers = timers
        self._turns: dict[str, Turn] = {}
        self.speaking = False
        # What the server counts from 0 at the first byte written to it begins here in the caller's media.
        self.offset_ms = 0

    def started(self, event: Json) -> None:
        """`input_audio_buffer.speech_started`."""
        self.speaking = True
        started_ms = max(0, self.offset_ms + int(event.get("audio_start_ms") or 0))
        self._turns[str(event.get("item_id"))] = Turn(started_ms)
        self._listener.caller_started(started_ms)
        self._listener.caller_interrupts()

    def stopped(self, event: Json) -> None:
        """`input_audio_buffer.speech_stopped`."""
        self.speaking = False
        item_id = str(event.get("item_id"))
        turn = self._turns.get(item_id)
        if turn is None:
            return
        turn.ended_ms = max(turn.started_ms, self.offset_ms + int(event.get("audio_end_ms") or 0))
        turn.give_up = self._timers.at(self._timers.now_ms() + TRANSCRIPT_MS, lambda: self._settle(item_id, ""))
        self._listener.caller_stopped(turn.ended_ms)

    def transcribed(self, event: Json) -> None:
        """`conversation.item.input_audio_transcription.completed`."""
        self._settle(str(event.get("item_id")), str(event.get("transcript") or ""))

    def not_transcribed(self, event: Json) -> None:
        """`conversation.item.input_audio_transcription.failed`."""
        self._settle(str(event.get("item_id")), "")

    def forget(self) -> None:
        """The session is over: no transcript will come any more."""
        self.speaking = False
        for item_id in list(self._turns):
            self._settle(item_id, "")

    def close(self) -> None:
        """The call is over: nothing is reported any more."""
        for turn in self._turns.values():
            if turn.give_up is not None:
                turn.give_up()
        self._turns.clear()

    def _settle(self, item_id: str, words: str) -> None:
        turn = self._turns.pop(item_id, None)
        if turn is None:
            return
        if turn.give_up is not None:
            turn.give_up()
        else:
            self._listener.caller_stopped(turn.started_ms)
        if words.strip():
            self._listener.caller_said(Said(words.strip(), turn.started_ms, turn.ended_ms or turn.started_ms))
        else:
            self._listener.caller_unclear()
