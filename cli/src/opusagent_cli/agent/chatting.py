"""`opusagent agent chat`: talk with an agent in the terminal; its rules, its tools, no audio."""

import asyncio
import json
import re
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chassis.ids import Clock, now_ms
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.loading import DefinitionError
from opusagent.fsa.v1.fsa_pb2 import Output
from opusagent_cli.agent.coverage import moves_of
from opusagent_cli.agent.files import agent_file
from opusagent_cli.agent.rooms import room
from opusagent_cli.agent.texting import Exchange, TextConversation
from opusagent_cli.audit.telling import rules, thoughts
from opusagent_cli.console import Terminal
from opusagent_cli.options import UsageError

SHOWABLE = ("rules", "scratchpad", "states")
HELP = (
    "Talk to it; /key 1 presses keys, /silence keeps silent, /quit hangs up. "
    "After a transfer: /answered, /busy or /no_answer."
)
KEYS = re.compile(r"[0-9*#\s]*[0-9*#][0-9*#\s]*")
KEYS_ONLY = "    · only keys are heard here: /key and the digits"


@dataclass(frozen=True)
class ChatOptions:
    """How it is talked with. `at`: the local time that it takes for now; `data`: where the session is kept."""

    path: Path
    script: Path | None = None
    show: frozenset[str] = frozenset()
    data: Path | None = None
    at: str = ""
    caller: str = "+15550100"


async def chat(options: ChatOptions, terminal: Terminal) -> None:
    """Hold a conversation until either side ends it, or the script does. Raises UsageError."""
    file = agent_file(options.path)
    try:
        async with room(file, options.data, _clock(options.at, file)) as served:
            conversation = TextConversation(served, options.caller)
            await _converse(conversation, options, terminal)
    except DefinitionError as error:
        raise UsageError(f"the definition is broken:\n{error}") from error


def showing(text: str) -> frozenset[str]:
    """Return what `rules,scratchpad` names.

    Raises:
        UsageError: something else is named.
    """
    names = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if names - set(SHOWABLE):
        raise UsageError(f"--show: {', '.join(sorted(names - set(SHOWABLE)))}: only {', '.join(SHOWABLE)} can be shown")
    return names


def _clock(at: str, file: Path) -> Clock:
    """Return a clock that begins at a local time of the agent's, or the real one."""
    if not at:
        return now_ms
    from fsa_engine.domain.loading import load_agent

    try:
        zone = load_agent(file).zone
        ahead = int(datetime.fromisoformat(at).replace(tzinfo=zone).timestamp() * 1000) - now_ms()
    except ValueError as error:
        if isinstance(error, DefinitionError):
            raise
        raise UsageError(f"--at: {at!r} is not a time such as 2025-12-01T09:00") from error
    return lambda: now_ms() + ahead


async def _converse(conversation: TextConversation, options: ChatOptions, terminal: Terminal) -> None:
    printed = _Printed(conversation.room.agent, options.show, terminal)
    exchange = await conversation.open()
    if options.script is None and not terminal.json and sys.stdin.isatty():
        terminal.say(HELP)
    printed.show("", exchange)
    async for line in _lines(options.script):
        if exchange.over or line == "/quit":
            break
        if exchange.private and not line.startswith("/"):
            terminal.say(KEYS_ONLY)
            continue
        made = await _said(conversation, line)
        if made is None:
            terminal.say(HELP)
            continue
        exchange = made
        printed.show(line, exchange, echo=options.script is not None or not sys.stdin.isatty())
    await conversation.close()
    if options.data is not None and not terminal.json:
        terminal.say(f"\nThis was session {conversation.session_id}; see it with:")
        terminal.say(f"  opusagent audit {conversation.session_id} --data {options.data}")


async def _said(conversation: TextConversation, line: str) -> Exchange | None:
    """Do what a line means; None for a command that is none."""
    command, _, rest = line.partition(" ")
    if not line.startswith("/"):
        return await conversation.say(line)
    if command == "/silence":
        return await conversation.keep_silent()
    if command in {"/answered", "/busy", "/no_answer"}:
        return await conversation.transferred(command[1:])  # type: ignore[arg-type]
    if command == "/key" and KEYS.fullmatch(rest):
        made = [await conversation.press(digit) for digit in rest.strip() if not digit.isspace()]
        return Exchange(
            tuple(output for each in made for output in each.outputs),
            tuple(record for each in made for record in each.records),
            tuple(failure for each in made for failure in each.failures),
            private=made[-1].private,
        )
    return None


class _Printed:
    """How exchanges look."""

    def __init__(self, agent: Agent, show: frozenset[str], terminal: Terminal) -> None:
        self._agent = agent
        self._show = show
        self._terminal = terminal

    def show(self, line: str, exchange: Exchange, *, echo: bool = False) -> None:
        """Print what was said and what it led to."""
        if self._terminal.json:
            self._terminal.machine(json.dumps(self._plain(line, exchange), ensure_ascii=False))
            return
        if line and echo:
            self._terminal.say(f"> {line}")
        for record in exchange.records:
            for what, words in self._inside(record):
                self._terminal.say(f"    · {what:<8} {words}")
        for failure in exchange.failures:
            self._terminal.say(f"    · failed   {failure}")
        for output in exchange.outputs:
            said = _words(output)
            if said:
                self._terminal.say(said)
        if exchange.waiting:
            self._terminal.say("    · a tool is still at work")
        if exchange.private:
            self._terminal.say(KEYS_ONLY)

    def _inside(self, record: Mapping[str, Any]) -> list[tuple[str, str]]:
        lines: list[tuple[str, str]] = []
        if "rules" in self._show:
            lines += [("rule", line) for line in rules(record)]
            lines += [("refused", str(note)) for note in record.get("rejected", ())]
        if record.get("verdict") != "accepted":
            lines.append(("verdict", f"{record.get('verdict')}: {record.get('why')}"))
        if "scratchpad" in self._show:
            lines += [("thought", words) for words in thoughts(record)]
        if "states" in self._show:
            lines += [("state", f"{task}: {source} -> {target}") for task, source, target in moves_of(record)]
        return lines

    def _plain(self, line: str, exchange: Exchange) -> dict[str, Any]:
        inside = [{"what": what, "text": words} for record in exchange.records for what, words in self._inside(record)]
        after = exchange.records[-1].get("after", {}) if exchange.records else {}
        states = {task["task"]: task["state"] for task in (after.get("tasks") or {}).values()}
        made: dict[str, Any] = {"caller": line, "agent": [w for w in map(_words, exchange.outputs) if w]}
        made |= {"states": states, "phase": after.get("phase", "")}
        made |= {"inside": inside} if inside else {}
        return made | ({"failed": exchange.failures} if exchange.failures else {})


def _words(output: Output) -> str:
    """Return what the caller notices of an output."""
    body = output.WhichOneof("body") or ""
    if body == "hang_up":
        return "(hangs up)"
    if body == "hand_off":
        return f"(transfers the call to {output.hand_off.target or 'nobody'}: {output.hand_off.summary})"
    return str(getattr(getattr(output, body, None), "text", "")) if body != "steer" else ""


async def _lines(script: Path | None) -> AsyncIterator[str]:
    """Yield what the caller does: lines of a script, or of the terminal."""
    if script is not None:
        for line in await asyncio.to_thread(_read, script):
            yield line
        return
    typed = _typed()
    while (answer := await typed.get()) is not None:
        if answer.strip():
            yield answer.strip()


def _read(script: Path) -> list[str]:
    """Return the lines of a script without empty ones and those after #."""
    try:
        lines = [line.strip() for line in script.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{script}: {error}") from error
    return [line for line in lines if line and not line.startswith("#")]


def _typed() -> "asyncio.Queue[str | None]":
    """Return what is typed, read on a thread that does not keep the process from ending; None at its end."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        prompt = "> " if sys.stdin.isatty() else ""
        line: str | None = ""
        while line is not None:
            try:
                line = input(prompt)
            except (EOFError, ValueError):
                line = None
            try:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            except RuntimeError:
                return

    threading.Thread(target=read, name="typed", daemon=True).start()
    return lines
