"""Plays one conversation test against a conversing model's stand-in."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chassis.bus import CALL_EVENTS, GATEWAY_INBOX
from chassis.ids import new_id
from fsa_engine.adapters.mcp_tools import ToolServers
from fsa_engine.domain.conversation import Played, differences, passed
from fsa_engine.domain.definition import Agent
from fsa_engine.domain.events import Event
from fsa_engine.domain.loading import load_agent
from fsa_engine.domain.offering import tools_for
from fsa_engine.domain.outputs import Body, HangUp, Progress, Steer
from fsa_engine.domain.scripts import Line, Script
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.domain.step import Step, step
from opusagent.call.v1 import call_pb2 as call
from opusagent.events.v1.events_pb2 import CallEnded, CallEvent, CallStarted
from opusagent.session.v1 import session_pb2 as api
from opusagent_cli.agent.dialogue.fakes import Fakes
from opusagent_cli.agent.dialogue.mind import Obedient
from opusagent_cli.agent.dialogue.phone import Phone
from opusagent_cli.agent.dialogue.stage import Stage, stage

SLOT = 1
"""The gateway's, which has no lease here."""
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.01
_OUTCOMES = {
    "answered": call.TRANSFER_OUTCOME_ANSWERED,
    "busy": call.TRANSFER_OUTCOME_BUSY,
    "no_answer": call.TRANSFER_OUTCOME_NO_ANSWER,
}


async def hold(script: Script, files: list[Path], tools: ToolServers | None = None) -> Played:
    """Play a script with the first of some definitions; the others stand by. `tools`: in place of the script's fakes.

    Raises:
        UsageError: the definitions cannot be served.
    """
    files = [file for file in files if load_agent(file).agent not in script.without]
    player = _Player(script, files)
    mind, servers = player.mind, tools or player.fakes.servers()
    async with stage(files, servers, mind, player.clock, player.step) as on:
        subscription = await on.bus.listen(GATEWAY_INBOX, SLOT, player.take)
        try:
            return await player.play(on)
        finally:
            await subscription.close()


class _Player:
    def __init__(self, script: Script, files: list[Path]) -> None:
        self.played = Played(script)
        self.mind = Obedient()
        agents = [load_agent(file) for file in files]
        self.agent = agents[0]
        self.fakes = Fakes(script, agents)
        self.snapshot = Snapshot()
        # Of the line at hand, by event: with evidence of what words mean an event is stepped twice.
        self._steps: dict[str, Step] = {}
        # Version of the session before it.
        self._version = 0
        self._at_ms = int(script.at.replace(tzinfo=self.agent.zone).timestamp() * 1000)
        self._phone: Phone | None = None

    def clock(self) -> int:
        """The conversation's own time."""
        return self._at_ms

    def step(self, agent: Agent, snapshot: Snapshot, event: Event) -> Step:
        """Step as the core does, and keep what came of it."""
        made = step(agent, snapshot, event)
        self.agent, self.snapshot = agent, made.snapshot
        self._steps[event.event_id] = made
        self.played.happened.append((agent, snapshot, event))
        return made

    def _keep(self, made: Sequence[Step]) -> None:
        self.played.steps += made
        for each in made:
            calls = [intent.payload for intent in each.intents if intent.kind == "tool"]
            self.played.calls += [(payload["tool"], payload["arguments"]) for payload in calls]
            self.played.visited |= {(task.task, task.state) for task in each.snapshot.tasks} | passed(each)

    def take(self, record: bytes, headers: Any) -> None:
        """Take what is for the gateway."""
        if self._phone is not None:
            self._phone.take(record, headers)

    async def play(self, on: Stage) -> Played:
        """Play all lines, beginning with the call's opening unless the first line is one."""
        script = self.played.script
        rings = bool(script.lines) and script.lines[0].does == "ring"
        lines = script.lines if rings else (Line(does="ring"), *script.lines)
        for number, line in enumerate(lines, start=1 if rings else 0):
            for failure in await self._line(on, line):
                what = line.say or line.key or line.does or line.start or line.answer or line.cancel
                self.played.failures.append(f"{script.name}, {script.place(number)} ({what!r}): {failure}")
        return self.played

    async def _line(self, on: Stage, line: Line) -> list[str]:
        self._steps.clear()
        self._version = await self._saved(on)
        self._at_ms += round(line.seconds * 1000)
        heard = len(self._phone.heard) if self._phone is not None else 0
        own = len(self.mind.own_words)
        if line.hold:
            self.fakes.hold()
        expected = await self._happen(on, line)
        problem = await self._until_quiet(on, expected, held=self.fakes.held)
        if not line.hold and self.fakes.held:
            self.fakes.release()
            problem = problem or await self._until_quiet(on, expected, held=False)
        if problem:
            return [problem]
        assert self._phone is not None
        if line.does in ("ring", "ring_back"):
            heard = 0
        made = list(self._steps.values())
        self._keep(made)
        failures = differences(line, made, self.snapshot, self.agent) if made else _unchanged(line, self.snapshot)
        failures += _unheard(made, self._phone.heard[heard:], self.mind.own_words[own:])
        return failures + self._wrong_tools(on, made)

    async def _happen(self, on: Stage, line: Line) -> int:
        """Do what the line says; return how many events the engine must hear of."""
        phone = self._phone
        if line.does in ("ring", "ring_back"):
            await self._ring(on)
            return 1
        assert phone is not None
        if line.key is not None:
            for digit in line.key:
                phone.press(digit)
            return len(line.key)
        if line.does is None:
            self.mind.does = None if line.say is not None else line
            return 1 if phone.say(line.say if line.say is not None else line.words) else 0
        if line.does in _OUTCOMES:
            phone.transferred(_OUTCOMES[line.does])
        elif line.does == "drop":
            await self._drop(on, phone)
        elif line.does == "nothing":
            on.timers.skip(60_000)
        return 0 if line.does == "wait" else 1

    async def _ring(self, on: Stage) -> None:
        request = api.OpenCallRequest(
            channel=call.CHANNEL_TWILIO,
            direction=call.DIRECTION_INBOUND,
            provider_call_id=new_id("test"),
            caller=self.played.script.caller,
            callee=f"agent:{self.agent.agent}",
            format=call.AudioFormat(encoding=call.ENCODING_MULAW, sample_rate_hz=8000),
            gateway_slot=SLOT,
            now_ms=self._at_ms,
        )
        opened = await on.session.OpenCall(request)
        before = await on.session.LoadTask(api.LoadTaskRequest(session_id=opened.call.session_id))
        self._version = before.version
        self._phone = Phone(on.bus, self.clock, opened)
        await self._record(on, self._phone, call_started=CallStarted(call=opened.call))

    async def _drop(self, on: Stage, phone: Phone) -> None:
        phone.close(call.END_REASON_LEG_LOST)
        await self._record(on, phone, call_ended=CallEnded(reason=call.END_REASON_LEG_LOST))

    async def _record(self, on: Stage, phone: Phone, **fact: Any) -> None:
        session_id, call_id = phone.call.session_id, phone.call.call_id
        event = CallEvent(
            event_id=new_id("test"), session_id=session_id, call_id=call_id, occurred_at_ms=self._at_ms, **fact
        )
        await on.bus.append(CALL_EVENTS, session_id, event.SerializeToString())

    async def _until_quiet(self, on: Stage, expected: int, *, held: bool) -> str:
        """Wait until the engine has heard of it, nothing is at work, and the caller has heard all."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        assert self._phone is not None
        request = api.LoadTaskRequest(session_id=self._phone.call.session_id)
        while loop.time() < until:
            loaded = await on.session.LoadTask(request)
            at_work = (loaded.open_intents and not held) or (loaded.undelivered and self.snapshot.phase != "closed")
            saved = loaded.version >= self._version + len(self._steps)
            if len(self._steps) >= expected and saved and not at_work:
                return ""
            await asyncio.sleep(LOOK_SECONDS)
        return f"it did not come to rest: {len(self._steps)} of {expected} events, heard {self._phone.heard[-2:]!r}"

    async def _saved(self, on: Stage) -> int:
        if self._phone is None:
            return 0
        loaded = await on.session.LoadTask(api.LoadTaskRequest(session_id=self._phone.call.session_id))
        return int(loaded.version)

    def _wrong_tools(self, on: Stage, made: list[Step]) -> list[str]:
        """The model has what the state allows."""
        model = on.model.session
        if not made or model is None or self.snapshot.phase == "closed":
            return []
        given = [(tool["name"], tool["parameters"]) for tool in model.conversation.session["tools"]]
        allowed = [(tool.name, tool.parameters) for tool in tools_for(self.agent, self.snapshot)]
        return [] if given == allowed else [f"the model may call {given}, the state allows {allowed}"]


def _unchanged(line: Line, snapshot: Snapshot) -> list[str]:
    """Where the engine heard nothing, nothing may have happened."""
    task = snapshot.focused
    state = task.state if task else ""
    failures = [f"the caller was not heard: expected {line.hears!r}"] if line.hears else []
    if line.state not in (None, state):
        failures.append(f"state: expected {line.state!r}, got {state!r}")
    return [*failures, f"calls: expected {line.calls!r}, got none"] if line.calls else failures


def _unheard(made: list[Step], heard: list[str], own: list[str]) -> list[str]:
    """Compare what the caller heard with what the engine had to say, in order, and what the model said by itself.

    A filler that was out of date before it could be said need not have been heard.
    """
    left = " ".join(heard)
    for output in (output for each in made for output in each.outputs):
        text = _text(output.body)
        if not text:
            continue
        before, found, after = left.partition(text)
        if found:
            left = f"{before}{after}"
        elif not isinstance(output.body, Progress):
            return [f"the caller did not hear {text!r} in {heard!r}"]
    for text in own:
        left = left.replace(text, "", 1)
    return [f"the caller heard {left.strip()!r} from nobody"] if left.strip() else []


def _text(body: Body) -> str:
    if isinstance(body, Steer):
        return ""
    return getattr(body, "text", "(hangs up)" if isinstance(body, HangUp) else "(transfers)")
