"""`opusagent events` and `opusagent sessions`: the read side, over gRPC."""

import asyncio
from datetime import datetime

from google.protobuf.json_format import MessageToJson

from opusagent.session.v1 import session_pb2
from opusagent_cli.console import Terminal
from opusagent_cli.serve import ending, session_at, watch


async def follow(target: str, terminal: Terminal, *, from_start: bool) -> None:
    """Print facts until told to end."""
    told = ending()
    async with session_at(target) as session:
        watching = asyncio.create_task(watch(session, terminal, from_start=from_start))
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait([watching, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, stopping):
            task.cancel()
        await asyncio.gather(watching, stopping, return_exceptions=True)


async def list_sessions(target: str, terminal: Terminal) -> None:
    """Print saved sessions, newest first."""
    async with session_at(target) as session:
        answer = await session.ListSessions(session_pb2.ListSessionsRequest())
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
