"""The calls of this relay."""

import asyncio
from typing import TYPE_CHECKING

from opentelemetry.context import Context

from chassis.heads import Gate
from chassis.logging import bound, get_logger
from llm_relay.adapters.transcript import Transcript
from llm_relay.call import Call, Surroundings
from llm_relay.metrics import CALLS
from opusagent.media.v1.inbox_pb2 import CallOpened

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_log = get_logger(__name__)


class Calls:
    """By call id. What takes time when a call ends is a task of the registry."""

    def __init__(self, around: Surroundings, session: "SessionServiceAsyncStub") -> None:
        self._around = around
        self._session = session
        self.gate = Gate("llm-relay")
        self._live: dict[str, Call] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()

    def __len__(self) -> int:
        return len(self._live)

    def get(self, call_id: str) -> Call | None:
        """A live call."""
        return self._live.get(call_id)

    def open(self, opened: CallOpened, trace: Context | None = None) -> None:
        """A call begins, in a trace of its own, or comes back on another socket."""
        known = self._live.get(opened.call.call_id)
        if known is None:
            self._begin(opened, trace)
        elif opened.reattached:
            known.dialogue.reattached(opened.route)
        else:
            known.dialogue.moved(opened.route)

    def _begin(self, opened: CallOpened, trace: Context | None) -> None:
        around = self._around
        transcript = Transcript(self._session, opened.call, around.clock, around.sleep, trace=trace)
        try:
            call = Call(opened, around, transcript, trace)
        except ValueError as error:
            _log.error("a call in a format that is none of the contract's", why=str(error))
            return
        self._live[opened.call.call_id] = call
        self._nobody.clear()
        CALLS.set(len(self._live))
        call.ask_for_plan()

    def close(self, call_id: str) -> None:
        """The leg has ended."""
        call = self._live.pop(call_id, None)
        if call is None:
            return
        CALLS.set(len(self._live))
        task = asyncio.create_task(self._end(call), name=f"closing:{call_id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        if not self._live:
            self._nobody.set()

    async def _end(self, call: Call) -> None:
        with bound(call_id=call.info.call_id, session_id=call.info.session_id):
            try:
                await call.close()
            except Exception:
                _log.exception("a call could not be closed cleanly")
        self.gate.forget(call.info.call_id)

    async def drained(self) -> None:
        """Wait until no call is left."""
        await self._nobody.wait()
        await self._closed()

    async def stop(self) -> None:
        """Close all."""
        for call_id in list(self._live):
            self.close(call_id)
        await self._closed()

    async def _closed(self) -> None:
        await asyncio.gather(*self._closing)
