"""Ports that commands listen on: one that cannot be had is told with the option that chooses another."""

import contextlib
import errno
import random
import socket
from collections.abc import Iterator

from opusagent_cli.options import UsageError

_WHY = {
    errno.EADDRINUSE: "is taken; stop what listens there, or choose another with {option}",
    errno.EACCES: "may not be listened on by you; choose one above 1023 with {option}",
    errno.EADDRNOTAVAIL: "cannot be listened on: {host} is no address of this machine; see --host",
}


@contextlib.contextmanager
def taking(option: str, host: str, port: int) -> Iterator[None]:
    """Open a port within this block.

    Raises:
        UsageError: it cannot be had.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _WHY:
            raise
        why = _WHY[error.errno].format(option=option, host=host)
        raise UsageError(f"{option}: port {port} {why}") from error


def must_be_free(option: str, host: str, port: int) -> None:
    """Listen on a port for a moment. Raises UsageError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with taking(option, host, port):
        socket.create_server((host, port), family=family).close()


FIRST, PAST, ROW = 20_000, 32_000, 10
"""Where free ports are looked for: below the ephemeral ports of Linux (32768 to 60999), which anybody's next connection
might take, and ten in a row, for replicas."""


def free_port() -> int:
    """Return the first of ten TCP ports in a row that are free on loopback now.

    Raises:
        OSError: there are none.
    """
    for first in random.sample(range(FIRST, PAST, ROW), 100):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + ROW):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise OSError("no ten ports in a row are free on loopback")
