"""Dropped calls: the grace period, one SMS per drop whatever dies, replies."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.rpc import direct
from opusagent.call.v1 import call_pb2 as call
from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2 as api
from session.adapters.memory import MemoryStore
from session.domain.messages import Wish, wish
from session.testing import Killed


async def drop(world, app, provider_call_id="CA1", reason=call.END_REASON_CALLER_HUNG_UP, **business):
    opened = await world.open(app, provider_call_id)
    await world.work(app, opened, f"{provider_call_id}/e", **business)
    await world.hang_up(opened, reason)
    await world.settle(app)
    return opened


async def wait(world, app, seconds):
    world.time.advance(seconds)
    await world.settle(app)


async def test_the_sms_goes_out_once_when_the_grace_period_is_over(stored_world):
    world = stored_world
    app = await world.live()
    opened = await drop(world, app)
    await wait(world, app, 7.9)
    assert world.commands() == []
    await wait(world, app, 0.1)
    await wait(world, app, 10)
    [command] = world.commands()
    assert command.send_sms.to_number == "+15551230001"
    assert command.send_sms.from_number == "+15550199"
    assert command.send_sms.body == "Reply CALL to continue."
    assert (command.session_id, command.call_id) == (opened.call.session_id, opened.call.call_id)
    [fact] = world.facts("sms_requested")
    assert fact.sms_requested.command_id == command.command_id
    view = await direct(app.servicer).GetSession(api.GetSessionRequest(session_id=opened.call.session_id))
    assert view.session.resumable_until_ms == command.expires_at_ms == world.time() - 18_000 + 3_600_000


async def test_the_alarm_rings_by_itself(world):
    world.settings.grace_seconds = 0.0
    app = await world.live()
    opened = await world.open(app, "CA1")
    await world.work(app, opened, "e1")
    await world.hang_up(opened)
    while not world.commands():
        await world.bus.next(len(world.bus.records))
    assert len(world.commands()) == 1


async def test_who_is_back_within_the_grace_period_gets_no_sms(stored_world):
    world = stored_world
    app = await world.live()
    first = await drop(world, app)
    await wait(world, app, 5)
    back = await world.open(app, "CA2")
    assert back.call.session_id == first.call.session_id
    await wait(world, app, 60)
    assert world.commands() == []


async def test_every_drop_of_a_session_has_its_own_sms(stored_world):
    world = stored_world
    app = await world.live()
    first = await drop(world, app, "CA1")
    await wait(world, app, 10)
    second = await drop(world, app, "CA2")
    await wait(world, app, 10)
    assert first.call.session_id == second.call.session_id
    assert [command.call_id for command in world.commands()] == [first.call.call_id, second.call.call_id]


@pytest.mark.parametrize(
    ("reason", "policy", "texted"),
    [
        (call.END_REASON_CALLER_HUNG_UP, api.SMS_POLICY_UNSPECIFIED, True),
        (call.END_REASON_CALLER_HUNG_UP, api.SMS_POLICY_UNFINISHED, True),
        (call.END_REASON_CALLER_HUNG_UP, api.SMS_POLICY_LOST_ONLY, False),
        (call.END_REASON_CALLER_HUNG_UP, api.SMS_POLICY_NEVER, False),
        (call.END_REASON_LEG_LOST, api.SMS_POLICY_LOST_ONLY, True),
        (call.END_REASON_PROVIDER_ERROR, api.SMS_POLICY_LOST_ONLY, True),
        (call.END_REASON_LEG_LOST, api.SMS_POLICY_NEVER, False),
        (call.END_REASON_AGENT_HUNG_UP, api.SMS_POLICY_UNFINISHED, False),
        (call.END_REASON_TRANSFERRED, api.SMS_POLICY_UNFINISHED, False),
    ],
)
async def test_how_the_leg_ended_and_the_policy_decide(world, reason, policy, texted):
    app = await world.live()
    opened = await drop(world, app, reason=reason, sms_on=policy)
    await wait(world, app, 10)
    assert len(world.commands()) == texted
    view = await direct(app.servicer).GetSession(api.GetSessionRequest(session_id=opened.call.session_id))
    deliberate = reason in (call.END_REASON_AGENT_HUNG_UP, call.END_REASON_TRANSFERRED)
    assert (view.session.resumable_until_ms > 0) is not deliberate


async def test_nothing_open_or_a_spoken_closing_is_no_drop(world):
    app = await world.live()
    await drop(world, app, "CA1", closing_spoken=True)
    opened = await world.open(app, "CA2", caller="+15559990000")
    await world.hang_up(opened)
    await wait(world, app, 10)
    assert world.commands() == []


async def test_a_step_saved_after_the_end_is_seen_when_the_sms_is_decided(world):
    app = await world.live()
    opened = await world.open(app, "CA1")
    await world.hang_up(opened)
    await world.settle(app)
    await world.work(app, opened, "late")
    await wait(world, app, 10)
    assert len(world.commands()) == 1
    second = await drop(world, app, "CA2")
    await world.work(app, second, "closing", closing_spoken=True)
    await wait(world, app, 10)
    assert len(world.commands()) == 1


async def test_an_end_reported_twice_is_one_drop(stored_world):
    world = stored_world
    app = await world.live()
    opened = await drop(world, app)
    await world.hang_up(opened, call.END_REASON_AGENT_HUNG_UP)
    await world.hang_up(opened)
    await wait(world, app, 10)
    await world.hang_up(opened)
    await wait(world, app, 10)
    assert len(world.commands()) == 1


async def test_garbage_and_strangers_on_the_log_are_passed_over(world):
    app = await world.live()
    await world.bus.append("call-events", "x", b"\xff\xff")
    await world.bus.append("call-events", "x", b"")
    await world.fact("no-such-session", "no-such-call", call_ended=events.CallEnded())
    await world.fact("no-such-session", sms_failed=events.SmsFailed(reason="opted_out"))
    await world.fact("no-such-session", call_placed=events.CallPlaced(command_id="x"))
    await world.fact("", sms_received=events.SmsReceived(body="CALL"))
    await drop(world, app)
    await wait(world, app, 10)
    assert len(world.commands()) == 1


async def _life(world, opened, kill_after, replicas=1):
    """One life of session on a log that holds the end of a call: killed after so many steps, or quiet at its end."""
    apps = []
    for number in range(replicas):
        app = await world.live(start=False)
        apps.append(app)
        if number == 0:
            world.fuse_of(app).arm(kill_after)
    for moment in range(3):
        for app in apps:
            try:
                if moment == 0:
                    await app.start()
                    await world.bus.caught_up()
                await app.alarms.look()
                await app.pump.idle()
            except Killed:
                pass
        world.time.advance(5)
    blown = world.fuse_of(apps[0]).blown
    for app in apps:
        await world.kill(app)
    return blown


async def _dropped_call(world):
    app = await world.live()
    opened = await world.open(app, "CA1")
    await world.work(app, opened, "e1")
    await world.settle(app)
    await world.kill(app)
    await world.hang_up(opened)
    return opened


def _one_sms(world):
    ids = [command.command_id for command in world.commands()]
    facts = [fact.event_id for fact in world.facts("sms_requested")]
    return len(set(ids)) == len(set(facts)) == 1


async def test_one_sms_whichever_step_session_dies_at(make_world):
    kill_after, blown = 0, True
    while blown:
        world = make_world(MemoryStore())
        opened = await _dropped_call(world)
        blown = await _life(world, opened, kill_after)
        await _life(world, opened, 10_000)
        assert _one_sms(world), f"killed after {kill_after} steps"
        await world.end()
        kill_after += 1
    assert kill_after > 20


@settings(max_examples=60, deadline=None)
@given(kills=st.lists(st.integers(0, 60), min_size=1, max_size=6), replicas=st.integers(1, 3))
def test_one_sms_however_often_it_dies_and_with_replicas(make_world, kills, replicas):
    async def run():
        world = make_world(MemoryStore())
        opened = await _dropped_call(world)
        for kill_after in [*kills, 10_000]:
            await _life(world, opened, kill_after, replicas)
        assert _one_sms(world)
        await world.end()

    asyncio.run(run())


async def test_replicas_decide_once(stored_world):
    world = stored_world
    apps = [await world.live() for _ in range(3)]
    opened = await world.open(apps[0], "CA1")
    await world.work(apps[0], opened, "e1")
    await world.hang_up(opened)
    await world.bus.caught_up()
    world.time.advance(10)
    await asyncio.gather(*(app.alarms.look() for app in apps * 2))
    for app in apps:
        await world.settle(app)
    assert len({command.command_id for command in world.commands()}) == 1
    assert len(world.commands()) == 1


async def sms(world, app, body, message_id, to_number="+15550199"):
    received = events.SmsReceived(
        provider_message_id=message_id, from_number="+15551230001", to_number=to_number, body=body
    )
    await world.fact("", sms_received=received)
    await world.settle(app)


def dials(world):
    return [command for command in world.commands() if command.WhichOneof("command") == "place_call"]


async def test_call_dials_once_even_when_repeated(stored_world):
    world = stored_world
    app = await world.live()
    opened = await drop(world, app)
    await wait(world, app, 10)
    await sms(world, app, " call! ", "SM1")
    await sms(world, app, " call! ", "SM1")
    await sms(world, app, "CALL", "SM2")
    await wait(world, app, 30)
    await sms(world, app, "CALL", "SM3")
    [command] = dials(world)
    assert command.place_call.to_number == "+15551230001"
    assert command.place_call.from_number == "+15550199"
    assert command.session_id == opened.call.session_id
    assert [fact.dial_requested.command_id for fact in world.facts("dial_requested")] == [command.command_id]


async def test_a_call_that_was_not_placed_may_be_asked_for_again(world):
    app = await world.live()
    opened = await drop(world, app)
    await wait(world, app, 10)
    await sms(world, app, "CALL", "SM1")
    first = dials(world)[0].command_id
    await world.fact(opened.call.session_id, call_not_placed=events.CallNotPlaced(command_id=first, reason="busy"))
    await wait(world, app, 6)
    await sms(world, app, "CALL", "SM2")
    await wait(world, app, 91)
    await sms(world, app, "CALL", "SM3")
    assert len({command.command_id for command in dials(world)}) == 3


async def test_call_does_not_dial_who_is_on_the_line_or_has_nothing_to_resume(world):
    app = await world.live()
    await sms(world, app, "CALL", "SM0")
    await drop(world, app)
    await wait(world, app, 10)
    await world.open(app, "CA2")
    await sms(world, app, "CALL", "SM1")
    assert dials(world) == []


async def test_call_after_the_ttl_does_not_dial(world):
    app = await world.live()
    await drop(world, app)
    await wait(world, app, 3601)
    await sms(world, app, "CALL", "SM1")
    assert dials(world) == []


async def test_call_rings_back_for_the_number_that_was_texted(world):
    app = await world.live()
    first = await drop(world, app)
    other = await world.open(app, "CA2", callee="+15550777")
    await world.work(app, other, "e2")
    await world.hang_up(other)
    await wait(world, app, 10)
    await sms(world, app, "CALL", "SM1", to_number="+15550199")
    await sms(world, app, "CALL", "SM2", to_number="+15550777")
    sessions = [command.session_id for command in dials(world)]
    assert sessions == [first.call.session_id, other.call.session_id]


async def test_asking_for_a_call_within_the_grace_period_replaces_the_sms(world):
    app = await world.live()
    await drop(world, app)
    await sms(world, app, "CALL", "SM1")
    await wait(world, app, 20)
    assert [command.WhichOneof("command") for command in world.commands()] == ["place_call"]


async def test_who_opted_out_gets_no_sms_until_he_opts_in(stored_world):
    world = stored_world
    app = await world.live()
    await sms(world, app, "Stop.", "SM1")
    await drop(world, app, "CA1")
    await wait(world, app, 10)
    assert world.commands() == []
    await sms(world, app, "START", "SM2")
    await sms(world, app, "Stop.", "SM1")
    await drop(world, app, "CA2")
    await wait(world, app, 10)
    assert len(world.commands()) == 1


async def test_an_opt_out_that_only_the_provider_knows_is_learned(world):
    app = await world.live()
    opened = await drop(world, app, "CA1")
    await wait(world, app, 10)
    failed = events.SmsFailed(command_id=world.commands()[0].command_id, reason="opted_out")
    await world.fact(opened.call.session_id, sms_failed=failed)
    await world.settle(app)
    await drop(world, app, "CA2")
    await wait(world, app, 10)
    assert len(world.commands()) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("CALL", Wish.CALL),
        ("call", Wish.CALL),
        ("  Call.\n", Wish.CALL),
        ("Call me!", Wish.CALL),
        ("CALL?", Wish.CALL),
        ("recall", Wish.OTHER),
        ("do not call", Wish.OTHER),
        ("STOP", Wish.STOP),
        ("stop all", Wish.STOP),
        ("Cancel", Wish.STOP),
        ("END", Wish.STOP),
        ("quit", Wish.STOP),
        ("unsubscribe", Wish.STOP),
        ("opt-out", Wish.STOP),
        ("revoke", Wish.STOP),
        ("stop calling me at night", Wish.OTHER),
        ("yes", Wish.START),
        ("Start", Wish.START),
        ("UNSTOP", Wish.START),
        ("", Wish.OTHER),
        ("\U0001f600", Wish.OTHER),
    ],
)
def test_what_a_message_asks_for(body, expected):
    assert wish(body) is expected
