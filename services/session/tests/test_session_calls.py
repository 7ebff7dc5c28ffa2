"""Calls through the API, on every kind of store."""

import asyncio
from contextlib import suppress

import pytest

from chassis.rpc import RpcError, StatusCode, direct
from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api
from session.adapters.memory import MemoryStore
from session.testing import Killed


async def test_a_first_call_gets_a_session_slots_and_generation_one(stored_world):
    app = await stored_world.live()
    opened = await stored_world.open(app, "CA1", gateway_slot=7, now_ms=123)
    info, route = opened.call, opened.route
    assert (info.caller, info.callee, info.started_at_ms, info.resumed) == ("+15551230001", "+15550199", 123, False)
    assert info.call_id
    assert info.session_id
    assert (route.gateway_slot, route.gateway_generation, route.relay_generation) == (7, 1, 1)
    assert not opened.reattached


async def test_the_same_provider_call_is_attached_and_its_generation_rises(stored_world):
    app = await stored_world.live()
    first = await stored_world.open(app, "CA1", gateway_slot=1)
    second = await stored_world.open(app, "CA1", gateway_slot=2)
    request = api.AttachCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1", gateway_slot=3)
    third = await direct(app.servicer).AttachCall(request)
    assert second.reattached
    assert first.call == second.call == third.call
    assert [answer.route.gateway_generation for answer in (first, second, third)] == [1, 2, 3]
    assert (third.route.gateway_slot, third.route.relay_generation) == (3, 1)


async def test_the_same_id_on_another_channel_is_another_call(stored_world):
    app = await stored_world.live()
    first = await stored_world.open(app, "1", channel=call.CHANNEL_TWILIO)
    second = await stored_world.open(app, "1", channel=call.CHANNEL_AUDIOCODES)
    assert first.call.call_id != second.call.call_id


async def test_racing_requests_for_one_provider_call_make_one_call(stored_world):
    apps = [await stored_world.live(), await stored_world.live()]
    answers = await asyncio.gather(*(stored_world.open(app, "CA1") for app in apps * 3))
    assert len({answer.call.call_id for answer in answers}) == 1
    assert sorted(answer.route.gateway_generation for answer in answers) == [1, 2, 3, 4, 5, 6]
    listed = await direct(apps[0].servicer).ListCalls(api.ListCallsRequest())
    assert len(listed.calls) == 1


async def test_racing_calls_of_one_caller_are_two_sessions(stored_world):
    apps = [await stored_world.live(), await stored_world.live()]
    answers = await asyncio.gather(*(stored_world.open(app, f"CA{n}") for n, app in enumerate(apps)))
    assert len({answer.call.session_id for answer in answers}) == 2


async def test_find_and_list_know_live_from_ended(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    one, two = await stored_world.open(app, "CA1"), await stored_world.open(app, "CA2", caller="")
    await stored_world.hang_up(one)
    await stored_world.settle(app)
    found = await client.FindCall(api.FindCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1"))
    assert (found.call, found.live) == (one.call, False)
    listed = await client.ListCalls(api.ListCallsRequest())
    assert [known.call.call_id for known in listed.calls] == [two.call.call_id]
    with pytest.raises(RpcError) as attached:
        await client.AttachCall(api.AttachCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1"))
    with pytest.raises(RpcError) as unknown:
        await client.FindCall(api.FindCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA9"))
    assert attached.value.code is unknown.value.code is StatusCode.NOT_FOUND


@pytest.mark.parametrize("caller", ["", "anonymous", " Anonymous ", "unknown", "+266696687"])
async def test_a_withheld_number_is_always_new_and_never_texted(world, caller):
    app = await world.live()
    first = await world.open(app, "CA1", caller=caller)
    await world.work(app, first, "e1")
    await world.hang_up(first)
    await world.settle(app)
    world.time.advance(60)
    await world.settle(app)
    second = await world.open(app, "CA2", caller=caller)
    assert second.call.session_id != first.call.session_id
    assert not second.call.resumed
    assert second.call.caller == ""
    assert world.commands() == []


async def test_a_call_without_identity_is_refused(world):
    app = await world.live()
    with pytest.raises(RpcError) as refused:
        await direct(app.servicer).OpenCall(api.OpenCallRequest(caller="+15551230001"))
    assert refused.value.code is StatusCode.INVALID_ARGUMENT


async def test_a_dropped_session_is_resumed_by_the_next_call_to_the_same_number(stored_world):
    app = await stored_world.live()
    first = await stored_world.open(app, "CA1", caller="+1 (555) 123-0001")
    await stored_world.work(app, first, "e1")
    await stored_world.hang_up(first)
    await stored_world.settle(app)
    elsewhere = await stored_world.open(app, "CA2", callee="+15550777")
    assert elsewhere.call.session_id != first.call.session_id
    back = await stored_world.open(app, "CA3", caller="0015551230001")
    assert back.call.session_id == first.call.session_id
    assert back.call.resumed
    assert back.call.call_id != first.call.call_id
    loaded = await direct(app.servicer).LoadTask(api.LoadTaskRequest(session_id=back.call.session_id))
    assert loaded.snapshot == b"state"


async def test_a_session_that_is_live_is_not_resumed_elsewhere(world):
    app = await world.live()
    first = await world.open(app, "CA1")
    await world.work(app, first, "e1")
    second = await world.open(app, "CA2")
    assert second.call.session_id != first.call.session_id
    asked = await world.open(app, "CA3", resume_session_id=first.call.session_id)
    assert asked.call.session_id not in (first.call.session_id, "")


async def test_a_finished_session_is_not_resumed(world):
    app = await world.live()
    first = await world.open(app, "CA1")
    await world.work(app, first, "e1", closing_spoken=True)
    await world.hang_up(first)
    await world.settle(app)
    assert (await world.open(app, "CA2")).call.session_id != first.call.session_id


async def test_after_the_ttl_the_caller_is_new_and_the_log_says_so_once(stored_world):
    app = await stored_world.live()
    first = await stored_world.open(app, "CA1")
    await stored_world.work(app, first, "e1", resume_ttl_ms=20_000)
    await stored_world.hang_up(first)
    await stored_world.settle(app)
    stored_world.time.advance(20)
    second = await stored_world.open(app, "CA2")
    await stored_world.settle(app)
    assert second.call.session_id != first.call.session_id
    assert not second.call.resumed
    expired = stored_world.facts("session_expired")
    assert [fact.session_id for fact in expired] == [first.call.session_id]
    assert stored_world.commands() == []


async def test_a_dialled_call_goes_on_in_its_session(world):
    app = await world.live()
    first = await world.open(app, "CA1")
    await world.work(app, first, "e1")
    await world.hang_up(first)
    await world.settle(app)
    dialled = await world.open(
        app, "CA2", direction=call.DIRECTION_OUTBOUND, resume_session_id=first.call.session_id, callee="something"
    )
    assert dialled.call.session_id == first.call.session_id
    assert dialled.call.resumed
    assert (dialled.call.direction, dialled.call.callee) == (call.DIRECTION_OUTBOUND, "+15550199")


async def test_a_provider_call_that_ended_and_comes_again_is_a_new_call_in_the_same_session(world):
    app = await world.live()
    first = await world.open(app, "CA1")
    await world.work(app, first, "e1")
    await world.hang_up(first, call.END_REASON_LEG_LOST)
    await world.settle(app)
    again = await world.open(app, "CA1")
    assert again.call.session_id == first.call.session_id
    assert again.call.call_id != first.call.call_id
    assert not again.reattached


async def test_without_a_slot_there_is_no_call(world):
    app = await world.live()
    request = api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1")
    with pytest.raises(RpcError) as refused:
        await direct(app.servicer).OpenCall(request)
    assert refused.value.code is StatusCode.RESOURCE_EXHAUSTED
    assert (await world.open(app, "CA1")).route.gateway_generation == 1


async def test_open_call_survives_a_kill_at_every_step(make_world):
    steps, blown = 0, True
    while blown:
        world = make_world(MemoryStore())
        await world.slots(await world.live())
        app = await world.live(start=False)
        fuse = world.fuse_of(app)
        fuse.arm(steps)
        request = api.OpenCallRequest(channel=call.CHANNEL_TWILIO, provider_call_id="CA1", caller="+15551230001")
        with suppress(Killed):
            await direct(app.servicer).OpenCall(request)
        blown = fuse.blown
        second = await world.live()
        answer = await direct(second.servicer).OpenCall(request)
        listed = await direct(second.servicer).ListCalls(api.ListCallsRequest())
        assert [known.call.call_id for known in listed.calls] == [answer.call.call_id]
        assert answer.route.gateway_generation in (1, 2)
        await world.end()
        steps += 1
    assert steps > 8
