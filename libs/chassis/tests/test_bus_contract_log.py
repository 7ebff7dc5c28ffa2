"""What every log does, whatever keeps it."""

import asyncio
from collections.abc import Callable

import pytest

from chassis.bus import CALL_EVENTS, BusError, Record

SECONDS = 20.0


class Followed:
    """Handles records of one test, fails as told, and lets the test wait."""

    def __init__(self, mine: Callable[[str], bool], failures: int = 0) -> None:
        self._mine = mine
        self._failures = failures
        self._grown = asyncio.Event()
        self.records: list[Record] = []
        self.failed: list[Record] = []

    async def __call__(self, record: Record) -> None:
        if not self._mine(record.key):
            return
        if len(self.failed) < self._failures:
            self.failed.append(record)
            raise RuntimeError("not now")
        self.records.append(record)
        self._grown.set()

    @property
    def values(self) -> list[bytes]:
        return [record.value for record in self.records]

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(SECONDS):
            while len(self.records) < count:
                self._grown.clear()
                await self._grown.wait()
        return self.values


async def test_a_record_comes_as_it_was_appended(peers) -> None:
    followed = Followed(peers.mine)
    headers = (("traceparent", b"00-aa-bb-01"), ("bytes", b"\x00\xff"))
    await peers.near.append(CALL_EVENTS, peers.key("é"), b"\x00value\xff", headers)
    await peers.near.append(CALL_EVENTS, peers.key("é"), b"")
    await peers.far.follow(CALL_EVENTS, peers.group(), followed)
    await followed.until(2)
    assert [(record.topic, record.key, record.value, tuple(record.headers)) for record in followed.records] == [
        (CALL_EVENTS, peers.key("é"), b"\x00value\xff", headers),
        (CALL_EVENTS, peers.key("é"), b"", ()),
    ]


async def test_every_group_gets_all_in_the_order_of_each_key(peers) -> None:
    groups = [Followed(peers.mine), Followed(peers.mine)]
    for number, followed in enumerate(groups):
        await peers.far.follow(CALL_EVENTS, peers.group(f"group{number}"), followed)
    keys = [peers.key(name) for name in "abc"]
    for number in range(10):
        await asyncio.gather(*(peers.near.append(CALL_EVENTS, key, b"%d" % number) for key in keys))
    for followed in groups:
        await followed.until(30)
        for key in keys:
            values = [record.value for record in followed.records if record.key == key]
            assert values == [b"%d" % number for number in range(10)]


async def test_a_failed_record_comes_again_before_its_successors(peers) -> None:
    followed = Followed(peers.mine, failures=2)
    for value in (b"1", b"2", b"3"):
        await peers.near.append(CALL_EVENTS, peers.key(), value)
    await peers.far.follow(CALL_EVENTS, peers.group(), followed)
    assert await followed.until(3) == [b"1", b"2", b"3"]
    assert [record.value for record in followed.failed] == [b"1", b"1"]


async def test_a_group_goes_on_where_it_was(peers) -> None:
    if not peers.rebalances:
        pytest.skip("the mock broker does not rebalance")
    first, second = Followed(peers.mine), Followed(peers.mine)
    subscription = await peers.far.follow(CALL_EVENTS, peers.group(), first)
    await peers.near.append(CALL_EVENTS, peers.key(), b"1")
    await first.until(1)
    await subscription.close()
    await peers.near.append(CALL_EVENTS, peers.key(), b"2")
    await peers.near.follow(CALL_EVENTS, peers.group(), second)
    await second.until(1)
    # At least once: "1" may come again where its commit was lost, but "2" must come, and to the second member only.
    assert second.values[-1] == b"2"
    assert first.values == [b"1"]


async def test_members_of_a_group_share(peers) -> None:
    if not peers.rebalances:
        pytest.skip("the mock broker does not rebalance")
    members = [Followed(peers.mine), Followed(peers.mine)]
    for bus, followed in zip((peers.near, peers.far), members, strict=True):
        await bus.follow(CALL_EVENTS, peers.group(), followed)
    sent = {b"%d" % number for number in range(40)}
    for value in sent:
        await peers.near.append(CALL_EVENTS, peers.key(value.decode()), value)
    async with asyncio.timeout(SECONDS):
        while {*members[0].values, *members[1].values} != sent:
            await asyncio.wait(
                [asyncio.ensure_future(member.until(len(member.records) + 1)) for member in members],
                return_when=asyncio.FIRST_COMPLETED,
            )


async def test_watching_from_the_start_and_from_now(peers) -> None:
    await peers.near.append(CALL_EVENTS, peers.key(), b"old")
    from_start = peers.far.read(CALL_EVENTS, from_start=True)
    async with asyncio.timeout(SECONDS):
        seen = await anext(record async for record in from_start if peers.mine(record.key))
    assert seen.value == b"old"
    await from_start.aclose()

    from_now = (record async for record in peers.far.read(CALL_EVENTS, from_start=False) if peers.mine(record.key))
    waiting = asyncio.ensure_future(anext(from_now))
    async with asyncio.timeout(SECONDS):
        while not waiting.done():
            await peers.near.append(CALL_EVENTS, peers.key(), b"new")
            await asyncio.wait([waiting], timeout=0.05)
    assert waiting.result().value == b"new"
    await from_now.aclose()


async def test_reading_until_the_end_ends_there(peers) -> None:
    async with asyncio.timeout(SECONDS):
        for number in range(500):
            await peers.near.append(CALL_EVENTS, peers.key(str(number)), b"%d" % number)
        found = []
        async for record in peers.far.read(CALL_EVENTS, from_start=True, until_end=True):
            if peers.mine(record.key):
                found.append(int(record.value))
                await peers.near.append(CALL_EVENTS, peers.key("later"), b"-1")
        assert sorted(found) == list(range(500))
        assert [record async for record in peers.far.read(CALL_EVENTS, from_start=False, until_end=True)] == []


async def test_a_stopped_bus_takes_nothing(peers) -> None:
    await peers.near.stop()
    with pytest.raises(BusError):
        await peers.near.append(CALL_EVENTS, peers.key(), b"lost?")
