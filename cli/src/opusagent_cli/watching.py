"""`opusagent events` and `opusagent sessions`: the read side, over gRPC or in a data folder."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToJson

from chassis.rpc import RpcError
from opusagent.session.v1 import session_pb2
from opusagent_cli.console import Terminal
from opusagent_cli.datafolder import SESSION_FILE, facts_in, must_hold, sessions_in
from opusagent_cli.serve import PATIENCE_S, ending, session_at, show, unless, watch
from opusagent_cli.visiting import unanswered

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub


async def follow(target: str, terminal: Terminal, *, from_start: bool) -> None:
    """Print facts until told to end. Raises UsageError where nothing answers at first."""
    told = ending()
    async with session_at(target) as session:
        # What goes away later is waited for.
        await _sessions(session, target, limit=1)
        await unless(told, watch(session, terminal, from_start=from_start))


async def print_facts(data: Path, terminal: Terminal) -> None:
    """Print all facts of a data folder's log. Raises UsageError."""
    for event in facts_in(data):
        show(event, terminal)


async def list_sessions(target: str, terminal: Terminal) -> None:
    """Print saved sessions, newest first. Raises UsageError where nothing answers."""
    async with session_at(target) as session:
        answer = await _sessions(session, target)
    _print(answer, terminal)


async def list_sessions_in(data: Path, terminal: Terminal) -> None:
    """Print the sessions that a data folder holds, newest first. Raises UsageError."""
    from chassis.ids import now_ms
    from session.books import Books
    from session.settings import SessionSettings
    from session.tasks import Tasks

    must_hold(data, SESSION_FILE)
    async with sessions_in(data) as store:
        assert store is not None
        tasks = Tasks(store, Books(store), SessionSettings.model_construct().policy, now_ms)
        answer = await tasks.list_sessions(session_pb2.ListSessionsRequest())
    _print(answer, terminal)


async def _sessions(
    session: "SessionServiceAsyncStub", target: str, limit: int = 0
) -> session_pb2.ListSessionsResponse:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await session.ListSessions(session_pb2.ListSessionsRequest(limit=limit))
    except (RpcError, TimeoutError) as error:
        raise unanswered(target, error) from error


def _print(answer: session_pb2.ListSessionsResponse, terminal: Terminal) -> None:
    for view in answer.sessions:
        if terminal.json:
            terminal.machine(MessageToJson(view, preserving_proto_field_name=True, indent=None))
            continue
        created = datetime.fromtimestamp(view.created_at_ms / 1000).strftime("%Y-%m-%d %H:%M")
        tasks = ", ".join(f"{task.task} ({task.state})" for task in view.business.open_tasks) or "no open task"
        state = "live" if view.live_call_id else "resumable" if view.resumable_until_ms else "ended"
        terminal.say(f"{view.session_id}  {created}  {state:<10} {tasks}")
    if not answer.sessions and not terminal.json:
        terminal.say("no sessions yet")
