"""Ports that commands listen on: one that cannot be had is told with the option that chooses another."""

import contextlib
import errno
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
