"""`opusagent replay`: decisions made again, on the definition they were made with or on another one."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from chassis.sealing import SealError, unseal_text
from fsa_engine.domain.replay import Difference
from fsa_engine.domain.replay import replay as decided_again
from fsa_engine.domain.snapshot import Unseal
from opusagent_cli.audit.comparing import changes
from opusagent_cli.audit.definitions import Shelf, shelf
from opusagent_cli.audit.log import LoggedStep, opened
from opusagent_cli.audit.telling import record_of
from opusagent_cli.console import Terminal
from opusagent_cli.options import UsageError

_AGE = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
SHOWN = 20
"""Differences of one session that are shown."""


@dataclass(frozen=True)
class ReplayOptions:
    """What is replayed: one session, or all since so many seconds ago; on what."""

    session_id: str = ""
    since: str = ""
    with_: Path | None = None
    agents: tuple[Path, ...] = ()
    session: str = ""
    data: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one session. `problem`: why it was not replayed."""

    session_id: str
    agent: str = ""
    steps: int = 0
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


async def replay(options: ReplayOptions, terminal: Terminal) -> bool:
    """Replay and print; return whether everything came out the same. Raises UsageError."""
    since_ms = age_ms(options.since) if options.since else None
    async with opened(options.session, options.data) as log:
        steps = await log.steps(options.session_id)
        sessions = [each for each in _by_session(steps) if since_ms is None or each[-1].at_ms >= since_ms]
        heads = await log.heads([each[0].session_id for each in sessions])
    if not sessions:
        what = f"of a session {options.session_id!r}" if options.session_id else "of that time"
        raise UsageError(f"the log holds no step {what}")
    known = shelf(options.agents, options.with_)
    keys = {session_id: head.key for session_id, head in heads.items()}
    outcomes = [_outcome(each, known, keys.get(each[0].session_id, b"")) for each in sessions]
    shown = [each for each in outcomes if each is not None]
    changed = known.tried is not None
    for outcome in shown:
        _tell(outcome, terminal, changed=changed, briefly=not options.session_id)
    if not options.session_id:
        _sum(shown, terminal, changed=changed)
    return not any(each.differences or each.problem for each in shown)


def age_ms(text: str) -> int:
    """Return the time (Unix milliseconds) that lies `24h`, `30m`, `7d` ... back.

    Raises:
        UsageError: not of that form.
    """
    found = _AGE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"--since: {text!r} is not a time such as 30m, 24h or 7d")
    return int((time.time() - int(found.group(1)) * _SECONDS[found.group(2)]) * 1000)


def _by_session(steps: Sequence[LoggedStep]) -> list[list[LoggedStep]]:
    """Return the steps of each session in the order of its chain, sessions in the order of the log."""
    order = {session_id: index for index, session_id in enumerate(dict.fromkeys(step.session_id for step in steps))}
    ordered = sorted(steps, key=lambda step: (order[step.session_id], step.index))
    return [list(group) for _, group in groupby(ordered, key=lambda step: step.session_id)]


def _outcome(steps: Sequence[LoggedStep], known: Shelf, key: bytes) -> Outcome | None:
    """Replay one session; None for one without the agent of which another definition is tried."""
    session_id, records = steps[0].session_id, [record_of(step) for step in steps]
    name = str(records[0].get("agent", ""))
    if steps[0].index != 1 or not all(records):
        return Outcome(session_id, name, problem="its steps are not all on the log, or cannot be read")
    if known.tried is not None and known.tried.agent not in {record.get("agent") for record in records}:
        return None
    cast = known.cast(records)
    if not cast.agents:
        return Outcome(session_id, name, problem=f"{'; '.join(cast.notes)}: name its folder with --agents")
    try:
        made = decided_again(records, cast.agents, _opener(session_id, key))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return Outcome(session_id, name, problem=f"its records are of another form ({type(error).__name__}: {error})")
    return Outcome(session_id, name, made.steps, made.differences, (*cast.notes, *made.notes))


def _opener(session_id: str, key: bytes) -> Unseal:
    """Return what opens a session's sealed texts; it gives None for those that do not open."""

    def unseal(sealed: str) -> str | None:
        try:
            return unseal_text(key, session_id, sealed)
        except (SealError, ValueError):
            return None

    return unseal


def _tell(outcome: Outcome, terminal: Terminal, *, changed: bool, briefly: bool) -> None:
    """Print one session; `briefly`: only its first step that differs, from which the others mostly follow."""
    if terminal.json:
        terminal.machine(json.dumps(_plain(outcome), ensure_ascii=False))
        return
    if outcome.problem:
        terminal.say(f"{outcome.session_id}  {outcome.agent}: not replayed: {outcome.problem}")
        return
    steps = len({each.index for each in outcome.differences})
    same = "would be decided the same" if changed else "same decisions"
    other = f"{steps} of {outcome.steps} {'would change' if changed else 'came out otherwise'}"
    terminal.say(f"{outcome.session_id}  {outcome.agent}: {outcome.steps} steps, {other if steps else same}")
    for note in outcome.notes:
        terminal.say(f"    note: {note}")
    first = [each for each in outcome.differences if each.index == outcome.differences[0].index]
    shown = (first if briefly else outcome.differences)[:SHOWN]
    for each in shown:
        terminal.say(f"    step {each.index} ({each.event_id}): {each.what}")
        for line in changes(_json(each.recorded), _json(each.replayed)):
            terminal.say(f"      {line}")
    if len(outcome.differences) > len(shown):
        where = "; `replay SESSION` shows them" if briefly else ""
        terminal.say(f"    ... and {len(outcome.differences) - len(shown)} more{where}")


def _json(value: Any) -> Any:
    """Return a value as it stands in JSON, whatever kinds of sequences and mappings hold it."""
    return json.loads(json.dumps(value, default=str))


def _sum(outcomes: Sequence[Outcome], terminal: Terminal, *, changed: bool) -> None:
    counts = {
        "sessions": len(outcomes),
        "steps": sum(each.steps for each in outcomes),
        "same": sum(1 for each in outcomes if not each.differences and not each.problem),
        "different": sum(1 for each in outcomes if each.differences),
        "not_replayed": sum(1 for each in outcomes if each.problem),
    }
    if terminal.json:
        terminal.machine(json.dumps(counts))
        return
    terminal.say(
        f"\n{counts['sessions']} sessions, {counts['steps']} steps: {counts['same']} the same, "
        f"{counts['different']} {'would change' if changed else 'different'}, {counts['not_replayed']} not replayed"
    )


def _plain(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "session_id": outcome.session_id,
        "agent": outcome.agent,
        "steps": outcome.steps,
        "same": not outcome.differences and not outcome.problem,
        "problem": outcome.problem,
        "notes": list(outcome.notes),
        "differences": [
            {"step": d.index, "event_id": d.event_id, "what": d.what, "was": d.recorded, "now": d.replayed}
            for d in outcome.differences
        ],
    }
