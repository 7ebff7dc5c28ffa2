"""What only the in-process bus has: faults on a seed, a log that outlives the process."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from chassis.bus import CALL_EVENTS, NOTIFY_OUTBOX, RELAY_INBOX, BusError, Record
from chassis.bus_inprocess import Faults, InProcessBus
from chassis.bus_inprocess.sqlite_log import read_file
from chassis.bus_records import join
from opusagent.media.v1.inbox_pb2 import RelayInbox, RelayItem

ITEMS = st.lists(st.tuples(st.binary(max_size=8), st.sampled_from([(), (("h", b"1"),)])))


@given(ITEMS)
def test_joining_keeps_bytes_order_and_headers(items) -> None:
    records = join(items)
    assert b"".join(value for value, _ in records) == b"".join(value for value, _ in items)
    assert [record for record in records if record[1]] == [item for item in items if item[1]]
    assert not any(not first[1] and not second[1] for first, second in pairwise(records))


def test_joined_inbox_messages_are_one_inbox_message() -> None:
    items = [RelayInbox(items=[RelayItem(head={"call_id": name, "sequence": 1})]) for name in ("a", "b", "c")]
    [(value, _)] = join([(item.SerializeToString(), ()) for item in items])
    assert [item.head.call_id for item in RelayInbox.FromString(value).items] == ["a", "b", "c"]


async def _posted(faults: Faults, count: int) -> list[bytes]:
    bus = InProcessBus(faults=faults)
    await bus.start()
    heard: list[bytes] = []
    done = asyncio.Event()

    def handle(value: bytes, _: object) -> None:
        done.set() if value == b"end" else heard.append(value)

    await bus.listen(RELAY_INBOX, 1, handle)
    for number in range(count):
        bus.post(RELAY_INBOX, 1, b"%d" % number, [("alone", b"")])
        await asyncio.sleep(0)
    while not done.is_set():
        bus.post(RELAY_INBOX, 1, b"end", [("alone", b"")])
        await asyncio.sleep(0)
    await bus.stop()
    return heard


@pytest.mark.parametrize("seed", range(5))
async def test_faults_repeat_on_their_seed_and_keep_order(seed: int) -> None:
    heard = await _posted(Faults(seed, duplicate=0.3, drop=0.3), 200)
    assert heard == await _posted(Faults(seed, duplicate=0.3, drop=0.3), 200)
    numbers = [int(value) for value in heard]
    assert numbers == sorted(numbers)
    assert len(numbers) > len(set(numbers))
    assert set(numbers) < set(range(200))


async def test_delays_keep_the_order_of_a_slot() -> None:
    heard = await _posted(Faults(7, delay=0.002), 50)
    assert [int(value) for value in heard] == list(range(50))


async def test_the_log_duplicates_but_never_drops() -> None:
    bus = InProcessBus(faults=Faults(3, duplicate=0.5, drop=1.0))
    await bus.start()
    seen: list[bytes] = []
    done = asyncio.Event()

    async def handle(record: Record) -> None:
        seen.append(record.value)
        if record.value == b"49":
            done.set()

    await bus.follow(CALL_EVENTS, "group", handle)
    for number in range(50):
        await bus.append(CALL_EVENTS, "key", b"%d" % number)
    async with asyncio.timeout(5):
        await done.wait()
    await bus.stop()
    numbers = [int(value) for value in seen]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(50))
    assert len(numbers) > 50


async def _all(bus: InProcessBus, topic: str, count: int) -> list[bytes]:
    reader = bus.read(topic, from_start=True)
    async with asyncio.timeout(5):
        values = [(await anext(reader)).value for _ in range(count)]
    await reader.aclose()
    return values


async def test_the_log_in_a_file_outlives_the_bus(tmp_path: Path) -> None:
    handled: list[bytes] = []
    grown = asyncio.Event()

    async def handle(record: Record) -> None:
        handled.append(record.value)
        grown.set()

    first = InProcessBus(tmp_path / "new" / "folder")
    await first.start()
    await first.follow(CALL_EVENTS, "group", handle)
    await first.append(CALL_EVENTS, "key", b"1", [("trace", b"\xff")])
    await first.append(NOTIFY_OUTBOX, "key", b"elsewhere")
    await grown.wait()
    await first.stop()

    second = InProcessBus(tmp_path / "new" / "folder")
    await second.start()
    await second.append(CALL_EVENTS, "key", b"2")
    grown.clear()
    await second.follow(CALL_EVENTS, "group", handle)
    await grown.wait()
    assert handled == [b"1", b"2"]
    assert await _all(second, CALL_EVENTS, 2) == [b"1", b"2"]
    await second.stop()


async def test_appends_that_wait_together_are_all_durable(tmp_path: Path) -> None:
    bus = InProcessBus(tmp_path)
    await bus.start()
    await asyncio.gather(*(bus.append(CALL_EVENTS, "key", b"%d" % number) for number in range(500)))
    await bus.stop()
    again = InProcessBus(tmp_path)
    await again.start()
    assert await _all(again, CALL_EVENTS, 500) == [b"%d" % number for number in range(500)]
    await again.stop()


async def test_a_log_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"this is no database, it is long enough to be seen as none" * 100)
    bus = InProcessBus(tmp_path)
    with pytest.raises(BusError, match=r"log\.sqlite"):
        await bus.start()
    await bus.stop()


async def test_a_member_that_closes_finishes_its_record() -> None:
    bus = InProcessBus()
    await bus.start()
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(_: Record) -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    member = await bus.follow(CALL_EVENTS, "group", handle)
    await bus.append(CALL_EVENTS, "key", b"1")
    await begun.wait()
    closing = asyncio.create_task(member.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    assert ended.is_set()
    await bus.stop()


async def test_posts_that_nobody_hears_are_counted() -> None:
    def unheard() -> float:
        return REGISTRY.get_sample_value("opusagent_bus_unheard_records_total", {"topic": RELAY_INBOX}) or 0.0

    before = unheard()
    bus = InProcessBus()
    await bus.start()
    bus.post(RELAY_INBOX, 9, b"x")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await bus.stop()
    assert unheard() == before + 1


async def test_a_log_file_is_read_while_it_is_written_and_stays_as_it_is(tmp_path: Path) -> None:
    bus = InProcessBus(tmp_path)
    await bus.start()
    for key in ("a", "b", "a"):
        await bus.append(CALL_EVENTS, key, key.encode(), (("h", b"1"),))
    await bus.append(NOTIFY_OUTBOX, "a", b"not this")
    file = tmp_path / "log.sqlite"
    assert [record.value for record in read_file(file, CALL_EVENTS)] == [b"a", b"b", b"a"]
    assert read_file(file, CALL_EVENTS, "b") == [Record(CALL_EVENTS, "b", b"b", (("h", b"1"),))]
    await bus.stop()
    assert [record.value for record in read_file(file, CALL_EVENTS, "a")] == [b"a", b"a"]


def test_what_is_no_log_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BusError, match="cannot read"):
        read_file(tmp_path / "none.sqlite", CALL_EVENTS)
    assert not list(tmp_path.iterdir())
    (tmp_path / "log.sqlite").write_bytes(b"garbage" * 1000)
    with pytest.raises(BusError, match="not a database"):
        read_file(tmp_path / "log.sqlite", CALL_EVENTS)
