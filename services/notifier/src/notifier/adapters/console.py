"""Prints what would be sent: for trying OpusAgent without an account."""

import sys
from typing import TextIO

from typing_extensions import override

from chassis.logging import get_logger
from notifier.provider import Provider
from opusagent.notify.v1.notify_pb2 import NotifyCommand

_log = get_logger(__name__)


class ConsoleProvider(Provider):
    """Writes messages and calls to `out` (standard output); nothing leaves the machine."""

    name = "console"

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    @override
    async def attempt(self, command: NotifyCommand) -> str:
        out = self._out or sys.stdout
        if command.WhichOneof("command") == "send_sms":
            print(f"SMS to {command.send_sms.to_number}: {command.send_sms.body}", file=out, flush=True)
        else:
            print(f"Call to {command.place_call.to_number} (not placed: no telephony)", file=out, flush=True)
        _log.info("printed on the console", command_id=command.command_id)
        return f"console-{command.command_id}"

    @override
    async def find(self, command: NotifyCommand) -> str | None:
        return None
