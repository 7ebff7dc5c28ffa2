"""TwiML that rings a human for a caller, and the paths of what Twilio asks meanwhile."""

from urllib.parse import urlencode

from twilio.twiml.voice_response import Dial, VoiceResponse

from gateway.domain.numbers import telephone_number
from gateway.domain.transfer import number_in
from opusagent.call.v1.call_pb2 import TransferCall

DIALED_PATH = "/twilio/dialed"
"""Told what became of it, when the human has hung up or was not reached."""
WHISPER_PATH = "/twilio/whisper"
"""Asked what to say to him once he has picked up; the caller does not hear it."""


def dial(base_url: str, call_sid: str, transfer: TransferCall, caller_id: str) -> VoiceResponse:
    """Return the document. Of the caller it names nothing but the call's sid: the summary is fetched by it."""
    shown = telephone_number(caller_id)
    response = VoiceResponse()
    ringing = Dial(
        action=f"{base_url}{DIALED_PATH}",
        method="POST",
        timeout=transfer.timeout_s,
        answer_on_bridge=True,
        **({"caller_id": shown} if shown else {}),
    )
    whisper = f"{base_url}{WHISPER_PATH}?{urlencode({'call': call_sid})}"
    number = number_in(transfer.target)
    if number:
        ringing.number(number, url=whisper, method="POST")
    else:
        ringing.sip(transfer.target, url=whisper, method="POST")
    response.append(ringing)
    return response
