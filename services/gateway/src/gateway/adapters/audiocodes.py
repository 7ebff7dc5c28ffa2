"""AudioCodes, whole: its socket and its health probe, from the settings."""

import hmac
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from gateway import metrics
from gateway.adapters.audiocodes_socket import AudioCodesSocket
from gateway.adapters.sockets import Sockets
from gateway.adapters.upgrade import Headers, Rejected
from gateway.settings import GatewaySettings
from gateway.switchboard import Switchboard

PATH = "/audiocodes"


class AudioCodes:
    """What the gateway serves AudioCodes."""

    path = PATH

    def __init__(self, settings: GatewaySettings, switchboard: Switchboard, sockets: Sockets) -> None:
        self._settings = settings
        self._tokens = settings.bearer_tokens
        self._switchboard = switchboard
        self._sockets = sockets
        self.router = APIRouter()
        self.router.add_api_route(PATH, self._probe, methods=["GET"], include_in_schema=False)

    def accept(self, headers: Headers) -> AudioCodesSocket:
        """Make the socket of an upgrade request.

        Raises:
            Rejected: 401, its bearer token is none of ours.
        """
        if not self._authorised(headers):
            raise Rejected(401, "token")
        return AudioCodesSocket(
            self._sockets,
            self._switchboard,
            lead_ms=self._settings.audiocodes_lead_ms,
            max_message_bytes=self._settings.max_frame_bytes,
        )

    async def _probe(self, request: Request) -> Response:
        """Answer Live Hub's check of the bot's URL."""
        if not self._authorised(request.headers):
            metrics.REJECTED.labels("token").inc()
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        return JSONResponse({"type": "ac-bot-api", "success": True})

    def _authorised(self, headers: Mapping[str, str]) -> bool:
        if not self._tokens:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, known.encode()) for known in self._tokens)
