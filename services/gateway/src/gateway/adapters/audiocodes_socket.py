"""WS /audiocodes: the shell around `domain.audiocodes`, and a VAIC leg to its call."""

import asyncio
from collections.abc import Callable, Coroutine

from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.sockets import Sockets
from gateway.adapters.websocket import Socket
from gateway.desk import Refused
from gateway.domain.audiocodes import NAMES, STAYED, Conversation, State, choose_format
from gateway.domain.audiocodes_messages import (
    Activities,
    Activity,
    Began,
    Chunk,
    End,
    Event,
    Initiate,
    Keys,
    Other,
    PlayFinished,
    Resume,
    StreamStart,
    StreamStop,
    TransferStatus,
    Unknown,
    Validate,
)
from gateway.domain.numbers import telephone_number
from gateway.domain.wire import ProtocolViolation, from_message
from gateway.live_call import LiveCall
from gateway.ports import Leg
from gateway.switchboard import Arrival, Switchboard
from opusagent.call.v1.call_pb2 import Channel, EndReason, TransferCall, TransferOutcome
from opusagent.media.v1.inbox_pb2 import (
    SPEECH_PHASE_COMMITTED,
    SPEECH_PHASE_STARTED,
    SPEECH_PHASE_STOPPED,
    SpeechPhase,
)

PLAY_FINISHED_SECONDS = 1.0
"""How long a hang-up waits for `playFinished` past the computed end, where VAIC sends it."""

_log = get_logger(__name__)


class AudioCodesSocket(Socket, Leg):
    """One conversation's socket."""

    channel = Channel.CHANNEL_AUDIOCODES
    echoes_marks = False

    def __init__(self, sockets: Sockets, switchboard: Switchboard, *, lead_ms: int, max_message_bytes: int) -> None:
        super().__init__(sockets, max_message_bytes)
        self.lead_ms = lead_ms
        self._switchboard = switchboard
        self._conversation = Conversation()
        self._call: LiveCall | None = None
        self._playing_item = ""
        self._told_speech = False
        self._tells_finished = False
        self._unfinished = False
        self._hanging_up: Callable[[], None] | None = None
        self._began = False
        self._traffic = metrics.TRAFFIC.of(self.channel_name)

    # ---- from VAIC

    def received(self, message: bytes) -> None:
        """Take one message."""
        event = self._conversation.receive(message)
        if type(event) is Chunk:
            self._traffic.frames_in += 1
            self._traffic.bytes_in += len(event.audio)
            if self._call is not None:
                self._call.caller_audio(self, self._conversation.samples(event))
        else:
            HANDLERS[type(event)](self, event)

    def refuse(self, violation: ProtocolViolation) -> None:
        """Say `session.error`, which ends the call, and close."""
        self.send(self._conversation.error(violation.detail))
        self.close(violation.close_code, violation.detail)

    def _validate(self, event: Validate) -> None:
        self.send(self._conversation.validated())

    def _initiate(self, event: Initiate) -> None:
        if not event.expects_audio:
            raise ProtocolViolation("format", "this bot sends audio: set directTTS", 1003)
        self.format = choose_format(event.offered)
        arrival = Arrival(
            Channel.CHANNEL_AUDIOCODES, event.conversation_id, telephone_number(event.caller), event.bot_name
        )
        self._begin(self._open(arrival))

    def _resume(self, event: Resume) -> None:
        self._begin(self._attach(event.conversation_id))

    def _begin(self, opening: Coroutine[None, None, None]) -> None:
        self.started()
        self._sockets.tasks.spawn(self._guard(opening), "open")

    async def _guard(self, opening: Coroutine[None, None, None]) -> None:
        try:
            await opening
        except Refused as refusal:
            metrics.CALLS_REFUSED.labels(self.channel_name, refusal.reason).inc()
            _log.warning("a call was refused", reason=refusal.reason)
            detail = "conversation not found" if refusal.reason == "not_found" else refusal.detail
            self.refuse(ProtocolViolation(refusal.reason, detail, 1013))
        except ProtocolViolation as violation:
            metrics.BAD_MESSAGES.labels(self.channel_name, violation.reason).inc()
            self.refuse(violation)
        except Exception:
            _log.exception("a call could not be opened")
            self.refuse(ProtocolViolation("internal", "internal error", 1011))

    async def _open(self, arrival: Arrival) -> None:
        self._serve(await self._switchboard.open(arrival, self))

    async def _attach(self, conversation_id: str) -> None:
        attached = await self._switchboard.resume(Channel.CHANNEL_AUDIOCODES, conversation_id)
        self.format = from_message(attached.call.format)
        if self.format not in NAMES:
            raise ProtocolViolation("format", "the conversation's media format is not served", 1003)
        self._serve(self._switchboard.attach(conversation_id, attached, self))

    def _serve(self, call: LiveCall) -> None:
        self._call = call
        if self._conversation.state is State.ENDED:
            call.leg_ended("session.end before the call was open")
        elif self._transport is None:
            call.socket_closed(self, "socket closed before the call was open")
        else:
            self.send(self._conversation.accepted(self.format, call.route.gateway_generation))
            if self._began:
                self.send(self._conversation.configure())

    def _end(self, event: End) -> None:
        call, detail = self._call, f"session.end {event.reason_code}"
        if call is not None and call.transfers.under_way is not None and event.reason_code not in STAYED:
            call.transfers.done(detail)
        elif call is not None:
            call.leg_ended(detail)
        self.close(1000, "session ended")

    def _stream_start(self, event: StreamStart) -> None:
        self.send(self._conversation.stream_started())

    def _stream_stop(self, event: StreamStop) -> None:
        self.send(self._conversation.stream_stopped(event.participant))

    def _activities(self, event: Activities) -> None:
        for activity in event.activities:
            ACTIVITIES[type(activity)](self, activity)

    def _start_activity(self, activity: Began) -> None:
        self._began = True
        if self._call is not None:
            self.send(self._conversation.configure())

    def _keys(self, activity: Keys) -> None:
        if self._call is not None:
            for digit in activity.digits:
                self._call.key(self, digit)

    def _play_finished(self, activity: PlayFinished) -> None:
        self._tells_finished = True
        if not self._conversation.playing:
            self._unfinished = False
            if self._call is not None:
                self._call.playout_finished(self)
            self._finish_hang_up()

    def _transfer_status(self, activity: TransferStatus) -> None:
        if self._call is None:
            return
        if activity.outcome == TransferOutcome.TRANSFER_OUTCOME_ANSWERED:
            self._call.transfers.picked_up()
        else:
            self._call.transfers.failed(activity.outcome, activity.detail)

    def _other(self, activity: Activity) -> None:
        metrics.UNKNOWN_MESSAGES.labels(self.channel_name).inc()

    def _unknown(self, event: Event) -> None:
        metrics.UNKNOWN_MESSAGES.labels(self.channel_name).inc()

    def disconnected(self, detail: str) -> None:
        """The socket is gone."""
        if self._call is not None:
            self._call.socket_closed(self, detail)

    # ---- to VAIC

    def send_audio(self, item_id: str, audio: bytes) -> None:
        """Send one frame; each item is a play stream of its own, one at a time."""
        if item_id != self._playing_item:
            if self._conversation.playing:
                self.send(self._conversation.play_stop())
            self.send(self._conversation.play_start())
            self._playing_item = item_id
            self._unfinished = True
        traffic = self._traffic
        traffic.frames_out += 1
        traffic.bytes_out += len(audio)
        self.send_frame(self._conversation.play_chunk(audio))

    def send_mark(self, name: str) -> None:
        """Nothing to say: there are no marks."""

    def end_item(self, item_id: str) -> None:
        """End the play stream."""
        if self._conversation.playing:
            self.send(self._conversation.play_stop())
        self._playing_item = ""

    def clear(self) -> None:
        """Drop what was sent and not played: end the stream, say that the caller speaks, abort what is left."""
        self.drop_queued_frames()
        self.end_item(self._playing_item)
        self._unfinished = False
        if not self._told_speech:
            self._told_speech = True
            self.send(self._conversation.speech("started"))
        self.send(self._conversation.abort_prompts())

    def speech(self, phase: SpeechPhase, sounding: bool) -> None:
        """Tell VAIC; while agent audio sounds only `clear` says `started`, for VAIC would cut the audio at it."""
        if phase == SPEECH_PHASE_STARTED:
            if not sounding and not self._told_speech:
                self._told_speech = True
                self.send(self._conversation.speech("started"))
        elif phase == SPEECH_PHASE_STOPPED:
            if self._told_speech:
                self._told_speech = False
                self.send(self._conversation.speech("stopped"))
        elif phase == SPEECH_PHASE_COMMITTED:
            self._told_speech = False
            self.send(self._conversation.speech("committed"))

    def transcript(self, text: str, final: bool, confidence: float, sounding: bool) -> None:
        """Tell VAIC; a hypothesis would cut agent audio too."""
        if final:
            self.send(self._conversation.recognition(text, confidence))
        elif not sounding:
            self.send(self._conversation.hypothesis(text))

    def hang_up(self, reason: EndReason, detail: str) -> None:
        """Ask VAIC to end the call; `session.end` follows."""
        self._leave(self._conversation.hang_up(detail or "done"))

    def transfer(self, transfer: TransferCall) -> bool:
        """Ask VAIC to hand the caller over; `session.end` follows, or `transferStatus` where it is configured to."""
        self._leave(self._conversation.transfer(transfer.target, transfer.summary))
        return True

    def _leave(self, message: bytes) -> None:
        self._hanging_up = lambda: self.send(message)
        if self._unfinished and self._tells_finished:
            asyncio.get_running_loop().call_later(PLAY_FINISHED_SECONDS, self._finish_hang_up)
        else:
            self._finish_hang_up()

    def _finish_hang_up(self) -> None:
        hang_up, self._hanging_up = self._hanging_up, None
        if hang_up is not None:
            hang_up()


HANDLERS: dict[type, Callable[..., None]] = {
    Validate: AudioCodesSocket._validate,
    Initiate: AudioCodesSocket._initiate,
    Resume: AudioCodesSocket._resume,
    End: AudioCodesSocket._end,
    StreamStart: AudioCodesSocket._stream_start,
    StreamStop: AudioCodesSocket._stream_stop,
    Activities: AudioCodesSocket._activities,
    Unknown: AudioCodesSocket._unknown,
}

ACTIVITIES: dict[type, Callable[..., None]] = {
    Began: AudioCodesSocket._start_activity,
    Keys: AudioCodesSocket._keys,
    PlayFinished: AudioCodesSocket._play_finished,
    TransferStatus: AudioCodesSocket._transfer_status,
    Other: AudioCodesSocket._other,
}
