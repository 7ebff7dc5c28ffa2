"""A running OpusAgent on which a demo is played: whether it is there, and how it must have been started."""

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chassis.rpc import RpcError
from opusagent.session.v1 import session_pb2
from opusagent_cli.options import UsageError
from simulator.stories import StoryReport

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

CONNECT_S = 5.0
GRACE_S = 8.0
"""Before it texts a caller, unless its GRACE_SECONDS says otherwise."""


def unanswered(target: str, error: RpcError | TimeoutError) -> UsageError:
    """Say that no session service answers at HOST:PORT, and what to do."""
    wrong = error.message if isinstance(error, RpcError) and not error.retriable else ""
    advice = wrong or "start it with `opusagent up`, or read a data folder with --data"
    return UsageError(f"the session service at {target} does not answer: {advice}")


async def must_be_there(url: str, session: "SessionServiceAsyncStub", target: str) -> None:
    """Connect to its gateway and its session service.

    Raises:
        UsageError: there is none, with what to do.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--url: '{url}' is not http://HOST:PORT")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except OSError as error:
        raise UsageError(f"--url: nothing takes calls at {url}; start it with `opusagent up`") from error
    writer.close()
    try:
        async with asyncio.timeout(CONNECT_S):
            await session.ListSessions(session_pb2.ListSessionsRequest(limit=1))
    except (RpcError, TimeoutError) as error:
        raise UsageError(f"--session: session does not answer at {target}; `opusagent up` says where it is") from error


def telephoned(report: StoryReport) -> bool:
    """Tell whether the system texted or rang somebody on the demo's telephone network."""
    proofs = {"an SMS arrives", "the caller is dialled", "the human's telephone rings"}
    return any(check.ok and check.name in proofs for check in report.checks)


def how_to_start(url: str, network: str) -> str:
    """Say how the system must have been started for stories to come true."""
    return (
        f"\nStories need an OpusAgent that was started with --phone-network {network}: it texts and dials there.\n"
        f"If the one at {url} was not, start it anew, and this demo again."
    )
