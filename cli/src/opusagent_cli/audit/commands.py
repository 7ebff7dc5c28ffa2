"""The commands `opusagent audit` and `opusagent replay`. What they do is imported when they are run."""

from pathlib import Path
from typing import Annotated

import typer

from opusagent_cli.console import Terminal
from opusagent_cli.options import REPOSITORY, UsageError
from opusagent_cli.running import go

TARGET = "127.0.0.1:50051"
"""Where session listens unless told otherwise."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON lines for programs.")]
SessionAt = Annotated[str, typer.Option("--session", help=f"HOST:PORT of the session service ({TARGET}).")]
Data = Annotated[
    Path | None, typer.Option("--data", file_okay=False, help="Data folder of a one-process OpusAgent, instead.")
]


def audit(
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="Id of a session (`opusagent sessions`).")],
    *,
    session: SessionAt = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Show every decision of a session and verify that none was changed; exit code 1 if one was."""
    from opusagent_cli.audit import auditing

    if not go(auditing.audit(session_id, target_of(session, data), data, Terminal(json=json))):
        raise SystemExit(1)


def replay(
    session_id: Annotated[str, typer.Argument(metavar="SESSION", help="Id of a session; or give --all.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="Every session on the log.")] = False,
    since: Annotated[str, typer.Option(help="With --all: those of the last 30m, 24h, 7d ...")] = "",
    with_: Annotated[Path | None, typer.Option("--with", help="Another definition: what would it change?")] = None,
    agents: Annotated[Path | None, typer.Option(help="Folder of the definitions (default: those that ship).")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="With --with: exit code 1 if it changes any.")] = False,
    session: SessionAt = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Decide again what a session decided; exit code 1, and what differs, unless all comes out the same."""
    if bool(session_id) == every:
        raise UsageError("say which session, or --all")
    if since and not every:
        raise UsageError("--since belongs to --all")
    from opusagent_cli.audit import replaying

    options = replaying.ReplayOptions(
        session_id, since, with_, (agents or REPOSITORY / "agents",), target_of(session, data), data
    )
    same = go(replaying.replay(options, Terminal(json=json)))
    if not same and (with_ is None or exit_code):
        raise SystemExit(1)


def target_of(session: str, data: Path | None) -> str:
    """Return where session is asked, unless a data folder is read. Raises UsageError for both."""
    if session and data is not None:
        raise UsageError("give --session or --data, not both")
    return session or TARGET
