"""Twilio's webhooks: a call that rings, a leg's status, messages and their status.

After `<Connect>` the same CallSid comes back to `/twilio/voice?again=1`, on whichever replica: connected anew while the
call lives (its socket was lost), hung up once it is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import Connect, VoiceResponse

from chassis.bus import BusError
from chassis.facts import FactLog
from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.twilio_security import Nonces, Signatures
from gateway.domain.twilio import ENDED_STATUSES, FAILED_STATUSES
from gateway.switchboard import Refused, Switchboard
from opusagent.call.v1.call_pb2 import Channel
from opusagent.events.v1.events_pb2 import CallNotPlaced, SmsDelivered, SmsReceived

MEDIA_PATH = "/twilio/media"
VOICE_PATH = "/twilio/voice"
APOLOGY = "We are sorry, we cannot take your call at the moment. Please try again later."
MAX_BODY = 64 * 1024
MAX_FIELDS = 500
BODY_SECONDS = 10.0
MAX_AGAIN = 20
"""How often a leg may come back from its stream; past it something is wrong that more tries do not mend."""

_TWILIO = Channel.CHANNEL_TWILIO
_log = get_logger(__name__)
_Answer = Callable[[FormData, Request], Awaitable[Response]]


class TwilioWebhooks:
    """The handlers of Twilio's HTTP requests."""

    def __init__(
        self,
        switchboard: Switchboard,
        facts: FactLog,
        signatures: Signatures,
        nonces: Nonces,
        public_url: str,
    ) -> None:
        self._switchboard = switchboard
        self._facts = facts
        self._signatures = signatures
        self._nonces = nonces
        self._public_url = public_url

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        for path, answer in (
            (VOICE_PATH, self._voice),
            ("/twilio/status", self._status),
            ("/twilio/sms", self._sms),
            ("/twilio/sms-status", self._sms_status),
        ):
            router.add_api_route(path, self._checked(answer), methods=["POST"], include_in_schema=False)
        return router

    def _checked(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                form = await _read_form(request)
            except (ValueError, TimeoutError, ClientDisconnect):
                return _rejected(400, "body")
            query = f"?{request.url.query}" if request.url.query else ""
            if not self._signatures.request_ok(request.url.path + query, _Multi(form), request.headers):
                return _rejected(403, "signature")
            try:
                return await answer(form, request)
            except (Refused, BusError) as refusal:
                _log.warning("a webhook cannot be served now", reason=str(refusal))
                return Response(status_code=503, headers={"Retry-After": "1"})

        return endpoint

    # ---- voice

    async def _voice(self, form: FormData, request: Request) -> Response:
        call_sid = _field(form, "CallSid")
        if not call_sid:
            return _rejected(400, "no_call_sid")
        if "again" in request.query_params:
            return await self._again(call_sid, form, request)
        try:
            self._switchboard.refuse_if_unwilling()
        except Refused as refusal:
            metrics.CALLS_REFUSED.labels("twilio", refusal.reason).inc()
            return _apologise()
        return self._connect(call_sid, form, request)

    async def _again(self, call_sid: str, form: FormData, request: Request) -> Response:
        """The same leg is back from its stream."""
        here = self._switchboard.of_leg(_TWILIO, call_sid)
        if here is not None:
            return _hang_up() if here.hanging_up else self._connect(call_sid, form, request)
        if self._switchboard.is_over(_TWILIO, call_sid):
            return _hang_up()
        if _times(request) > MAX_AGAIN:
            return _apologise()
        try:
            found = await self._switchboard.locate(_TWILIO, call_sid)
        except Refused:
            return self._later(request)
        if found is None:
            return _apologise()
        if not found.live:
            return _hang_up()
        return self._later(request) if self._switchboard.draining else self._connect(call_sid, form, request)

    def _later(self, request: Request) -> Response:
        """Let the leg ask again in a second: another replica, or this one then, can serve it."""
        response = VoiceResponse()
        response.pause(length=1)
        response.redirect(self._again_url(request), method="POST")
        return _xml(response)

    def _base(self, request: Request) -> str:
        return self._public_url or str(request.base_url).rstrip("/")

    def _again_url(self, request: Request) -> str:
        query = {"again": str(_times(request) + 1)}
        if session := request.query_params.get("session"):
            query["session"] = session
        return f"{self._base(request)}{VOICE_PATH}?{urlencode(query)}"

    def _connect(self, call_sid: str, form: FormData, request: Request) -> Response:
        outbound = _field(form, "Direction").startswith("outbound")
        caller, callee = _field(form, "From"), _field(form, "To")
        parameters = {
            "from": callee if outbound else caller,
            "to": caller if outbound else callee,
            "direction": "outbound" if outbound else "inbound",
            "session": request.query_params.get("session", ""),
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
        return _xml(response)

    # ---- status of legs

    async def _status(self, form: FormData, request: Request) -> Response:
        status, call_sid = _field(form, "CallStatus"), _field(form, "CallSid")
        if status not in ENDED_STATUSES or not call_sid:
            return Response(status_code=204)
        failed = status in FAILED_STATUSES
        known = await self._switchboard.leg_ended(_TWILIO, call_sid, failed, f"status {status}")
        session, command = (request.query_params.get(name, "") for name in ("session", "command"))
        if not known and failed and (session or command):
            fact = CallNotPlaced(command_id=command, reason=status)
            await self._facts.record(session, "", f"{call_sid}/not-placed", call_not_placed=fact)
        return Response(status_code=204)

    # ---- messages

    async def _sms(self, form: FormData, request: Request) -> Response:
        message_sid = _field(form, "MessageSid")
        if not message_sid:
            return _rejected(400, "no_message_sid")
        fact = SmsReceived(
            provider_message_id=message_sid,
            from_number=_field(form, "From"),
            to_number=_field(form, "To"),
            body=_field(form, "Body"),
        )
        await self._facts.record("", "", message_sid, sms_received=fact)
        return _xml(MessagingResponse())

    async def _sms_status(self, form: FormData, request: Request) -> Response:
        message_sid, status = _field(form, "MessageSid"), _field(form, "MessageStatus")
        if not message_sid or not status:
            return _rejected(400, "no_message_sid")
        fact = SmsDelivered(provider_message_id=message_sid, status=status, error_code=_field(form, "ErrorCode"))
        session = request.query_params.get("session", "")
        await self._facts.record(session, "", f"{message_sid}/{status}", sms_delivered=fact)
        return Response(status_code=204)


async def _read_form(request: Request) -> FormData:
    """Read a form body.

    Raises:
        ValueError: it is too big, or has too many fields.
        TimeoutError: it does not come.
    """
    body = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise ValueError("too big")
    pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    return FormData(list[tuple[str, str | UploadFile]](pairs))


class _Multi(dict[str, Any]):
    """A form as the SDK's validator reads it: every value of a field, blank ones too."""

    def __init__(self, form: FormData) -> None:
        super().__init__((name, value) for name, value in form.multi_items() if isinstance(value, str))
        self._form = form

    def getlist(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for value in self._form.getlist(name) if isinstance(value, str)]


def _times(request: Request) -> int:
    again = request.query_params.get("again", "0")
    return int(again) if again.isdecimal() and len(again) < 4 else 0


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value[:2000] if isinstance(value, str) else ""


def _xml(response: VoiceResponse | MessagingResponse) -> Response:
    return Response(str(response), media_type="text/xml")


def _hang_up() -> Response:
    response = VoiceResponse()
    response.hangup()
    return _xml(response)


def _apologise() -> Response:
    response = VoiceResponse()
    response.say(APOLOGY)
    response.hangup()
    return _xml(response)


def _rejected(status: int, reason: str) -> Response:
    metrics.REJECTED.labels(reason).inc()
    return Response(reason, status_code=status, media_type="text/plain")
