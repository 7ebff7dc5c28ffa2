"""How a command's coroutine is run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from chassis import logging
from opusagent_cli.options import UsageError

T = TypeVar("T")


def go(work: Coroutine[Any, Any, T], log_level: str = "WARNING") -> T:
    """Run a command to its end on a loop of its own.

    Raises:
        UsageError: a service does not answer.
    """
    # Imported here: gRPC takes a while, which `--help` should not wait for.
    from chassis.rpc import RpcError

    logging.configure("opusagent", log_level, "console")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(work)
        except RpcError as error:
            raise UsageError(f"session does not answer: {error.message or error.code.name}") from error
