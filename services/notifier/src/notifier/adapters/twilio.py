"""Twilio, through the official client.

Twilio's REST API takes no idempotency key: after an answer was lost, a message is looked up by its recipient, its text
and the time since which it can have been made. Neither the sender (a messaging service chooses it) nor the time of
sending (absent while a message is queued) can be relied on.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client
from typing_extensions import override

from chassis.logging import get_logger
from notifier.adapters.twilio_http import HttpxClient
from notifier.domain.outcomes import AttemptFailed, NotNow, Refused, Unclear
from notifier.domain.twilio_errors import failure
from notifier.provider import Provider
from notifier.settings import NotifierSettings
from opusagent.notify.v1.notify_pb2 import NotifyCommand, PlaceCall, SendSms

CLOCK_SKEW = timedelta(seconds=5)
"""How far Twilio's clock may be behind ours; shorter than a call with its grace period, so never two drops in one."""

LOOK_BACK = 50
"""Latest messages or calls to one number that a look-up reads."""

_log = get_logger(__name__)

T = TypeVar("T")


class TwilioProvider(Provider):
    """Sends and dials with one Twilio account."""

    name = "twilio"

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._http = HttpxClient(settings.twilio_base_url, settings.twilio_timeout_seconds)
        self._client = Client(
            settings.twilio_api_key_sid or settings.twilio_account_sid,
            (settings.twilio_api_key_secret or settings.twilio_auth_token).get_secret_value(),
            settings.twilio_account_sid,
            http_client=self._http,
        )

    @override
    async def stop(self) -> None:
        await self._http.close()

    @override
    async def attempt(self, command: NotifyCommand) -> str:
        try:
            if command.WhichOneof("command") == "send_sms":
                return await self._send(command.session_id, command.send_sms)
            return await self._dial(command, command.place_call)
        except (TwilioRestException, TwilioServiceException) as error:
            raise _translate(error) from error
        except TwilioException as error:
            raise Refused(str(error), configuration=True) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unclear("Twilio's answer cannot be read") from error

    async def _send(self, session_id: str, sms: SendSms) -> str:
        options: dict[str, Any] = self._sender(sms.from_number)
        if self._settings.public_url:
            options["status_callback"] = self._url("/twilio/sms-status", session=session_id)
        message = await self._client.messages.create_async(to=sms.to_number, body=sms.body, **options)
        return _sid(message)

    def _sender(self, from_number: str) -> dict[str, Any]:
        if self._settings.twilio_messaging_service_sid:
            return {"messaging_service_sid": self._settings.twilio_messaging_service_sid}
        return {"from_": from_number or self._settings.twilio_from_number}

    async def _dial(self, command: NotifyCommand, place: PlaceCall) -> str:
        if not self._settings.public_url:
            raise Refused("PUBLIC_URL is not set: Twilio cannot reach the gateway", configuration=True)
        call = await self._client.calls.create_async(
            to=place.to_number,
            from_=place.from_number or self._settings.twilio_from_number,
            url=self._url("/twilio/voice", session=command.session_id),
            method="POST",
            status_callback=self._url("/twilio/status", session=command.session_id, command=command.command_id),
            status_callback_method="POST",
            status_callback_event=["answered", "completed"],
            timeout=self._settings.ring_seconds,
        )
        return _sid(call)

    def _url(self, path: str, **query: str) -> str:
        return f"{self._settings.public_url.rstrip('/')}{path}?{urlencode(query)}"

    @override
    async def find(self, command: NotifyCommand) -> str | None:
        since = datetime.fromtimestamp(command.requested_at_ms / 1000, UTC).replace(microsecond=0) - CLOCK_SKEW
        try:
            if command.WhichOneof("command") == "send_sms":
                return await self._find_sms(command.send_sms, since)
            return await self._find_call(command.place_call, since)
        except AttemptFailed as error:
            raise NotNow(error.detail) from error
        except (TwilioException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotNow("the look-up failed") from error

    async def _find_sms(self, sms: SendSms, since: datetime) -> str | None:
        messages = await self._client.messages.list_async(to=sms.to_number, limit=LOOK_BACK)
        return _only(messages, since, lambda message: (message.body or "").endswith(sms.body))

    async def _find_call(self, place: PlaceCall, since: datetime) -> str | None:
        calls = await self._client.calls.list_async(to=place.to_number, limit=LOOK_BACK)
        return _only(calls, since, lambda call: True)


def _sid(made: Any) -> str:
    if not made.sid:
        raise ValueError("no id")
    return str(made.sid)


def _only(found: list[Any], since: datetime, fits: Callable[[Any], bool]) -> str | None:
    """Return the id of ours among what was found: made by this API, since then, and fitting."""
    ours = (
        item
        for item in found
        if str(item.direction or "").startswith("outbound")
        and item.date_created is not None
        and item.date_created >= since
        and fits(item)
    )
    return next((str(item.sid) for item in ours), None)


def _translate(error: TwilioRestException | TwilioServiceException) -> AttemptFailed:
    known = failure(error.code, error.status)
    if isinstance(known, Refused) and known.configuration:
        _log.error("Twilio refuses us: the account or its settings must be put right", detail=known.detail)
    return known
