"""`opusagent audit`: a session's decisions, and whether they are those that were written."""

import json
from pathlib import Path

from opusagent_cli.audit.chain import Break, verify
from opusagent_cli.audit.log import Head, LoggedStep, opened
from opusagent_cli.audit.telling import record_of, tell, when
from opusagent_cli.console import Terminal
from opusagent_cli.options import UsageError


async def audit(session_id: str, session: str, data: Path | None, terminal: Terminal) -> bool:
    """Print a session's steps and verify their chain; return whether it holds. Raises UsageError."""
    async with opened(session, data) as log:
        steps = await log.steps(session_id)
        head = (await log.heads([session_id])).get(session_id)
    if not steps and (head is None or not head.index):
        raise UsageError(f"the log holds no step of a session {session_id!r}")
    breaks = verify(steps, head)
    if terminal.json:
        _print_json(steps, breaks, terminal)
    else:
        _print(steps, breaks, head, terminal)
    return not breaks


def _print(steps: list[LoggedStep], breaks: list[Break], head: Head | None, terminal: Terminal) -> None:
    broken = {each.index for each in breaks}
    for step in steps:
        record = record_of(step)
        agent = f"{record.get('agent', '?')} {str(record.get('definition', ''))[:12]}"
        mark = "  ✗" if step.index in broken else ""
        terminal.say(f"{step.index:>4}  {when(step.at_ms)}  {agent}  {step.hash[:12]}{mark}")
        for what, words in tell(step):
            terminal.say(f"      {what:<8} {words}")
    terminal.say("")
    if steps and steps[0].index > 1:
        terminal.say(f"the log begins with step {steps[0].index}: earlier ones are kept no longer")
    for each in breaks:
        terminal.say(f"BROKEN  {each.message}")
    if not breaks:
        end = " and session's own end of it" if head else "; session knows nothing of it any more"
        terminal.say(f"the chain of {len(steps)} steps is unbroken: every hash fits{end}")


def _print_json(steps: list[LoggedStep], breaks: list[Break], terminal: Terminal) -> None:
    for step in steps:
        line = {
            "index": step.index,
            "at_ms": step.at_ms,
            "call_id": step.call_id,
            "hash": step.hash,
            "previous_hash": step.previous_hash,
            "summary": step.summary,
            "record": record_of(step) or step.record_json,
        }
        terminal.machine(json.dumps(line, ensure_ascii=False))
    found = [{"index": each.index, "message": each.message} for each in breaks]
    terminal.machine(json.dumps({"steps": len(steps), "unbroken": not breaks, "breaks": found}, ensure_ascii=False))
