"""The REST API: Messages and Calls of one account, as the official client uses them."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from simulator.twilio.errors import RestError
from simulator.twilio.faults import Faults
from simulator.twilio.records import API_VERSION, CallRecord, MessageRecord

if TYPE_CHECKING:
    from simulator.twilio.network import PhoneNetwork

_BASE = f"/{API_VERSION}/Accounts/{{account_sid}}"
MAX_PAGE = 1000


def build_app(network: "PhoneNetwork") -> FastAPI:
    """The application that serves `network`."""
    app = FastAPI(title="Twilio stand-in", docs_url=None, redoc_url=None, openapi_url=None)

    def authenticate(request: Request) -> None:
        user, password = _credentials(request)
        if not network.account.admits(user, password):
            raise RestError(401, 20003, "Authenticate")
        if request.path_params.get("account_sid") != network.account.sid:
            raise RestError(404, 20404, f"The requested resource {request.url.path} was not found")

    router = APIRouter(prefix=_BASE, dependencies=[Depends(authenticate)])
    _serve_messages(router, network)
    _serve_calls(router, network)
    app.include_router(router)

    @app.exception_handler(RestError)
    async def refuse(_: Request, error: RestError) -> JSONResponse:
        return JSONResponse(error.body(), status_code=error.status)

    @app.exception_handler(HTTPException)
    async def not_found(request: Request, error: HTTPException) -> JSONResponse:
        failed = RestError(error.status_code, 20404, f"The requested resource {request.url.path} was not found")
        return JSONResponse(failed.body(), status_code=error.status_code)

    return app


def _serve_messages(router: APIRouter, network: "PhoneNetwork") -> None:
    messages = network.messages

    @router.post("/Messages.json")
    async def create(request: Request) -> JSONResponse:
        form = await _form(request)
        return await _faulty(network, network.message_faults, lambda: messages.create(form))

    @router.get("/Messages.json")
    async def list_messages(request: Request) -> JSONResponse:
        query = dict(request.query_params)
        return JSONResponse(_page("messages", messages.find(query), request))

    @router.get("/Messages/{sid}.json")
    async def fetch(sid: str, request: Request) -> JSONResponse:
        record = messages.records.get(sid)
        if record is None:
            raise RestError(404, 20404, f"The requested resource {request.url.path} was not found")
        return JSONResponse(record.resource())


def _serve_calls(router: APIRouter, network: "PhoneNetwork") -> None:
    @router.post("/Calls.json")
    async def create(request: Request) -> JSONResponse:
        form = await request.form()
        fields = {name: str(value) for name, value in form.items()}
        events = [str(value) for value in form.getlist("StatusCallbackEvent")]
        return await _faulty(network, network.call_faults, lambda: network.create_call(fields, events))

    @router.get("/Calls.json")
    async def list_calls(request: Request) -> JSONResponse:
        query = request.query_params
        calls = [leg.call for leg in reversed(network.legs.values())]
        found = [call for call in calls if query.get("Status", call.status) == call.status]
        found = [call for call in found if query.get("To", call.to_number) == call.to_number]
        return JSONResponse(_page("calls", found, request))

    @router.get("/Calls/{sid}.json")
    async def fetch(sid: str, request: Request) -> JSONResponse:
        leg = network.legs.get(sid)
        if leg is None:
            raise RestError(404, 20404, f"The requested resource {request.url.path} was not found")
        return JSONResponse(leg.call.resource())

    @router.post("/Calls/{sid}.json")
    async def update(sid: str, request: Request) -> JSONResponse:
        call = await network.update_call(sid, await _form(request))
        return JSONResponse(call.resource())


async def _form(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


async def _faulty(
    network: "PhoneNetwork", faults: Faults, act: Callable[[], MessageRecord | CallRecord]
) -> JSONResponse:
    """Carry out a creating request, unless a fault is due."""
    fault = faults.take()
    if fault is not None and fault.status:
        raise RestError(fault.status, fault.code, fault.message)
    record = act()
    if fault is not None and fault.silent:
        await network.closing.wait()
    elif fault is not None:
        await _delay(network, fault.delay_s)
    return JSONResponse(record.resource(), status_code=201)


async def _delay(network: "PhoneNetwork", seconds: float) -> None:
    waits = [asyncio.create_task(network.closing.wait()), asyncio.create_task(network.clock.sleep(seconds))]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _page(name: str, records: Iterable[MessageRecord | CallRecord], request: Request) -> dict[str, Any]:
    query = dict(request.query_params)
    size = min(int(query.get("PageSize", "50")), MAX_PAGE)
    number = int(query.get("Page", "0"))
    rows = list(islice(records, number * size, number * size + size + 1))
    path = request.url.path
    following = f"{path}?{urlencode(query | {'Page': str(number + 1)})}" if len(rows) > size else None
    return {
        name: [row.resource() for row in rows[:size]],
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": number * size + len(rows[:size]) - 1,
        "uri": path,
        "first_page_uri": f"{path}?{urlencode(query | {'Page': '0'})}",
        "next_page_uri": following,
        "previous_page_uri": None,
    }


def _credentials(request: Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
