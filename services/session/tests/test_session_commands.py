"""The notifier's claims, and commands whose outcome stays out."""

import pytest

from chassis import tracing
from chassis.rpc import RpcError, StatusCode, direct
from opusagent.events.v1 import events_pb2 as events
from opusagent.session.v1 import session_pb2 as api


async def one_sms(world, app):
    opened = await world.open(app, "CA1")
    await world.work(app, opened, "e1")
    await world.hang_up(opened)
    await world.settle(app)
    world.time.advance(10)
    await world.settle(app)
    [command] = world.commands()
    return command


async def claim(app, command, holder, undone=False):
    request = api.ClaimCommandRequest(
        session_id=command.session_id, command_id=command.command_id, holder=holder, undone=undone
    )
    answer = await direct(app.servicer).ClaimCommand(request)
    return api.CommandStanding.Name(answer.standing).removeprefix("COMMAND_STANDING_")


async def test_one_process_has_a_command_and_after_its_silence_the_next(stored_world):
    world = stored_world
    app = await world.live()
    command = await one_sms(world, app)
    assert await claim(app, command, "a") == "FRESH"
    assert await claim(app, command, "b") == "BUSY"
    world.time.advance(59)
    assert await claim(app, command, "a") == "YOURS"
    world.time.advance(59)
    assert await claim(app, command, "b") == "BUSY"
    world.time.advance(1)
    assert await claim(app, command, "b") == "UNCERTAIN"
    assert await claim(app, command, "a") == "BUSY"
    assert await claim(app, command, "b") == "YOURS"


async def test_after_an_attempt_that_did_nothing_the_next_process_may_try_again(stored_world):
    world = stored_world
    app = await world.live()
    command = await one_sms(world, app)
    await claim(app, command, "a")
    assert await claim(app, command, "a", undone=True) == "YOURS"
    assert await claim(app, command, "b") == "BUSY"
    world.time.advance(60)
    assert await claim(app, command, "b") == "FRESH"
    world.time.advance(60)
    assert await claim(app, command, "c") == "UNCERTAIN"


@pytest.mark.parametrize("outcome", ["sms_sent", "sms_failed"])
async def test_a_command_whose_outcome_is_known_is_settled_and_not_issued_again(world, outcome):
    app = await world.live()
    command = await one_sms(world, app)
    fact = {"sms_sent": events.SmsSent, "sms_failed": events.SmsFailed}[outcome](command_id=command.command_id)
    await world.fact(command.session_id, **{outcome: fact})
    await world.settle(app)
    assert await claim(app, command, "a") == "SETTLED"
    world.time.advance(600)
    await world.settle(app)
    assert len(world.commands()) == 1


async def test_a_command_without_an_outcome_is_issued_again_until_it_expires(stored_world):
    world = stored_world
    app = await world.live()
    command = await one_sms(world, app)
    for _ in range(200):
        world.time.advance(30)
        await world.settle(app)
    issued = world.commands()
    assert {again.command_id for again in issued} == {command.command_id}
    assert 4 < len(issued) < 12
    assert await claim(app, command, "a") == "SETTLED"


async def test_a_command_belongs_to_the_trace_of_its_call_however_often_it_is_issued(stored_world):
    world = stored_world
    opened_in = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    app = await world.live()
    with tracing.under(tracing.from_field(opened_in)):
        await one_sms(world, app)
    world.time.advance(600)
    await world.settle(app)
    issued = world.commands()
    assert len(issued) > 1
    assert {command.traceparent for command in issued} == {opened_in}


async def test_a_claimed_command_is_not_issued_again_while_the_claim_holds(world):
    app = await world.live()
    command = await one_sms(world, app)
    for _ in range(10):
        assert await claim(app, command, "a") in ("FRESH", "YOURS")
        world.time.advance(50)
        await world.settle(app)
    assert len(world.commands()) == 1


async def test_an_unknown_command_cannot_be_claimed(world):
    app = await world.live()
    command = await one_sms(world, app)
    command.command_id = "other"
    with pytest.raises(RpcError) as refused:
        await claim(app, command, "a")
    assert refused.value.code is StatusCode.NOT_FOUND
