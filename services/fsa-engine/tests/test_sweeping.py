"""Sessions that lost their engine are visited, each with the line of its own call."""

from typing import Any

from chassis import rpc
from fsa_engine.adapters.line_post import Line
from fsa_engine.adapters.session_store import SessionStore
from fsa_engine.open_intents import Visit
from fsa_engine.sweeping import Sweeper
from fsa_engine.testing import FakeSession
from opusagent.call.v1.call_pb2 import CHANNEL_TEXT, CHANNEL_TWILIO, CallInfo, Route
from opusagent.session.v1 import session_pb2 as api


class Visited(dict[str, Any]):
    """Conversations that take note of who visits them; none is at work."""

    def __contains__(self, session_id: object) -> bool:
        return False

    def attend(self, session_id: str, visit: Visit) -> None:
        self[session_id] = visit


class Stranger:
    """A runner to which every intent is another process's, whose try is over."""

    def owns(self, intent: api.Intent) -> bool:
        return False

    def left_seconds(self, intent: api.Intent) -> float:
        return 0.0


async def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing is to be tried again")


async def test_a_call_in_text_has_no_line_to_anybodys_relay_or_gateway() -> None:
    session, visited = FakeSession(), Visited()
    route = Route(gateway_slot=3, relay_slot=4, relay_generation=5)
    for name, channel, way in (("spoken", CHANNEL_TWILIO, route), ("text", CHANNEL_TEXT, Route())):
        info = CallInfo(call_id=f"call-{name}", session_id=name, channel=channel)
        session.calls.append(api.FindCallResponse(call=info, live=True, route=way))
        session.session(name).business.open_tasks.add(task_id="t1")
        await session.SaveTask(_orphan(name), None)
    store = SessionStore(rpc.direct(session), 0.001, 0.001, no_sleep)
    await Sweeper(store, visited, Stranger(), 0).sweep()  # type: ignore[arg-type]
    assert {name: visit.line for name, visit in visited.items()} == {
        "spoken": Line("call-spoken", relay_slot=4, relay_generation=5, gateway_slot=3),
        "text": None,
    }


def _orphan(session_id: str) -> api.SaveTaskRequest:
    return api.SaveTaskRequest(session_id=session_id, event_id="e", intents=[api.Intent(intent_id="e/i0", kind="tool")])
