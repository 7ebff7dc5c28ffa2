"""How a command's coroutine is run."""

import asyncio
import logging as standard_logging
import os
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

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


def leave() -> NoReturn:
    """End this process now that all is stopped and saved.

    Taking the interpreter and the speech engines' memory apart lasts seconds, and nobody needs it.
    """
    standard_logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def reader_gone() -> NoReturn:
    """Exit in silence: whoever read the output, such as `head`, has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)
