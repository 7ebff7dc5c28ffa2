"""What Twilio asks while a call rings or runs, answered in TwiML.

After `<Connect>` the same CallSid comes back to `/twilio/voice?again=1`, on whichever replica: connected anew while the
call lives (its socket was lost), put through where a human is wanted and REST could not do it, hung up once it is over.
From a human who did not take the call it comes back by `<Dial>`'s action, and its next stream says what became of it.
"""

from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.datastructures import FormData
from twilio.twiml.voice_response import Connect, VoiceResponse

from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.twilio_dial import dial
from gateway.adapters.twilio_forms import field, rejected, xml
from gateway.adapters.twilio_security import Nonces
from gateway.desk import Refused
from gateway.domain.twilio import ENDED_STATUSES, dial_outcome
from gateway.live_call import LiveCall
from gateway.ports import outcome_name
from gateway.switchboard import Switchboard
from opusagent.call.v1.call_pb2 import Channel, TransferCall, TransferOutcome

MEDIA_PATH = "/twilio/media"
VOICE_PATH = "/twilio/voice"
APOLOGY = "We are sorry, we cannot take your call at the moment. Please try again later."
MAX_AGAIN = 20
"""How often a leg may come back from its stream; past it something is wrong that more tries do not mend."""

_TWILIO = Channel.CHANNEL_TWILIO
_log = get_logger(__name__)


class TwilioVoice:
    """The handlers of requests about calls."""

    def __init__(self, switchboard: Switchboard, nonces: Nonces, public_url: str) -> None:
        self._switchboard = switchboard
        self._nonces = nonces
        self._public_url = public_url

    async def rings(self, form: FormData, request: Request) -> Response:
        """A call rings, or is back from its stream (`?again=`)."""
        call_sid = field(form, "CallSid")
        if not call_sid:
            return rejected(400, "no_call_sid")
        if "again" in request.query_params:
            return await self._again(call_sid, form, request)
        try:
            self._switchboard.refuse_if_unwilling()
        except Refused as refusal:
            metrics.CALLS_REFUSED.labels("twilio", refusal.reason).inc()
            return _apologise()
        return self._connect(call_sid, form, request)

    async def dialed(self, form: FormData, request: Request) -> Response:
        """The human has hung up, or was not reached: the call is over, or goes on with the agent."""
        call_sid = field(form, "CallSid")
        if not call_sid:
            return rejected(400, "no_call_sid")
        status = field(form, "DialCallStatus")
        outcome = dial_outcome(status, field(form, "DialBridged"))
        if outcome == TransferOutcome.TRANSFER_OUTCOME_ANSWERED:
            await self._switchboard.transferred(_TWILIO, call_sid, f"dial {status}")
            return _hang_up()
        if field(form, "CallStatus") in ENDED_STATUSES:
            return _hang_up()
        here = self._switchboard.of_leg(_TWILIO, call_sid)
        if here is not None:
            here.transfers.failed(outcome, f"dial {status}"[:64])
        return await self._again(call_sid, form, request, outcome_name(outcome))

    async def whisper(self, form: FormData, request: Request) -> Response:
        """The human has picked up: tell him who is waiting, before he is connected."""
        call_sid = request.query_params.get("call", "")
        response = VoiceResponse()
        try:
            wanted = await self._switchboard.picked_up(_TWILIO, call_sid)
        except Refused as refusal:
            _log.warning("the human is connected without a word", reason=refusal.reason)
            wanted = TransferCall()
        if wanted is None:
            response.hangup()
        elif wanted.summary:
            response.say(wanted.summary)
        return xml(response)

    async def _again(self, call_sid: str, form: FormData, request: Request, back_from: str = "") -> Response:
        """The same leg is back: from its stream, or from a human (`back_from`: what became of that)."""
        back_from = back_from or request.query_params.get("transfer", "")
        here = self._switchboard.of_leg(_TWILIO, call_sid)
        if here is not None:
            return self._again_here(here, call_sid, form, request, back_from)
        if self._switchboard.is_over(_TWILIO, call_sid):
            return _hang_up()
        if _times(request) > MAX_AGAIN:
            return _apologise()
        try:
            found = await self._switchboard.desk.find(_TWILIO, call_sid)
        except Refused:
            return self._later(request, back_from)
        if found is None:
            return _apologise()
        if not found.live:
            return _hang_up()
        if found.transfer.transfer.target and not back_from:
            return self._dial(call_sid, found.transfer.transfer, found.call.callee, request)
        draining = self._switchboard.draining
        return self._later(request, back_from) if draining else self._connect(call_sid, form, request, back_from)

    def _again_here(self, here: LiveCall, call_sid: str, form: FormData, request: Request, back_from: str) -> Response:
        transfer = here.transfers.under_way
        if here.hanging_up:
            return _hang_up()
        if transfer is None or back_from:
            return self._connect(call_sid, form, request, back_from)
        if transfer.dialled:
            return self._later(request, back_from)
        transfer.dialled = True
        return self._dial(call_sid, transfer.wanted, here.info.callee, request)

    def _dial(self, call_sid: str, wanted: TransferCall, caller_id: str, request: Request) -> Response:
        return xml(dial(self._base(request), call_sid, wanted, caller_id))

    def _later(self, request: Request, back_from: str) -> Response:
        """Let the leg ask again in a second: another replica, or this one then, can serve it."""
        response = VoiceResponse()
        response.pause(length=1)
        response.redirect(self._again_url(request, back_from), method="POST")
        return xml(response)

    def _base(self, request: Request) -> str:
        return self._public_url or str(request.base_url).rstrip("/")

    def _again_url(self, request: Request, back_from: str = "") -> str:
        query = {"again": str(_times(request) + 1)}
        if session := request.query_params.get("session"):
            query["session"] = session
        if back_from:
            query["transfer"] = back_from
        return f"{self._base(request)}{VOICE_PATH}?{urlencode(query)}"

    def _connect(self, call_sid: str, form: FormData, request: Request, back_from: str = "") -> Response:
        outbound = field(form, "Direction").startswith("outbound")
        caller, callee = field(form, "From"), field(form, "To")
        parameters = {
            "from": callee if outbound else caller,
            "to": caller if outbound else callee,
            "direction": "outbound" if outbound else "inbound",
            "session": request.query_params.get("session", ""),
            "transfer": back_from,
        }
        again = self._again_url(request)
        response = VoiceResponse()
        connect = Connect(action=again, method="POST")
        stream = connect.stream(url="ws" + self._base(request).removeprefix("http") + MEDIA_PATH)
        stream.parameter(name="nonce", value=self._nonces.make(call_sid, parameters))
        for name, value in parameters.items():
            if value:
                stream.parameter(name=name, value=value)
        response.append(connect)
        response.redirect(again, method="POST")
        return xml(response)


def _times(request: Request) -> int:
    again = request.query_params.get("again", "0")
    return int(again) if again.isdecimal() and len(again) < 4 else 0


def _hang_up() -> Response:
    response = VoiceResponse()
    response.hangup()
    return xml(response)


def _apologise() -> Response:
    response = VoiceResponse()
    response.say(APOLOGY)
    response.hangup()
    return xml(response)
