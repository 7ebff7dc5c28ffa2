"""The operator's view of the calls that are here: `GET /calls` on the operator's port."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chassis.ids import Clock
from gateway.domain.numbers import masked
from gateway.live_call import LiveCall
from gateway.ports import channel_name
from gateway.switchboard import Switchboard
from opusagent.call.v1.call_pb2 import Direction, Encoding


def routes(switchboard: Switchboard, clock: Clock) -> list[Route]:
    """Return the gateway's routes for the operator's port."""

    async def calls(_: Request) -> JSONResponse:
        return JSONResponse([view(call, clock()) for call in switchboard])

    return [Route("/calls", calls)]


def view(call: LiveCall, now_ms: int) -> dict[str, object]:
    """Return what an operator may see of a call; numbers are masked."""
    info, route = call.info, call.route
    encoding = Encoding.Name(info.format.encoding).removeprefix("ENCODING_").lower()
    return {
        "call_id": info.call_id,
        "session_id": info.session_id,
        "channel": channel_name(info.channel),
        "direction": Direction.Name(info.direction).removeprefix("DIRECTION_").lower(),
        "caller": masked(info.caller),
        "codec": f"{encoding}/{info.format.sample_rate_hz}",
        "state": call.phase.value,
        "age_seconds": round(max(0, now_ms - info.started_at_ms) / 1000, 1),
        "media_seconds": round(call.media_ms / 1000, 1),
        "waiting_ms": call.waiting_ms,
        "generation": route.gateway_generation,
        "relay_slot": route.relay_slot,
        "engine_slot": route.engine_slot,
    }
