"""What relay and engine tell the gateway: items of the gateway-inbox, each to the call that it is for.

The table at the bottom is what this service does for the others.
"""

from collections.abc import Callable

from chassis import unknown
from chassis.bus import Headers
from chassis.heads import Gate
from chassis.logging import get_logger
from gateway import metrics
from gateway.domain.transfer import is_target
from gateway.live_call import LiveCall
from gateway.switchboard import Switchboard
from opusagent.call.v1.call_pb2 import END_REASON_TRANSFERRED, TransferCall
from opusagent.media.v1.inbox_pb2 import SENDER_ENGINE, GatewayInbox, GatewayItem

SERVICE = "gateway"

Handler = Callable[[LiveCall, GatewayItem], None]
_log = get_logger(__name__)


class InboxRouter:
    """Takes the records of this gateway's slot."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._gate = Gate(SERVICE)

    def __call__(self, record: bytes, headers: Headers) -> None:
        """Take one record; a bad item harms no other."""
        inbox = unknown.parse(GatewayInbox, record, SERVICE)
        if inbox is None:
            return
        for item in inbox.items:
            self._take(item)

    def _take(self, item: GatewayItem) -> None:
        call = self._switchboard.get(item.head.call_id)
        if call is None:
            metrics.STRAY_ITEMS.inc()
            return
        if not self._gate.admit(item.head):
            return
        body = unknown.body(item, SERVICE)
        if body is None:
            return
        try:
            HANDLERS[body](call, item)
        except Exception:
            _log.exception("an inbox item could not be handled", body=body, call_id=item.head.call_id)

    def forget(self, call_id: str) -> None:
        """Forget what was seen of a call that is over."""
        self._gate.forget(call_id)


def _audio(call: LiveCall, item: GatewayItem) -> None:
    audio = item.audio
    call.play(audio.item_id, audio.audio, audio.last)


def _flush(call: LiveCall, item: GatewayItem) -> None:
    call.flush()


def _speech(call: LiveCall, item: GatewayItem) -> None:
    call.speech(item.speech.phase)


def _transcript(call: LiveCall, item: GatewayItem) -> None:
    call.transcript(item.transcript.text, item.transcript.final, item.transcript.confidence)


def _hang_up(call: LiveCall, item: GatewayItem) -> None:
    """A relay of an earlier version names the human to be called as the detail of a hang-up."""
    reason, detail = item.hang_up.reason, item.hang_up.detail
    if reason == END_REASON_TRANSFERRED and is_target(detail):
        call.transfers.ask(TransferCall(target=detail))
    else:
        call.hang_up(reason, detail)


def _transfer(call: LiveCall, item: GatewayItem) -> None:
    call.transfers.ask(item.transfer)


def _privacy(call: LiveCall, item: GatewayItem) -> None:
    """Who hears the caller is the engine's to say."""
    if item.head.sender == SENDER_ENGINE:
        call.privacy(item.privacy.on)
    else:
        _log.warning("somebody else than the engine speaks of privacy", call_id=item.head.call_id)


def _heard_through(call: LiveCall, item: GatewayItem) -> None:
    call.recent.heard_through(item.heard_through.media_ms)


HANDLERS: dict[str, Handler] = {
    "audio": _audio,
    "flush": _flush,
    "speech": _speech,
    "transcript": _transcript,
    "hang_up": _hang_up,
    "transfer": _transfer,
    "privacy": _privacy,
    "heard_through": _heard_through,
}
