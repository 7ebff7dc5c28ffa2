import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from speech.workers import Priority, Workers, WorkersClosedError


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(heavy_threads=1)
    yield made
    made.close()


async def occupy(workers: Workers) -> tuple[threading.Event, asyncio.Task[bool]]:
    """Hold the one heavy thread until the event is set."""
    begun, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> bool:
        loop.call_soon_threadsafe(begun.set)
        return release.wait(10)

    task = asyncio.create_task(workers.run(Priority.RECOGNITION, hold))
    await begun.wait()
    return release, task


async def test_results_and_errors_come_back(workers: Workers) -> None:
    assert await workers.run(Priority.RECOGNITION, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await workers.run(Priority.SYNTHESIS, divmod, 1, 0)
    assert await workers.run(Priority.SYNTHESIS, threading.get_ident) != threading.get_ident()


async def test_voice_activity_never_waits_and_synthesis_goes_before_recognition(workers: Workers) -> None:
    release, held = await occupy(workers)
    order: list[str] = []
    waiting = [
        asyncio.create_task(workers.run(priority, order.append, priority.name))
        for priority in (Priority.LOADING, Priority.RECOGNITION, Priority.SYNTHESIS)
    ]
    await workers.run(Priority.VOICE_ACTIVITY, order.append, "VOICE_ACTIVITY")
    assert workers.waiting == 3
    release.set()
    await asyncio.gather(held, *waiting)
    assert order == ["VOICE_ACTIVITY", "SYNTHESIS", "RECOGNITION", "LOADING"]


async def test_what_is_cancelled_while_it_waits_never_runs(workers: Workers) -> None:
    release, held = await occupy(workers)
    ran: list[int] = []
    superseded = asyncio.create_task(workers.run(Priority.RECOGNITION, ran.append, 1))
    await asyncio.sleep(0)
    superseded.cancel()
    with pytest.raises(asyncio.CancelledError):
        await superseded
    release.set()
    await held
    await workers.run(Priority.LOADING, int)
    assert ran == []


async def test_a_result_nobody_awaits_any_more_is_dropped(workers: Workers) -> None:
    release, held = await occupy(workers)
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    release.set()
    assert await workers.run(Priority.RECOGNITION, int) == 0


async def test_a_stream_stops_after_the_piece_at_hand(workers: Workers) -> None:
    made: list[int] = []

    def pieces() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    stream = workers.stream(Priority.SYNTHESIS, pieces)
    assert [await anext(stream), await anext(stream)] == [0, 1]
    await stream.aclose()
    await workers.run(Priority.LOADING, int)
    assert made == [0, 1]


async def test_a_stream_passes_its_error_on(workers: Workers) -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stream = workers.stream(Priority.SYNTHESIS, pieces)
    assert await anext(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        await anext(stream)


async def test_closing_fails_what_waits_and_refuses_more() -> None:
    workers = Workers(heavy_threads=1)
    release, held = await occupy(workers)
    waiting = asyncio.create_task(workers.run(Priority.RECOGNITION, int))
    await asyncio.sleep(0)
    workers.close()
    workers.close()
    with pytest.raises(WorkersClosedError):
        await waiting
    release.set()
    assert await held
    with pytest.raises(WorkersClosedError):
        await workers.run(Priority.RECOGNITION, int)
