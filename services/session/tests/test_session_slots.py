"""Slots: leased, assigned, lost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.rpc import RpcError, StatusCode, direct
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.adapters.memory import MemoryStore
from session.domain import slots as rules
from session.domain.errors import NoRoom
from session.domain.policy import Policy
from session.health import Health
from session.slots import Slots
from session.testing import Time

TTL = 2_000


def ask(holder, **fields):
    return api.LeaseSlotRequest(role=api.ROLE_RELAY, holder=holder, **{"capacity": 10, "ready": True, **fields})


async def test_holders_get_slots_of_their_own_and_keep_them(stored_world):
    apps = [await stored_world.live(), await stored_world.live()]
    holders = [f"h{n}" for n in range(32)]
    answers = await asyncio.gather(
        *(direct(apps[n % 2].servicer).LeaseSlot(ask(holder)) for n, holder in enumerate(holders))
    )
    assert sorted(answer.slot for answer in answers) == list(range(32))
    assert answers[0].ttl_ms == TTL
    renewed = await direct(apps[1].servicer).LeaseSlot(ask("h5"))
    assert renewed.slot == answers[5].slot
    with pytest.raises(RpcError) as refused:
        await direct(apps[0].servicer).LeaseSlot(ask("h32"))
    assert refused.value.code is StatusCode.RESOURCE_EXHAUSTED


async def test_a_released_slot_is_free(stored_world):
    app = await stored_world.live()
    client = direct(app.servicer)
    for n in range(32):
        await client.LeaseSlot(ask(f"h{n}"))
    await client.ReleaseSlot(api.ReleaseSlotRequest(role=api.ROLE_RELAY, holder="h7"))
    await client.ReleaseSlot(api.ReleaseSlotRequest(role=api.ROLE_RELAY, holder="never"))
    assert (await client.LeaseSlot(ask("new"))).slot == 7


@pytest.mark.parametrize("fields", [{"role": 0}, {"role": api.ROLE_RELAY, "holder": ""}])
async def test_nonsense_is_refused(world, fields):
    app = await world.live()
    with pytest.raises(RpcError) as refused:
        await direct(app.servicer).LeaseSlot(api.LeaseSlotRequest(**fields))
    assert refused.value.code is StatusCode.INVALID_ARGUMENT


def test_the_least_loaded_fit_slot_is_assigned():
    slots = state.SlotsRecord()
    for holder, fields in {
        "full": {"load": 10},
        "draining": {"draining": True},
        "starting": {"ready": False},
        "busy": {"load": 5},
        "fit": {"load": 3},
    }.items():
        rules.lease(slots, ask(holder, **fields), 0, 0, TTL)
    holders = {lease.slot: lease.holder for lease in slots.leases}
    chosen = [holders[rules.assign(slots, 1, 0, TTL)] for _ in range(12)]
    assert chosen[:2] == ["fit", "fit"]
    assert set(chosen) == {"fit", "busy"}
    with pytest.raises(NoRoom):
        rules.assign(slots, 1, 0, TTL)
    rules.lease(slots, ask("fit", load=9), 1, 0, TTL)
    assert holders[rules.assign(slots, 1, 0, TTL)] == "fit"


def test_a_silent_holder_is_dead_after_its_ttl_but_not_to_a_session_that_was_out():
    slots = state.SlotsRecord()
    rules.lease(slots, ask("one"), 1_000, 0, TTL)
    assert rules.assign(slots, 2_999, 0, TTL) == 0
    with pytest.raises(NoRoom):
        rules.assign(slots, 3_000, 0, TTL)
    assert rules.assign(slots, 60_000, 59_000, TTL) == 0
    with pytest.raises(NoRoom):
        rules.assign(slots, 61_000, 59_000, TTL)
    assert rules.assign(slots, 10**12, 0, 0) == 0


def test_a_dead_holders_slot_is_taken_only_when_no_other_is_left():
    slots = state.SlotsRecord()
    for number in range(32):
        rules.lease(slots, ask(f"h{number}"), number, 0, TTL)
    with pytest.raises(NoRoom):
        rules.lease(slots, ask("new"), 1_999, 0, TTL)
    assert rules.lease(slots, ask("new"), 2_001, 0, TTL).slot == 0
    assert rules.lease(slots, ask("h1"), 2_001, 0, TTL).slot == 1
    assert rules.lease(slots, ask("newer"), 2_005, 0, TTL).slot == 2


def test_health_begins_anew_after_an_outage_and_after_a_standstill():
    time = Time(0)
    health = Health(time, 2_000)
    health.answered()
    time.advance(1)
    health.answered()
    assert health.since == 0
    health.failed()
    assert not health.up
    time.advance(1)
    health.answered()
    assert health.since == 2_000
    time.advance(2.1)
    health.answered()
    assert health.since == 4_100


async def test_leases_that_never_expire_stay_in_the_process():
    time, store = Time(), MemoryStore()
    slots = Slots(store, Policy(lease_ttl_ms=0), time, Health(time, TTL))
    granted = await slots.lease(ask("one"))
    assert granted.ttl_ms > 0
    time.advance(10**6)
    assert await slots.assign(api.ROLE_RELAY) == granted.slot
    again = Slots(store, Policy(lease_ttl_ms=0), time, Health(time, TTL))
    assert (await again.lease(ask("two"))).slot == granted.slot


@given(st.lists(st.tuples(st.sampled_from(["lease", "release", "assign"]), st.integers(0, 40), st.integers(0, 3000))))
def test_no_two_holders_ever_share_a_slot(actions):
    slots, now = state.SlotsRecord(), 0
    for action, number, elapsed in actions:
        now += elapsed
        try:
            if action == "lease":
                rules.lease(slots, ask(f"h{number}", load=number), now, 0, TTL)
            elif action == "release":
                rules.release(slots, f"h{number}")
            else:
                chosen = rules.assign(slots, now, 0, TTL)
                assert next(lease for lease in slots.leases if lease.slot == chosen).expires_at_ms > now
        except NoRoom:
            pass
        held = [lease.slot for lease in slots.leases]
        holders = [lease.holder for lease in slots.leases]
        assert len(set(held)) == len(held) == len(set(holders))
        assert all(0 <= slot < rules.SLOTS for slot in held)
