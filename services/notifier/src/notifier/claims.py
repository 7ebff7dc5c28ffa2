"""Leave to carry out a command, from session, which alone remembers who has tried what."""

from typing import TYPE_CHECKING

from chassis.ids import new_id
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from chassis.rpc import RpcError, StatusCode
from opusagent.notify.v1.notify_pb2 import NotifyCommand
from opusagent.session.v1 import session_pb2 as api

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

_FINAL = frozenset({StatusCode.NOT_FOUND, StatusCode.INVALID_ARGUMENT, StatusCode.UNIMPLEMENTED})

_log = get_logger(__name__)


class UnknownCommand(Exception):
    """Session has issued no such command."""


class Claims:
    """Claims of this process, under a name that it has only until it ends."""

    def __init__(self, session: "SessionServiceAsyncStub", sleep: Sleep) -> None:
        self._session = session
        self._sleep = sleep
        self._holder = new_id("notifier")

    async def claim(self, command: NotifyCommand, *, undone: bool = False) -> api.CommandStanding:
        """Ask until session answers; `undone`: the last attempt of this process did nothing.

        Raises:
            UnknownCommand: session did not issue it.
        """
        request = api.ClaimCommandRequest(
            session_id=command.session_id, command_id=command.command_id, holder=self._holder, undone=undone
        )
        backoff = Backoff(0.2, 5.0, sleep=self._sleep)
        while True:
            try:
                return (await self._session.ClaimCommand(request)).standing
            except RpcError as error:
                if error.code in _FINAL:
                    raise UnknownCommand(error.message) from error
                _log.warning("session cannot be asked now", error=str(error), command_id=command.command_id)
                await backoff.wait()
