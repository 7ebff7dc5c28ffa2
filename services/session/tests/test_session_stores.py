"""One contract for every store."""

import asyncio

import pytest

from session.adapters.sqlite import SqliteStore
from session.store import Change, Conflict, Document, Listing, Outgoing, Row, Store, StoreError


async def test_a_document_that_is_not_there_has_version_zero(store: Store):
    reading = await store.read(3, ["a"], [("c", "r")])
    assert list(reading.documents) == [Document(0, b"")]
    assert list(reading.rows) == [None]


async def test_documents_are_replaced_and_their_version_rises(store: Store):
    await store.write(3, Change({"a": 0, "b": 0}, {"a": b"\0one", "b": b"two"}))
    await store.write(3, Change({"a": 1}, {"a": b""}))
    reading = await store.read(3, ["b", "a"])
    assert list(reading.documents) == [Document(1, b"two"), Document(2, b"")]


async def test_a_conflict_writes_nothing_at_all(store: Store):
    await store.write(3, Change({"a": 0}, {"a": b"one"}))
    change = Change(
        checks={"b": 0, "a": 0},
        puts={"b": b"no", "a": b"no"},
        rows=[Row("c", "r", b"no", 5)],
        session_id="s",
        outbox=[Outgoing("e", "t", b"no")],
        alarm=5,
        listings=[Listing("i", "m", 1)],
    )
    with pytest.raises(Conflict):
        await store.write(3, change)
    reading = await store.read(3, ["a", "b"], [("c", "r")])
    assert list(reading.documents) == [Document(1, b"one"), Document()]
    assert list(reading.rows) == [None]
    assert await store.senders() == []
    assert await store.next_alarm() is None
    assert await store.members("i", 9) == []


async def test_a_document_that_is_only_checked_can_conflict_too(store: Store):
    await store.write(3, Change({"a": 0}, {"a": b"one"}))
    with pytest.raises(Conflict):
        await store.write(3, Change({"a": 0, "b": 0}, {"b": b"two"}))
    await store.write(3, Change({"a": 1, "b": 0}, {"b": b"two"}))


async def test_of_concurrent_writers_one_wins(store: Store):
    async def add(number: int) -> int:
        try:
            await store.write(3, Change({"a": 0}, {"a": bytes([number])}))
        except Conflict:
            return 0
        return 1

    assert sum(await asyncio.gather(*(add(number) for number in range(20)))) == 1


async def test_counting_by_compare_and_set_loses_nothing(store: Store):
    async def add() -> None:
        while True:
            document = (await store.read(1, ["n"])).documents[0]
            try:
                await store.write(1, Change({"n": document.version}, {"n": document.value + b"."}))
            except Conflict:
                continue
            return

    await asyncio.gather(*(add() for _ in range(12)))
    assert (await store.read(1, ["n"])).documents[0] == Document(12, b"." * 12)


async def test_rows_keep_their_first_value_and_their_order(store: Store):
    await store.write(3, Change(rows=[Row("c", "2", b"two", 9), Row("c", "1", b"one", 9)]))
    await store.write(3, Change(rows=[Row("c", "1", b"other", 9), Row("c", "3", b"\0\xff", 9)]))
    assert await store.collection(3, "c") == [b"two", b"one", b"\0\xff"]
    assert list((await store.read(3, [], [("c", "1"), ("c", "9")])).rows) == [b"one", None]


async def test_a_collection_keeps_its_latest_rows(store: Store):
    for number in range(7):
        await store.write(3, Change(rows=[Row("c", str(number), str(number).encode(), 3)]))
    await store.write(3, Change(rows=[Row("other", "0", b"0", 3)]))
    assert await store.collection(3, "c") == [b"4", b"5", b"6"]
    assert list((await store.read(3, [], [("c", "3"), ("c", "4")])).rows) == [None, b"4"]


async def test_the_outbox_keeps_order_and_holds_an_id_once(store: Store):
    rows = [Outgoing("e1", "facts", b"\0a"), Outgoing("e2", "commands", b"")]
    await store.write(3, Change(session_id="s", outbox=rows))
    await store.write(3, Change(session_id="s", outbox=[Outgoing("e1", "facts", b"again"), Outgoing("e3", "f", b"c")]))
    await store.write(4, Change(session_id="other"))
    assert await store.outgoing(3, "s") == [*rows, Outgoing("e3", "f", b"c")]
    assert await store.senders() == ["s"]


async def test_published_rows_leave_the_outbox(store: Store):
    await store.write(3, Change(session_id="s", outbox=[Outgoing(f"e{n}", "t", b"") for n in range(3)]))
    await store.published(3, "s", ["e0", "e1", "never"])
    assert [row.row_id for row in await store.outgoing(3, "s")] == ["e2"]
    assert await store.senders() == ["s"]
    await store.published(3, "s", ["e2"])
    await store.published(3, "s", ["e2"])
    assert await store.senders() == []
    assert await store.outgoing(3, "s") == []


async def test_alarms_are_moved_and_taken_away(store: Store):
    await store.write(3, Change(session_id="s", alarm=1_800_000_000_500))
    await store.write(4, Change(session_id="t", alarm=1_800_000_000_900))
    assert await store.next_alarm() == 1_800_000_000_500
    assert await store.due(1_800_000_000_499) == []
    assert await store.due(1_800_000_000_500) == ["s"]
    await store.write(3, Change(session_id="s", alarm=1_800_000_001_000))
    assert await store.next_alarm() == 1_800_000_000_900
    await store.write(4, Change(session_id="t"))
    assert await store.next_alarm() == 1_800_000_001_000
    assert await store.due(1_900_000_000_000) == ["s"]


async def test_an_index_lists_the_highest_score_first_over_all_partitions(store: Store):
    for partition in range(16):
        await store.write(partition, Change(listings=[Listing("i", f"m{partition:02}", 1000 + partition)]))
    await store.write(2, Change(listings=[Listing("i", "m02", 5000), Listing("other", "x", 1)]))
    await store.write(15, Change(listings=[Listing("i", "m15", None), Listing("i", "never", None)]))
    assert await store.members("i", 3) == ["m02", "m14", "m13"]
    assert len(await store.members("i", 100)) == 15


async def test_it_answers(store: Store):
    await store.check()


async def test_sqlite_forgets_nothing_when_it_is_opened_again(tmp_path):
    path = tmp_path / "deep" / "session.sqlite"
    first = SqliteStore(path)
    await first.start()
    change = Change({"a": 0}, {"a": b"one"}, session_id="s", outbox=[Outgoing("e", "t", b"v")], alarm=7)
    await first.write(0, change)
    await first.stop()
    with pytest.raises(StoreError):
        await first.read(0, ["a"])
    second = SqliteStore(path)
    await second.start()
    assert (await second.read(0, ["a"])).documents[0] == Document(1, b"one")
    assert await second.outgoing(0, "s") == [Outgoing("e", "t", b"v")]
    assert await second.next_alarm() == 7
    await second.stop()


async def test_sqlite_says_which_file_cannot_be_opened(tmp_path):
    (tmp_path / "session.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"session\.sqlite"):
        await SqliteStore(tmp_path / "session.sqlite").start()
