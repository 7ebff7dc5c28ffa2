"""Fakes for tests: a session that hands out claims, a provider that does as it is told, and a time that only sleeps."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import override

from chassis.rpc import RpcError, StatusCode
from notifier.domain.outcomes import AttemptFailed, NotNow, Unclear
from notifier.provider import Provider
from opusagent.notify.v1.notify_pb2 import NotifyCommand, SendSms
from opusagent.session.v1 import session_pb2 as api

CLAIM_SECONDS = 60.0


class Time:
    """Sleeping takes no time and moves the clock."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self.now_ms = now_ms
        self.slept: list[float] = []

    def __call__(self) -> int:
        """Return Unix milliseconds."""
        return self.now_ms

    async def sleep(self, seconds: float) -> None:
        """Let the others run; then it is later."""
        self.slept.append(seconds)
        self.now_ms += round(seconds * 1000)
        await asyncio.sleep(0)


class FakeSession:
    """Claims as session keeps them; a servicer for `chassis.rpc.direct`. The next `outages` calls fail."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.claims: dict[str, tuple[str, int, bool]] = {}
        self.settled: set[str] = set()
        self.unknown: set[str] = set()
        self.outages = 0

    async def ClaimCommand(self, request: api.ClaimCommandRequest, context: Any) -> api.ClaimCommandResponse:
        """Let a holder have a command."""
        if self.outages:
            self.outages -= 1
            raise RpcError(StatusCode.UNAVAILABLE, "out")
        if request.command_id in self.unknown:
            raise RpcError(StatusCode.NOT_FOUND, "no such command")
        return api.ClaimCommandResponse(standing=self._standing(request), hold_ms=round(CLAIM_SECONDS * 1000))

    def _standing(self, request: api.ClaimCommandRequest) -> api.CommandStanding:
        if request.command_id in self.settled:
            return api.COMMAND_STANDING_SETTLED
        holder, until, undone = self.claims.get(request.command_id, ("", 0, True))
        if holder not in ("", request.holder) and self._clock() < until:
            return api.COMMAND_STANDING_BUSY
        self.claims[request.command_id] = (
            request.holder,
            self._clock() + round(CLAIM_SECONDS * 1000),
            request.undone,
        )
        if holder == request.holder:
            return api.COMMAND_STANDING_YOURS
        return api.COMMAND_STANDING_FRESH if undone else api.COMMAND_STANDING_UNCERTAIN


class FakeProvider(Provider):
    """Answers attempts from a script (then succeeds) and remembers what it carried out.

    An `Unclear` in the script is carried out first when `keeps_unclear` is set: the answer is lost, not the message.
    """

    name = "fake"

    def __init__(self, script: Sequence[AttemptFailed] = (), *, keeps_unclear: bool = True) -> None:
        self.script = list(script)
        self.keeps_unclear = keeps_unclear
        self.attempts: list[str] = []
        self.carried_out: list[str] = []
        self.lookups = 0
        self.lookup_failures = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self._tried = asyncio.Event()

    async def tried(self, times: int) -> None:
        """Return once so many attempts have begun."""
        while len(self.attempts) < times:
            await self._tried.wait()

    @override
    async def attempt(self, command: NotifyCommand) -> str:
        self.attempts.append(command.command_id)
        tried, self._tried = self._tried, asyncio.Event()
        tried.set()
        await self.gate.wait()
        failure = self.script.pop(0) if self.script else None
        if failure is None or (isinstance(failure, Unclear) and self.keeps_unclear):
            self.carried_out.append(command.command_id)
        if failure is not None:
            raise failure
        return f"id-{command.command_id}"

    @override
    async def find(self, command: NotifyCommand) -> str | None:
        self.lookups += 1
        if self.lookup_failures:
            self.lookup_failures -= 1
            raise NotNow("cannot tell")
        return f"id-{command.command_id}" if command.command_id in self.carried_out else None


def sms(command_id: str = "call-1/sms", session_id: str = "session-1", **fields: Any) -> NotifyCommand:
    """Return a command to send an SMS."""
    message = SendSms(to_number="+15551230001", from_number="+15550199", body="Reply CALL to continue.")
    values: dict[str, Any] = {"requested_at_ms": 1_800_000_000_000, "call_id": "call-1", **fields}
    return NotifyCommand(command_id=command_id, session_id=session_id, send_sms=message, **values)
