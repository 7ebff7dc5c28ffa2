"""Twilio, whole: its webhooks, its media streams and its REST, from the settings."""

from fastapi import APIRouter

from chassis.facts import FactLog
from chassis.ids import Clock
from gateway.adapters.sockets import Sockets
from gateway.adapters.twilio_http import TwilioWebhooks
from gateway.adapters.twilio_rest import TwilioLegControl
from gateway.adapters.twilio_security import Nonces, Signatures
from gateway.adapters.twilio_socket import TwilioSocket
from gateway.adapters.twilio_voice import MEDIA_PATH, TwilioVoice
from gateway.adapters.upgrade import Headers, Rejected
from gateway.domain.twilio import Start
from gateway.ports import LegControl, NoLegControl
from gateway.settings import GatewaySettings
from gateway.switchboard import Switchboard


class Twilio:
    """What the gateway serves Twilio."""

    path = MEDIA_PATH

    def __init__(
        self, settings: GatewaySettings, switchboard: Switchboard, facts: FactLog, sockets: Sockets, clock: Clock
    ) -> None:
        token, signed = settings.twilio_auth_token.get_secret_value(), settings.signing_token
        self._settings = settings
        self._switchboard = switchboard
        self._sockets = sockets
        self._signatures = Signatures(signed, settings.twilio_shared_key.get_secret_value(), settings.public_url)
        self._nonces = Nonces(signed, clock, settings.nonce_seconds)
        voice = TwilioVoice(switchboard, self._nonces, settings.public_url)
        webhooks = TwilioWebhooks(switchboard, facts, self._signatures, voice)
        self.router: APIRouter = webhooks.router()
        self.leg_control: LegControl = NoLegControl()
        if settings.twilio_account_sid and token:
            account, base_url = settings.twilio_account_sid, settings.twilio_base_url
            self.leg_control = TwilioLegControl(account, token, base_url, settings.public_url)

    def accept(self, headers: Headers) -> TwilioSocket:
        """Make the socket of an upgrade request.

        Raises:
            Rejected: 403, it is not signed by Twilio.
        """
        if not self._signatures.upgrade_ok(MEDIA_PATH, headers):
            raise Rejected(403, "signature")
        return TwilioSocket(
            self._sockets,
            self._switchboard,
            self._check,
            lead_ms=self._settings.twilio_lead_ms,
            dead_peer_seconds=self._settings.dead_peer_seconds,
            max_message_bytes=self._settings.max_frame_bytes,
        )

    def _check(self, start: Start) -> bool:
        return self._nonces.take(start.parameters.get("nonce", ""), start.call_sid, start.parameters)
