"""What the relay writes through to session, off the audio path: turns of the transcript, and outputs delivered."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from prometheus_client import Counter

from chassis import tracing
from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from chassis.rpc import RpcError
from llm_relay.backends.port import PastTurn
from opusagent.call.v1.call_pb2 import CallInfo
from opusagent.events.v1.events_pb2 import SPEAKER_CALLER, TurnTaken
from opusagent.session.v1.session_pb2 import AppendTurnsRequest, MarkDeliveredRequest, Turn

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

FAILED = Counter("opusagent_relay_session_writes_failed_total", "Writes to session that failed", ["write", "code"])

FLUSH_SECONDS = 5.0
"""How long a closing call waits for its last turns to be written."""

_Write = Callable[[], Awaitable[object]]
_log = get_logger(__name__)


class Transcript:
    """Of one call. Writes in order, one at a time, each repeated while session cannot be reached."""

    def __init__(
        self,
        session: "SessionServiceAsyncStub",
        call: CallInfo,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        *,
        trace: Context | None = None,
    ) -> None:
        """`trace`: the call's, which the writes belong to."""
        self._session = session
        self._call = call
        self._clock = clock
        self._sleep = sleep
        self._trace = trace
        self._pending: deque[tuple[str, _Write]] = deque()
        self._writer: asyncio.Task[None] | None = None
        # The conversation so far, oldest first.
        self.past: list[PastTurn] = []

    def turn(self, turn_id: str, turn: TurnTaken) -> None:
        """Add a turn; the id makes adding it twice add it once."""
        self.past.append(PastTurn(turn.speaker == SPEAKER_CALLER, turn.text))
        entry = Turn(turn_id=turn_id, call_id=self._call.call_id, occurred_at_ms=self._clock(), turn=turn)
        request = AppendTurnsRequest(session_id=self._call.session_id, turns=[entry])
        self._write("turn", lambda: self._session.AppendTurns(request))

    def delivered(self, output_ids: Iterable[str]) -> None:
        """These outputs have reached the dialogue."""
        request = MarkDeliveredRequest(session_id=self._call.session_id, output_ids=list(output_ids))
        if request.output_ids:
            self._write("delivered", lambda: self._session.MarkDelivered(request))

    async def close(self) -> None:
        """Wait for what is pending, bounded; what could not be written is counted and said in the log."""
        writer = self._writer
        if writer is None:
            return
        _, late = await asyncio.wait([writer], timeout=FLUSH_SECONDS)
        if late:
            _log.error("session could not be told everything of a call", writes=len(self._pending))
            writer.cancel()
            await asyncio.wait([writer])

    def _write(self, name: str, write: _Write) -> None:
        self._pending.append((name, write))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain(), name=f"transcript:{self._call.call_id}")

    async def _drain(self) -> None:
        backoff = Backoff(sleep=self._sleep)
        try:
            while self._pending:
                name, write = self._pending[0]
                if await self._done(name, write):
                    self._pending.popleft()
                    backoff.reset()
                else:
                    await backoff.wait()
        finally:
            self._writer = None

    async def _done(self, name: str, write: _Write) -> bool:
        try:
            with tracing.under(self._trace):
                await write()
        except RpcError as error:
            FAILED.labels(name, error.code.name).inc()
            if error.retriable:
                return False
            _log.error("session refused a write", write=name, code=error.code.name)
        except Exception:
            FAILED.labels(name, "INTERNAL").inc()
            _log.exception("a write to session failed", write=name)
        return True
