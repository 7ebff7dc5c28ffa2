"""Form bodies of Twilio's requests, and the answers to them."""

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

from gateway import metrics

MAX_BODY = 64 * 1024
MAX_FIELDS = 500
BODY_SECONDS = 10.0


async def read_form(request: Request) -> FormData:
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


class Multi(dict[str, Any]):
    """A form as the SDK's validator reads it: every value of a field, blank ones too."""

    def __init__(self, form: FormData) -> None:
        super().__init__((name, value) for name, value in form.multi_items() if isinstance(value, str))
        self._form = form

    def getlist(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for value in self._form.getlist(name) if isinstance(value, str)]


def field(form: FormData, name: str) -> str:
    """Return one field of a form, empty where it is absent."""
    value = form.get(name)
    return value[:2000] if isinstance(value, str) else ""


def xml(response: VoiceResponse | MessagingResponse) -> Response:
    """Answer with a document."""
    return Response(str(response), media_type="text/xml")


def rejected(status: int, reason: str) -> Response:
    """Answer with a status, and count why."""
    metrics.REJECTED.labels(reason).inc()
    return Response(reason, status_code=status, media_type="text/plain")
