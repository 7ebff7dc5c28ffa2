"""Twilio's REST by the official SDK, for what a socket cannot tell or do: how a leg is, and hanging it up."""

import asyncio
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from chassis.logging import get_logger
from gateway import metrics
from gateway.adapters.twilio_dial import dial
from gateway.domain.twilio import ENDED_STATUSES, FAILED_STATUSES
from gateway.ports import LegControl, LegStatus
from opusagent.call.v1.call_pb2 import TransferCall

TIMEOUT_SECONDS = 5.0
_log = get_logger(__name__)


class _Redirected(TwilioHttpClient):  # type: ignore[misc]
    """Sends what is meant for api.twilio.com to another base URL."""

    def __init__(self, base_url: str) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS, max_retries=1)
        self._base = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send a request to the same path elsewhere."""
        parts = urlsplit(url)
        path = self._base.path.rstrip("/") + parts.path
        url = urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))
        return super().request(method, url, *args, **kwargs)


class TwilioLegControl(LegControl):
    """Legs by the SDK; `base_url` empty means Twilio itself, `public_url` is where it finds us."""

    def __init__(self, account_sid: str, auth_token: str, base_url: str = "", public_url: str = "") -> None:
        self._public_url = public_url
        http = _Redirected(base_url) if base_url else TwilioHttpClient(timeout=TIMEOUT_SECONDS, max_retries=1)
        self._client = Client(account_sid, auth_token, http_client=http)

    async def status(self, provider_call_id: str) -> LegStatus:
        """Ask Twilio how a leg is."""
        try:
            leg = await asyncio.to_thread(self._client.calls(provider_call_id).fetch)
        except (TwilioException, OSError) as error:
            return self._failed("status", error, LegStatus.UNKNOWN)
        if leg.status in FAILED_STATUSES:
            return LegStatus.FAILED
        return LegStatus.ENDED if leg.status in ENDED_STATUSES else LegStatus.LIVE

    async def hang_up(self, provider_call_id: str) -> None:
        """Complete a leg."""
        try:
            await asyncio.to_thread(self._client.calls(provider_call_id).update, status="completed")
        except (TwilioException, OSError) as error:
            self._failed("hang-up", error, LegStatus.UNKNOWN)

    async def transfer(self, provider_call_id: str, transfer: TransferCall, caller_id: str) -> bool:
        """Replace the leg's document by one that rings the human."""
        if not self._public_url:
            return False
        twiml = str(dial(self._public_url, provider_call_id, transfer, caller_id))
        try:
            await asyncio.to_thread(self._client.calls(provider_call_id).update, twiml=twiml)
        except (TwilioException, OSError) as error:
            self._failed("transfer", error, LegStatus.UNKNOWN)
            return False
        return True

    def _failed(self, what: str, error: Exception, answer: LegStatus) -> LegStatus:
        metrics.REST_FAILURES.inc()
        _log.warning("Twilio's REST did not do it", what=what, error=type(error).__name__)
        return answer
