"""Threads for the work of 1 to 600 ms that must never run on the event loop.

Two lanes: *urgent* (voice activity, a millisecond each, which turn-taking waits for) has a thread of its own; *heavy*
(synthesis before recognition) has a few, of slightly lower scheduling priority, so that the event loop gets the
processor first. The engines leave the interpreter's lock while they compute. Models are loaded in the heavy lane: the
threads that they start inherit its priority.
"""

import asyncio
import atexit
import contextlib
import itertools
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from enum import IntEnum
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")

# More would starve recognition on a busy machine, and does not help the loop measurably.
_HEAVY_NICENESS = 1
# The longest job, a doubtful utterance on a busy machine.
_LEAVE_S = 5.0


class Priority(IntEnum):
    """Lower goes first."""

    VOICE_ACTIVITY = 0
    SYNTHESIS = 1
    RECOGNITION = 2
    LOADING = 3


class WorkersClosedError(RuntimeError):
    """Work was given to, or waiting in, workers that were closed."""

    def __init__(self) -> None:
        super().__init__("the speech workers are closed")


class _Job:
    __slots__ = ("call", "cancelled", "done", "loop")

    def __init__(self, call: Callable[[], Any], done: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.done = done
        self.loop = loop
        self.cancelled = False

    def run(self) -> None:
        if self.cancelled:
            return
        try:
            result = self.call()
        except BaseException as error:
            self._post(self._fail, error)
        else:
            self._post(self._succeed, result)

    def fail(self, error: BaseException) -> None:
        self._post(self._fail, error)

    def _post(self, callback: Callable[[Any], None], value: Any) -> None:
        # A loop that was closed meanwhile has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(callback, value)

    def _succeed(self, result: Any) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Lane:
    def __init__(self, name: str, threads: int, niceness: int) -> None:
        self._queue: queue.PriorityQueue[tuple[int, int, _Job | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._niceness = niceness
        self._threads = [
            threading.Thread(target=self._work, name=f"speech-{name}-{index}", daemon=True) for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def put(self, priority: int, job: _Job | None) -> None:
        self._queue.put((priority, next(self._order), job))

    def stop(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _, _, job = self._queue.get_nowait()
                if job is not None:
                    job.fail(WorkersClosedError())
        for _ in self._threads:
            self.put(-1, None)

    def join(self, timeout_s: float) -> None:
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self) -> None:
        if self._niceness and sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
        while True:
            _, _, job = self._queue.get()
            if job is None:
                return
            job.run()


class Workers:
    """The speech threads of a process, shared by its engines and calls."""

    def __init__(self, heavy_threads: int = 2) -> None:
        self._urgent = _Lane("urgent", 1, 0)
        self._heavy = _Lane("heavy", heavy_threads, _HEAVY_NICENESS)
        self._closed = False
        # The workers are the parallelism: NumPy's own threads would spin on the cores that the event loop needs.
        threadpool_limits(limits=1, user_api="blas")
        # An engine that still computes while the interpreter goes away would crash it.
        atexit.register(self._leave)

    @property
    def waiting(self) -> int:
        """Jobs not yet begun."""
        return self._urgent.waiting + self._heavy.waiting

    async def run(self, priority: Priority, call: Callable[..., T], *args: Any) -> T:
        """`call(*args)` on a thread. Cancelled while it waits, it never runs; while it runs, its result is dropped."""
        if self._closed:
            raise WorkersClosedError
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        job = _Job(lambda: call(*args), done, loop)
        lane = self._urgent if priority is Priority.VOICE_ACTIVITY else self._heavy
        lane.put(priority, job)
        try:
            return await done
        finally:
            job.cancelled = True

    async def stream(self, priority: Priority, pieces: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
        """What the iterator made by `pieces` gives; each piece is a job of its own.

        So a long text does not hold a thread, and closing the iterator stops it after the piece at hand.
        """
        end = object()
        iterator = await self.run(priority, pieces)
        while True:
            piece = await self.run(priority, next, iterator, end)
            if piece is end:
                return
            yield piece

    def close(self) -> None:
        """End the threads after the jobs at hand; what waits fails with WorkersClosedError. Idempotent."""
        if not self._closed:
            self._closed = True
            self._urgent.stop()
            self._heavy.stop()

    def _leave(self) -> None:
        self.close()
        self._urgent.join(_LEAVE_S)
        self._heavy.join(_LEAVE_S)
