"""The key of a session, and the transfer of a call, on every kind of store."""

import pytest

from chassis import sealing
from chassis.bus import CALL_EVENTS
from chassis.rpc import RpcError, StatusCode, direct
from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api

TRANSFER = api.PendingTransfer(
    transfer=call.TransferCall(target="tel:+15550123", summary="Wants to move an appointment.", timeout_s=20)
)


def found(client, provider_call_id="CA1"):
    return client.FindCall(api.FindCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id=provider_call_id))


def attach(client, provider_call_id="CA1"):
    return client.AttachCall(api.AttachCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id=provider_call_id))


def note(opened, transfer=TRANSFER):
    return api.NoteTransferRequest(session_id=opened.call.session_id, call_id=opened.call.call_id, transfer=transfer)


async def test_gateway_and_engine_get_the_key_of_the_session(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    other = await stored_world.open(app, "CA2", caller="+15551230002")
    again = await stored_world.open(app, "CA1")
    attached = await attach(client)
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=opened.call.session_id))
    assert len(opened.session_key) == sealing.KEY_BYTES
    assert opened.session_key == again.session_key == attached.session_key == loaded.session_key
    assert other.session_key != opened.session_key


async def test_a_deleted_key_is_gone_and_the_next_call_gets_another(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    await stored_world.work(app, opened, "e1")
    session_id = opened.call.session_id
    await client.DeleteKey(api.DeleteKeyRequest(session_id=session_id))
    loaded = await client.LoadTask(api.LoadTaskRequest(session_id=session_id))
    assert (loaded.session_key, loaded.version) == (b"", 1)
    await stored_world.hang_up(opened)
    await stored_world.settle(app)
    resumed = await stored_world.open(app, "CA2")
    assert resumed.call.session_id == session_id
    assert len(resumed.session_key) == sealing.KEY_BYTES
    assert resumed.session_key != opened.session_key


async def test_deleting_a_key_of_no_session_is_refused(world):
    app = await world.live()
    with pytest.raises(RpcError) as refused:
        await direct(app.servicer).DeleteKey(api.DeleteKeyRequest(session_id="s0-none"))
    assert refused.value.code is StatusCode.NOT_FOUND


async def test_no_key_is_on_any_topic(world):
    app = await world.live()
    opened = await world.open(app, "CA1")
    await world.work(app, opened, "e1")
    await world.hang_up(opened)
    await world.settle(app)
    assert world.bus.records
    assert not any(opened.session_key in value for value in world.bus.values(CALL_EVENTS))


async def test_a_gateway_that_takes_over_learns_that_the_caller_is_private(stored_world):
    app = await stored_world.live()
    opened = await stored_world.open(app, "CA1")
    await stored_world.work(app, opened, "e1", caller_private=True)
    attached = await attach(direct(app.servicer))
    assert (opened.caller_private, attached.caller_private) == (False, True)
    await stored_world.work(app, opened, "e2")
    assert not (await attach(direct(app.servicer))).caller_private


async def test_a_transfer_is_known_to_every_gateway_until_the_leg_is_back(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    assert not (await found(client)).HasField("transfer")
    await client.NoteTransfer(note(opened))
    assert (await found(client)).transfer == TRANSFER
    answered = api.PendingTransfer(transfer=TRANSFER.transfer, answered=True)
    await client.NoteTransfer(note(opened, answered))
    assert (await found(client)).transfer == answered
    back = await stored_world.open(app, "CA1")
    assert (back.reattached, back.transfer) == (True, answered)
    assert not (await found(client)).HasField("transfer")
    assert not (await attach(client)).HasField("transfer")


async def test_a_transfer_that_came_to_nothing_is_forgotten(world):
    app = await world.live()
    client = direct(app.servicer)
    opened = await world.open(app, "CA1")
    await client.NoteTransfer(note(opened))
    await client.NoteTransfer(note(opened, api.PendingTransfer()))
    assert not (await found(client)).HasField("transfer")


async def test_a_call_that_has_ended_keeps_no_transfer(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    opened = await stored_world.open(app, "CA1")
    await client.NoteTransfer(note(opened))
    await stored_world.hang_up(opened, call.END_REASON_TRANSFERRED)
    await stored_world.settle(app)
    ended = await found(client)
    assert (ended.live, ended.HasField("transfer")) == (False, False)
    with pytest.raises(RpcError) as refused:
        await client.NoteTransfer(note(opened))
    assert refused.value.code is StatusCode.NOT_FOUND
    with pytest.raises(RpcError) as unknown:
        await client.NoteTransfer(api.NoteTransferRequest(session_id="s0-none", call_id="x"))
    assert unknown.value.code is StatusCode.NOT_FOUND


async def test_the_list_of_calls_tells_nothing_of_transfers(world):
    app = await world.live()
    opened = await world.open(app, "CA1")
    client = direct(app.servicer)
    await client.NoteTransfer(note(opened))
    listed = await client.ListCalls(api.ListCallsRequest())
    assert [known.HasField("transfer") for known in listed.calls] == [False]
