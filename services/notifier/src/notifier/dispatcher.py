"""Runs commands: of one session one after the other, of different sessions side by side.

Taking a command in returns at once, so a slow provider holds nobody else up. What is lost with this process is issued
again by session, which waits for the outcome of each command.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from chassis import tracing
from chassis.logging import bound, get_logger
from notifier import metrics
from opusagent.notify.v1.notify_pb2 import NotifyCommand

BACKLOG = 10_000
"""Commands waiting in this process; beyond it the log waits."""

REMEMBERED = 10_000
"""Commands ended by this process that a repeated delivery is compared with."""

_log = get_logger(__name__)


class Dispatcher:
    """Takes commands in and sees that each is carried out."""

    def __init__(self, carry_out: Callable[[NotifyCommand], Awaitable[bool]], concurrency: int) -> None:
        self._carry_out = carry_out
        self._running = asyncio.Semaphore(concurrency)
        self._backlog = asyncio.Semaphore(BACKLOG)
        self._waiting: dict[str, deque[NotifyCommand]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._known: OrderedDict[str, None] = OrderedDict()

    async def take(self, command: NotifyCommand) -> None:
        """Take a command in, unless this process has it or has ended it."""
        if command.command_id in self._known:
            return
        await self._backlog.acquire()
        self._known[command.command_id] = None
        metrics.PENDING.inc()
        session_id = command.session_id
        self._waiting.setdefault(session_id, deque()).append(command)
        if session_id not in self._workers:
            self._workers[session_id] = asyncio.create_task(self._work(session_id), name="deliver")

    async def idle(self) -> None:
        """Return when everything taken in has ended."""
        while self._workers:
            await asyncio.wait(list(self._workers.values()))

    async def stop(self) -> None:
        """End what is under way; it will be settled by whoever is given it next."""
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, session_id: str) -> None:
        waiting = self._waiting[session_id]
        try:
            while waiting:
                command = waiting.popleft()
                about = {"session_id": command.session_id, "call_id": command.call_id}
                trace = tracing.from_field(command.traceparent)
                with bound(**about), tracing.child(f"notifier {command.WhichOneof('command')}", trace, about=about):
                    await self._run(command)
        finally:
            for _ in waiting:
                self._ended()
            del self._waiting[session_id]
            del self._workers[session_id]

    async def _run(self, command: NotifyCommand) -> None:
        ended = False
        try:
            async with self._running:
                ended = await self._carry_out(command)
        except Exception:
            _log.exception("a command broke off; it will be issued again", command_id=command.command_id)
        finally:
            if not ended:
                self._known.pop(command.command_id, None)
            self._ended()
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _ended(self) -> None:
        metrics.PENDING.dec()
        self._backlog.release()
