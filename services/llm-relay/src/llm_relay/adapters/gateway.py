"""What the relay tells the gateway of a call: what to play, what was detected, when to hang up."""

from chassis.bus import GATEWAY_INBOX, Bus
from chassis.heads import Stamper
from opusagent.call.v1.call_pb2 import EndReason, Route, TransferCall
from opusagent.media.v1.inbox_pb2 import (
    SENDER_GATEWAY,
    AgentAudio,
    CallerSpeech,
    CallerTranscript,
    Flush,
    GatewayInbox,
    GatewayItem,
    HangUpCall,
    HeardThrough,
    SpeechPhase,
)


class GatewayLink:
    """Of one call."""

    def __init__(self, bus: Bus, stamper: Stamper, call_id: str, route: Route) -> None:
        self._bus = bus
        self._stamper = stamper
        self._call_id = call_id
        self.route = route

    def audio(self, item_id: str, audio: bytes, text: str, last: bool) -> None:
        """Play this, in the call's format."""
        self._post(GatewayItem(audio=AgentAudio(item_id=item_id, audio=audio, transcript=text, last=last)))

    def flush(self) -> None:
        """Play nothing of what was sent."""
        self._post(GatewayItem(flush=Flush()))

    def speech(self, phase: SpeechPhase) -> None:
        """What was detected in the caller's audio."""
        self._post(GatewayItem(speech=CallerSpeech(phase=phase)))

    def transcript(self, text: str, confidence: float) -> None:
        """The caller's words of a turn."""
        self._post(GatewayItem(transcript=CallerTranscript(text=text, final=True, confidence=confidence)))

    def hang_up(self, reason: EndReason, detail: str = "") -> None:
        """End the call once everything was played."""
        self._post(GatewayItem(hang_up=HangUpCall(reason=reason, detail=detail)))

    def transfer(self, target: str, summary: str) -> None:
        """Have a human take the call once everything was played; the result comes as `RelayItem.transferred`."""
        self._post(GatewayItem(transfer=TransferCall(target=target, summary=summary)))

    def heard_through(self, media_ms: int) -> None:
        """Caller audio up to here was taken in."""
        self._post(GatewayItem(heard_through=HeardThrough(media_ms=media_ms)))

    def _post(self, item: GatewayItem) -> None:
        item.head.CopyFrom(self._stamper.head(self._call_id, self.route.relay_generation, SENDER_GATEWAY))
        self._bus.post(GATEWAY_INBOX, self.route.gateway_slot, GatewayInbox(items=[item]).SerializeToString())
