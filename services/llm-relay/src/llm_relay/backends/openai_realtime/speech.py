"""The model's speech: audio and words of each item, in the order of the socket, to the listener.

An item begins with its first audio: a server that sends audio without the events around it is understood too. Audio of
a response that was cancelled may still arrive and is dropped.
"""

from binascii import a2b_base64
from collections import OrderedDict
from typing import Any

from audio.formats import Format
from llm_relay.backends.port import Listener

Json = dict[str, Any]

REMEMBERED = 64
"""Items whose length is kept for truncation, and cancelled responses whose late audio is known as such."""


class Speech:
    """Of one call."""

    def __init__(self, format: Format, listener: Listener) -> None:
        self._bytes_per_ms = format.bytes_per_ms
        self._listener = listener
        # Delivery that the active response carries; empty for speech of the model's own accord.
        self.delivery_id = ""
        # Whether the active response has made a sound.
        self.audible = False
        self._open: set[str] = set()
        self._words: dict[str, str] = {}
        # Bytes made of each item.
        self._made: OrderedDict[str, int] = OrderedDict()
        self._dropped: OrderedDict[str, None] = OrderedDict()
        # Distinguishes what is said before and after an interruption where the server names no items.
        self._unnamed = 0

    def interrupted(self) -> None:
        """What comes from now on belongs to no item that was begun before, where the server names none."""
        self._unnamed += 1

    def drop(self, response_id: str) -> None:
        """A response is cancelled: no late audio of it shall be heard."""
        self._dropped[response_id] = None
        if len(self._dropped) > REMEMBERED:
            self._dropped.popitem(last=False)

    def audio(self, event: Json) -> None:
        """`response.output_audio.delta`. Raises binascii.Error or KeyError for one that is malformed."""
        if event.get("response_id") in self._dropped:
            return
        audio = a2b_base64(event["delta"])
        item_id = event.get("item_id") or f"unnamed-{self._unnamed}"
        if item_id not in self._open:
            self._begin(item_id)
        self.audible = True
        self._made[item_id] += len(audio)
        self._listener.item_audio(item_id, audio, self._words.pop(item_id, "") if self._words else "", False)

    def _begin(self, item_id: str) -> None:
        self._open.add(item_id)
        self._made.setdefault(item_id, 0)
        if len(self._made) > REMEMBERED:
            self._made.popitem(last=False)
        if self.delivery_id:
            self._listener.item_begun(item_id, self.delivery_id)

    def words(self, event: Json) -> None:
        """`response.output_audio_transcript.delta`: goes with the next audio of its item."""
        if event.get("response_id") not in self._dropped:
            item_id = event["item_id"]
            self._words[item_id] = self._words.get(item_id, "") + event["delta"]

    def ended(self, item_id: str) -> None:
        """Nothing more of an item follows."""
        words = self._words.pop(item_id, "")
        if item_id in self._open:
            self._open.discard(item_id)
            self._listener.item_audio(item_id, b"", words, True)

    def all_ended(self) -> None:
        """Nothing more of the active response follows."""
        for item_id in list(self._open):
            self.ended(item_id)
        self._words.clear()

    def forget(self) -> None:
        """Another session begins, which knows nothing of the items so far."""
        self.all_ended()
        self._made.clear()

    def truncation(self, item_id: str, heard_ms: int) -> int | None:
        """Where to truncate an item, never beyond what was made of it; None when this session knows no such item."""
        made = self._made.get(item_id)
        return None if made is None else min(heard_ms, made // self._bytes_per_ms)
