"""The official client against a local server that answers as Twilio does."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chassis.http import HttpServer
from notifier.adapters.twilio import TwilioProvider
from notifier.domain.outcomes import NotNow, Refused, Unclear
from notifier.domain.twilio_errors import TREATMENTS, Treatment, treatment
from notifier.settings import NotifierSettings
from notifier.testing import sms
from opusagent.notify.v1.notify_pb2 import NotifyCommand, PlaceCall

ACCOUNT = "AC" + "1" * 32


class Twilio:
    """Messages and calls of one account; `answers` are given before it behaves."""

    def __init__(self) -> None:
        self.answers: list[Response | str] = []
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.made: dict[str, list[dict[str, object]]] = {"Messages": [], "Calls": []}
        self.closing = asyncio.Event()
        self.app = Starlette(
            routes=[Route(f"/2010-04-01/Accounts/{ACCOUNT}/{{kind}}.json", self.handle, methods=["GET", "POST"])]
        )
        self.url = ""

    async def handle(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        assert request.headers["authorization"].startswith("Basic ")
        if request.method == "GET":
            return self._list(kind, request)
        form = parse_qs((await request.body()).decode())
        self.requests.append((kind, form))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Response):
            return answer
        made = self._make(kind, form)
        if answer == "silence":
            await self.closing.wait()
        return JSONResponse(made, 201)

    def _make(self, kind: str, form: dict[str, list[str]]) -> dict[str, object]:
        sid = ("SM" if kind == "Messages" else "CA") + f"{len(self.made[kind]):032x}"
        made: dict[str, object] = {
            "sid": sid,
            "to": form["To"][0],
            "from": form.get("From", [None])[0],
            "body": form.get("Body", [None])[0],
            "direction": "outbound-api",
            "status": "queued",
            "date_created": format_datetime(datetime.now(UTC)),
            "date_sent": None,
        }
        self.made[kind].append(made)
        return made

    def _list(self, kind: str, request: Request) -> Response:
        found = [made for made in reversed(self.made[kind]) if made["to"] == request.query_params["To"]]
        return JSONResponse({kind.lower(): found, "page": 0, "page_size": 50, "next_page_uri": None})


def refusal(status: int, code: int) -> Response:
    return JSONResponse({"code": code, "message": "no", "more_info": "", "status": status}, status)


@pytest_asyncio.fixture
async def twilio() -> AsyncIterator[Twilio]:
    stand_in = Twilio()
    server = HttpServer(stand_in.app, "127.0.0.1", 0, ws="none")
    await server.start()
    stand_in.url = f"http://127.0.0.1:{server.port}"
    yield stand_in
    stand_in.closing.set()
    await server.stop()


@pytest_asyncio.fixture
async def provider(twilio: Twilio) -> AsyncIterator[TwilioProvider]:
    made = TwilioProvider(configured(twilio_base_url=twilio.url))
    yield made
    await made.stop()


def configured(**values: object) -> NotifierSettings:
    return NotifierSettings(
        **{
            "notifier_provider": "twilio",
            "public_url": "https://gw.example.com/",
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": "secret",
            "twilio_from_number": "+15550100",
            "twilio_timeout_seconds": 5,
            **values,
        }
    )


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def command(**fields: object) -> NotifyCommand:
    return sms(requested_at_ms=now_ms(), **fields)


def dial() -> NotifyCommand:
    return NotifyCommand(
        command_id="session-1/dial/SM1",
        session_id="session-1",
        requested_at_ms=now_ms(),
        place_call=PlaceCall(to_number="+15551230001"),
    )


async def test_an_sms_is_sent_from_the_number_that_was_called(twilio, provider):
    assert re.fullmatch("SM[0-9a-f]{32}", await provider.attempt(command()))
    [(kind, form)] = twilio.requests
    assert kind == "Messages"
    assert form == {
        "To": ["+15551230001"],
        "From": ["+15550199"],
        "Body": ["Reply CALL to continue."],
        "StatusCallback": ["https://gw.example.com/twilio/sms-status?session=session-1"],
    }


async def test_without_a_called_number_the_operators_sender_is_used(twilio, provider):
    unnamed = command()
    unnamed.send_sms.from_number = ""
    await provider.attempt(unnamed)
    assert twilio.requests[0][1]["From"] == ["+15550100"]


async def test_a_messaging_service_chooses_the_sender(twilio):
    service = "MG" + "2" * 32
    provider = TwilioProvider(configured(twilio_base_url=twilio.url, twilio_messaging_service_sid=service))
    await provider.attempt(command())
    assert twilio.requests[0][1]["MessagingServiceSid"] == [service]
    assert "From" not in twilio.requests[0][1]
    await provider.stop()


async def test_a_call_brings_the_caller_to_the_gateway_with_his_session(twilio, provider):
    assert (await provider.attempt(dial())).startswith("CA")
    form = twilio.requests[0][1]
    assert form["Url"] == ["https://gw.example.com/twilio/voice?session=session-1"]
    assert form["StatusCallback"] == [
        "https://gw.example.com/twilio/status?session=session-1&command=session-1%2Fdial%2FSM1"
    ]
    assert form["StatusCallbackEvent"] == ["answered", "completed"]
    assert (form["To"], form["From"]) == (["+15551230001"], ["+15550100"])


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, 20429, NotNow),
        (400, 21611, NotNow),
        (400, 21610, Refused),
        (400, 21211, Refused),
        (401, 20003, Refused),
        (418, 99999, Refused),
        (500, 20500, Unclear),
        (503, 99999, Unclear),
    ],
)
async def test_an_error_answer_is_what_the_table_says(twilio, provider, status, code, expected):
    twilio.answers = [refusal(status, code)]
    with pytest.raises(expected) as failed:
        await provider.attempt(command())
    assert failed.type is expected
    assert str(code) in failed.value.detail
    if expected is Refused:
        assert failed.value.reason == ("opted_out" if code == 21610 else "permanent")
        assert failed.value.configuration is (code == 20003)
    if expected is Unclear:
        assert failed.value.answered


@pytest.mark.parametrize("status", [429, 502])
async def test_an_error_page_of_a_proxy_is_read_by_its_status(twilio, provider, status):
    twilio.answers = [PlainTextResponse("<html>", status)]
    with pytest.raises(NotNow if status == 429 else Unclear):
        await provider.attempt(command())


@pytest.mark.parametrize("body", ["", "not json", "[]", "{}"])
async def test_a_success_that_cannot_be_read_is_unclear(twilio, provider, body):
    twilio.answers = [Response(body, 201)]
    with pytest.raises(Unclear):
        await provider.attempt(command())


async def test_an_answer_that_does_not_come_is_unclear_and_the_message_is_found(twilio):
    provider = TwilioProvider(configured(twilio_base_url=twilio.url, twilio_timeout_seconds=0.2))
    twilio.answers = ["silence"]
    asked = command()
    with pytest.raises(Unclear) as failed:
        await provider.attempt(asked)
    assert not failed.value.answered
    assert await provider.find(asked) == twilio.made["Messages"][0]["sid"]
    await provider.stop()


async def test_a_closed_port_means_that_nothing_was_sent():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    provider = TwilioProvider(configured(twilio_base_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(NotNow):
        await provider.attempt(command())
    with pytest.raises(NotNow):
        await provider.find(command())
    await provider.stop()


async def test_a_connection_that_breaks_without_an_answer_is_unclear():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = TwilioProvider(configured(twilio_base_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(Unclear):
        await provider.attempt(command())
    await provider.stop()
    server.close()
    await server.wait_closed()


async def test_a_look_up_tells_ours_from_others(twilio, provider):
    asked = command()
    old = format_datetime(datetime.now(UTC) - timedelta(seconds=60))
    await provider.attempt(asked)
    [made] = twilio.made["Messages"]
    for wrong in (
        {"body": "Something else"},
        {"date_created": old},
        {"direction": "inbound"},
        {"to": "+15559999999"},
    ):
        twilio.made["Messages"] = [made | wrong]
        assert await provider.find(asked) is None
    trial = {"body": f"Sent from your Twilio trial account - {asked.send_sms.body}", "from": "+1555"}
    twilio.made["Messages"] = [made | trial]
    assert await provider.find(asked) == made["sid"]


async def test_a_call_is_looked_up_by_number_and_time(twilio, provider):
    asked = dial()
    assert await provider.find(asked) is None
    sid = await provider.attempt(asked)
    assert await provider.find(asked) == sid
    twilio.made["Calls"][0]["direction"] = "inbound"
    assert await provider.find(asked) is None


async def test_from_the_log_to_twilio_and_back(twilio, provider, office):
    twilio.answers = [refusal(429, 20429), refusal(500, 20500)]
    app = await office.open(provider)
    await office.ask(app, command())
    [fact] = await office.facts()
    assert fact.sms_sent.provider_message_id == twilio.made["Messages"][0]["sid"]
    assert len(twilio.requests) == 3
    assert len(twilio.made["Messages"]) == 1


async def test_an_opted_out_recipient_is_told_apart_on_the_log(twilio, provider, office):
    twilio.answers = [refusal(400, 21610)]
    app = await office.open(provider)
    await office.ask(app, command())
    assert (await office.facts())[0].sms_failed.reason == "opted_out"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, Treatment.PERMANENT) for code in (21211, 21612, 21614, 21635, 21617, 21605, 14107, 20404)),
        *((code, Treatment.PERMANENT) for code in (30004, 30005, 30006, 30007, 30010)),
        *((code, Treatment.CONFIGURATION) for code in (21212, 21603, 21606, 21408, 21608, 21703, 21704, 21705)),
        *((code, Treatment.CONFIGURATION) for code in (20003, 20005, 30002, 30032, 30034)),
        (21610, Treatment.OPTED_OUT),
        *((code, Treatment.LATER) for code in (21611, 20429, 30001, 30003, 30008, 30022, 30023, 30036)),
        *((code, Treatment.SERVER) for code in (20500, 20503)),
    ],
)
def test_the_table_of_codes(code, expected):
    assert TREATMENTS[code] is expected
    assert treatment(code, 400) is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, Treatment.PERMANENT), (408, Treatment.SERVER), (429, Treatment.LATER), (599, Treatment.SERVER)],
)
def test_an_unknown_code_goes_by_the_status(status, expected):
    assert treatment(None, status) is expected
    assert treatment(12345, status) is expected


def test_every_missing_credential_is_named_at_once():
    with pytest.raises(ValidationError) as error:
        NotifierSettings(notifier_provider="twilio")
    assert all(name in str(error.value) for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL"))
    configured(twilio_auth_token="", twilio_api_key_sid="SK1", twilio_api_key_secret="s")
