"""The caller's end of a call: what the gateway is to relay and engine, without sound and without waiting for it."""

from collections.abc import Callable

from chassis.bus import Bus, Headers
from chassis.ids import Clock
from gateway.posting import Poster
from opusagent.call.v1.call_pb2 import EndReason, TransferOutcome
from opusagent.media.v1.inbox_pb2 import AgentAudio, GatewayInbox, GatewayItem
from opusagent.session.v1.session_pb2 import OpenCallResponse
from simulator.realtime.spelling import spelled

_BYTES_PER_MS = 8


class Phone:
    """Of one call. `heard`: what the agent said, one text an item, "(hangs up)" and "(transfers)" too."""

    def __init__(self, bus: Bus, clock: Clock, opened: OpenCallResponse) -> None:
        self.call = opened.call
        self.heard: list[str] = []
        # Only the engine hears the caller.
        self.private = opened.caller_private
        self._poster = Poster(bus, clock, opened.call, opened.route, opened.session_key)
        self._items: dict[str, list[AgentAudio]] = {}
        self._media_ms = 0
        self._poster.opened(False, 0)

    def take(self, record: bytes, headers: Headers) -> None:
        """Take a record of the gateway's inbox."""
        for item in GatewayInbox.FromString(record).items:
            handler = _HANDLERS.get(item.WhichOneof("body") or "")
            if item.head.call_id == self.call.call_id and handler is not None:
                handler(self, item)

    def say(self, words: str) -> bool:
        """Say something; return whether anybody but the engine may hear it."""
        if self.private:
            return False
        turn = spelled(words)
        turn += b"\xff" * (-len(turn) % (20 * _BYTES_PER_MS))
        self._poster.caller_audio(self._media_ms, turn)
        self._media_ms += len(turn) // _BYTES_PER_MS
        return True

    def press(self, digit: str) -> None:
        """Press a key."""
        self._poster.key(digit, self._media_ms, private=self.private)

    def transferred(self, outcome: TransferOutcome) -> None:
        """Say what became of a transfer."""
        self._poster.transferred(outcome, "")

    def close(self, reason: EndReason) -> None:
        """The leg has ended."""
        self._poster.closed(reason)

    def _audio(self, item: GatewayItem) -> None:
        item_id = item.audio.item_id
        pieces = self._items.setdefault(item_id, [])
        pieces.append(item.audio)
        if item.audio.last:
            del self._items[item_id]
            self.heard.append("".join(piece.transcript for piece in pieces))
            # The media goes on while the agent speaks: what is said next begins after what was heard.
            heard_ms = sum(len(piece.audio) for piece in pieces) // _BYTES_PER_MS
            self._silence(heard_ms)
            self._poster.heard(item_id, heard_ms, ended=True, flushed=False)

    def _silence(self, milliseconds: int) -> None:
        self._poster.caller_audio(self._media_ms, b"\xff" * (milliseconds * _BYTES_PER_MS))
        self._media_ms += milliseconds

    def _flush(self, item: GatewayItem) -> None:
        for item_id in list(self._items):
            del self._items[item_id]
            self._poster.heard(item_id, 0, ended=True, flushed=True)

    def _privacy(self, item: GatewayItem) -> None:
        self.private = item.privacy.on

    def _over(self, item: GatewayItem) -> None:
        self.heard.append("(hangs up)" if item.WhichOneof("body") == "hang_up" else "(transfers)")


_HANDLERS: dict[str, Callable[[Phone, GatewayItem], None]] = {
    "audio": Phone._audio,
    "flush": Phone._flush,
    "privacy": Phone._privacy,
    "hang_up": Phone._over,
    "transfer": Phone._over,
}
