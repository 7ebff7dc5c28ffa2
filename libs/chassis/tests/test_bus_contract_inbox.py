"""What every inbox does, whatever carries it."""

import asyncio

import pytest

from chassis.bus import FSA_INBOX, RELAY_INBOX, Headers

SECONDS = 15.0


class Heard:
    """Collects records and lets a test wait for them."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Headers]] = []
        self._grown = asyncio.Event()

    def __call__(self, value: bytes, headers: Headers) -> None:
        self.records.append((value, tuple(headers)))
        self._grown.set()

    @property
    def value(self) -> bytes:
        return b"".join(value for value, _ in self.records)

    async def until_ends_with(self, end: bytes) -> bytes:
        async with asyncio.timeout(SECONDS):
            while not self.value.endswith(end):
                self._grown.clear()
                await self._grown.wait()
        return self.value


async def test_items_arrive_whole_and_in_order(peers) -> None:
    heard = Heard()
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    for number in range(200):
        peers.near.post(RELAY_INBOX, peers.slot, b"%d;" % number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    assert await heard.until_ends_with(b"199;") == b"".join(b"%d;" % number for number in range(200))


async def test_items_posted_together_are_one_record(peers) -> None:
    heard = Heard()
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    for item in (b"a", b"b", b"c"):
        peers.near.post(RELAY_INBOX, peers.slot, item)
    await heard.until_ends_with(b"c")
    assert heard.records == [(b"abc", ())]


async def test_no_handler_runs_inside_post(peers) -> None:
    heard = Heard()
    await peers.near.listen(RELAY_INBOX, peers.slot, heard)
    peers.near.post(RELAY_INBOX, peers.slot, b"x")
    assert heard.records == []
    await heard.until_ends_with(b"x")


async def test_an_item_with_headers_stays_alone_and_in_its_place(peers) -> None:
    heard = Heard()
    trace = (("traceparent", b"00-aa-bb-01"), ("more", b"\x00\xff"))
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    peers.near.post(RELAY_INBOX, peers.slot, b"a")
    peers.near.post(RELAY_INBOX, peers.slot, b"b")
    peers.near.post(RELAY_INBOX, peers.slot, b"c", trace)
    peers.near.post(RELAY_INBOX, peers.slot, b"d", trace)
    peers.near.post(RELAY_INBOX, peers.slot, b"e")
    await heard.until_ends_with(b"e")
    assert heard.records == [(b"ab", ()), (b"c", trace), (b"d", trace), (b"e", ())]


async def test_a_listener_hears_its_own_slot_of_its_own_topic_only(peers) -> None:
    heard, other = Heard(), Heard()
    next_slot = (peers.slot + 1) % 4
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    await peers.far.listen(RELAY_INBOX, next_slot, other)
    peers.near.post(FSA_INBOX, peers.slot, b"not for it")
    peers.near.post(RELAY_INBOX, next_slot, b"other")
    peers.near.post(RELAY_INBOX, peers.slot, b"mine")
    assert await heard.until_ends_with(b"mine") == b"mine"
    assert await other.until_ends_with(b"other") == b"other"


async def test_a_listener_begins_at_the_end_and_misses_nothing_after(peers) -> None:
    early, late = Heard(), Heard()
    await peers.far.listen(RELAY_INBOX, peers.slot, early)
    peers.near.post(RELAY_INBOX, peers.slot, b"before;")
    await early.until_ends_with(b"before;")
    await peers.far.listen(RELAY_INBOX, peers.slot, late)
    peers.near.post(RELAY_INBOX, peers.slot, b"after;")
    assert await late.until_ends_with(b"after;") == b"after;"
    assert await early.until_ends_with(b"after;") == b"before;after;"


async def test_a_closed_listener_hears_nothing_more(peers) -> None:
    closed, witness = Heard(), Heard()
    subscription = await peers.far.listen(RELAY_INBOX, peers.slot, closed)
    await peers.far.listen(RELAY_INBOX, peers.slot, witness)
    peers.near.post(RELAY_INBOX, peers.slot, b"a")
    await closed.until_ends_with(b"a")
    await subscription.close()
    await subscription.close()
    peers.near.post(RELAY_INBOX, peers.slot, b"b")
    await witness.until_ends_with(b"b")
    assert closed.value == b"a"


async def test_a_handler_that_fails_loses_its_record_only(peers) -> None:
    heard = Heard()

    def handle(value: bytes, headers: Headers) -> None:
        if value == b"poison":
            raise ValueError("cannot read this")
        heard(value, headers)

    await peers.far.listen(RELAY_INBOX, peers.slot, handle)
    peers.near.post(RELAY_INBOX, peers.slot, b"poison", [("alone", b"")])
    peers.near.post(RELAY_INBOX, peers.slot, b"good")
    assert await heard.until_ends_with(b"good") == b"good"


async def test_any_bytes_pass_unread(peers) -> None:
    heard = Heard()
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    everything = bytes(range(256)) * 1000
    peers.near.post(RELAY_INBOX, peers.slot, everything)
    peers.near.post(RELAY_INBOX, peers.slot, b"end")
    assert await heard.until_ends_with(b"end") == everything + b"end"


async def test_posting_to_nobody_and_to_a_stopped_bus_is_harmless(peers) -> None:
    peers.near.post(FSA_INBOX, 3, b"nobody listens")
    await peers.near.stop()
    peers.near.post(FSA_INBOX, 3, b"nobody carries")
    assert not peers.near.healthy


@pytest.mark.parametrize("count", [1, 50])
async def test_what_was_posted_before_stop_is_sent(peers, count: int) -> None:
    if peers.near is peers.far:
        pytest.skip("one process: the listener stops with the sender")
    heard = Heard()
    await peers.far.listen(RELAY_INBOX, peers.slot, heard)
    for number in range(count):
        peers.near.post(RELAY_INBOX, peers.slot, b"%d;" % number)
    await peers.near.stop()
    await heard.until_ends_with(b"%d;" % (count - 1))
