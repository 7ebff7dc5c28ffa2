from chassis.bus_inprocess import InProcessBus
from chassis.rpc import direct
from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api
from session.adapters.memory import MemoryStore
from session.bootstrap import build
from session.settings import SessionSettings


async def test_a_call_is_opened_and_a_step_saved():
    bus = InProcessBus()
    await bus.start()
    app = build(SessionSettings(), bus, MemoryStore())
    await app.start()
    client = direct(app.servicer)
    for role in (api.ROLE_RELAY, api.ROLE_ENGINE):
        await client.LeaseSlot(api.LeaseSlotRequest(role=role, holder="one", capacity=2, ready=True))
    opened = await client.OpenCall(
        api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1", caller="+15551230001", callee="+1555")
    )
    saved = await client.SaveTask(
        api.SaveTaskRequest(session_id=opened.call.session_id, event_id="e1", snapshot=b"s")
    )
    assert saved.version == 1
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=opened.call.session_id))
    assert loaded.snapshot == b"s"
    await app.stop()
    await bus.stop()
