"""Twilio's webhooks: the checks that all of them pass, a leg's status, messages and their status."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect
from twilio.twiml.messaging_response import MessagingResponse

from chassis.bus import BusError
from chassis.facts import FactLog
from chassis.logging import get_logger
from gateway.adapters.twilio_dial import DIALED_PATH, WHISPER_PATH
from gateway.adapters.twilio_forms import Multi, field, read_form, rejected, xml
from gateway.adapters.twilio_security import Signatures
from gateway.adapters.twilio_voice import VOICE_PATH, TwilioVoice
from gateway.desk import Refused
from gateway.domain.twilio import ENDED_STATUSES, FAILED_STATUSES
from gateway.switchboard import Switchboard
from opusagent.call.v1.call_pb2 import Channel
from opusagent.events.v1.events_pb2 import CallNotPlaced, SmsDelivered, SmsReceived

_TWILIO = Channel.CHANNEL_TWILIO
_log = get_logger(__name__)
_Answer = Callable[[FormData, Request], Awaitable[Response]]


class TwilioWebhooks:
    """The handlers of Twilio's HTTP requests."""

    def __init__(self, switchboard: Switchboard, facts: FactLog, signatures: Signatures, voice: TwilioVoice) -> None:
        self._switchboard = switchboard
        self._facts = facts
        self._signatures = signatures
        self._voice = voice

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        for path, answer in (
            (VOICE_PATH, self._voice.rings),
            (DIALED_PATH, self._voice.dialed),
            (WHISPER_PATH, self._voice.whisper),
            ("/twilio/status", self._status),
            ("/twilio/sms", self._sms),
            ("/twilio/sms-status", self._sms_status),
        ):
            router.add_api_route(path, self._checked(answer), methods=["POST"], include_in_schema=False)
        return router

    def _checked(self, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                form = await read_form(request)
            except (ValueError, TimeoutError, ClientDisconnect):
                return rejected(400, "body")
            query = f"?{request.url.query}" if request.url.query else ""
            if not self._signatures.request_ok(request.url.path + query, Multi(form), request.headers):
                return rejected(403, "signature")
            try:
                return await answer(form, request)
            except (Refused, BusError) as refusal:
                _log.warning("a webhook cannot be served now", reason=str(refusal))
                return Response(status_code=503, headers={"Retry-After": "1"})

        return endpoint

    # ---- status of legs

    async def _status(self, form: FormData, request: Request) -> Response:
        status, call_sid = field(form, "CallStatus"), field(form, "CallSid")
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
        message_sid = field(form, "MessageSid")
        if not message_sid:
            return rejected(400, "no_message_sid")
        fact = SmsReceived(
            provider_message_id=message_sid,
            from_number=field(form, "From"),
            to_number=field(form, "To"),
            body=field(form, "Body"),
        )
        await self._facts.record("", "", message_sid, sms_received=fact)
        return xml(MessagingResponse())

    async def _sms_status(self, form: FormData, request: Request) -> Response:
        message_sid, status = field(form, "MessageSid"), field(form, "MessageStatus")
        if not message_sid or not status:
            return rejected(400, "no_message_sid")
        fact = SmsDelivered(provider_message_id=message_sid, status=status, error_code=field(form, "ErrorCode"))
        session = request.query_params.get("session", "")
        await self._facts.record(session, "", f"{message_sid}/{status}", sms_delivered=fact)
        return Response(status_code=204)
