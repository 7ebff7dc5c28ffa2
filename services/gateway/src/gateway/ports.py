"""What a call needs of the telephony it is on."""

from abc import ABC, abstractmethod
from enum import StrEnum

from audio.formats import Format
from opusagent.call.v1.call_pb2 import Channel, EndReason, TransferCall, TransferOutcome
from opusagent.media.v1.inbox_pb2 import SpeechPhase


def channel_name(channel: Channel) -> str:
    """Return a kind of leg as metrics and people call it, such as `twilio`."""
    return Channel.Name(channel).removeprefix("CHANNEL_").lower()


def outcome_name(outcome: TransferOutcome) -> str:
    """Return what became of a transfer as metrics and people call it, such as `no_answer`."""
    return TransferOutcome.Name(outcome).removeprefix("TRANSFER_OUTCOME_").lower()


class Leg(ABC):
    """One socket, as the call that it serves sees it. Nothing here blocks; what a dead socket is told is lost."""

    channel: Channel
    echoes_marks: bool
    """Telephony says when a mark was played; otherwise what was heard is computed."""
    lead_ms: int
    """How far ahead of real time agent audio is sent."""
    format: Format
    transfer_outcome: TransferOutcome = TransferOutcome.TRANSFER_OUTCOME_UNSPECIFIED
    """What became of the transfer that this socket brings the caller back from, where it says so."""

    @abstractmethod
    def send_audio(self, item_id: str, audio: bytes) -> None:
        """Send one frame of an item."""

    @abstractmethod
    def send_mark(self, name: str) -> None:
        """Ask for an echo once everything sent before has been played."""

    @abstractmethod
    def end_item(self, item_id: str) -> None:
        """Everything of an item has been sent."""

    @abstractmethod
    def clear(self) -> None:
        """Make telephony drop what it has not played."""

    def speech(self, phase: "SpeechPhase", sounding: bool) -> None:  # noqa: B027
        """Tell telephony what was detected in the caller's audio, where it wants to know.

        `sounding`: agent audio is being played, and nobody has decided yet that the caller interrupts it.
        """

    def transcript(self, text: str, final: bool, confidence: float, sounding: bool) -> None:  # noqa: B027
        """Tell telephony what was recognised, where it wants to know."""

    @abstractmethod
    def hang_up(self, reason: EndReason, detail: str) -> None:
        """End the leg: everything was played."""

    def transfer(self, transfer: TransferCall) -> bool:
        """Have telephony ring a human, everything being played. False: this can be asked by `LegControl` alone."""
        return False

    @abstractmethod
    def close(self, code: int, reason: str) -> None:
        """Close the socket; the leg is no concern of it any more."""


class LegStatus(StrEnum):
    """What telephony's REST says of a leg."""

    LIVE = "live"
    ENDED = "ended"
    FAILED = "failed"
    UNKNOWN = "unknown"


class LegControl(ABC):
    """Telephony's REST, where there is one: the leg apart from its socket."""

    @abstractmethod
    async def status(self, provider_call_id: str) -> LegStatus:
        """Ask how a leg is; UNKNOWN when it cannot be told."""

    @abstractmethod
    async def hang_up(self, provider_call_id: str) -> None:
        """End a leg; failures are logged, not raised."""

    @abstractmethod
    async def transfer(self, provider_call_id: str, transfer: TransferCall, caller_id: str) -> bool:
        """Have a human rung for a leg, `caller_id` shown to him; its socket ends. False: it could not be asked for."""


class NoLegControl(LegControl):
    """For telephony without REST, or without credentials for it."""

    async def status(self, provider_call_id: str) -> LegStatus:
        """Return UNKNOWN."""
        return LegStatus.UNKNOWN

    async def hang_up(self, provider_call_id: str) -> None:
        """Do nothing."""

    async def transfer(self, provider_call_id: str, transfer: TransferCall, caller_id: str) -> bool:
        """Return that it cannot be asked for."""
        return False
