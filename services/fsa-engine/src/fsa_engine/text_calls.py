"""Calls in text: the same sessions, steps and tools as on the telephone, without audio, relay or gateway.

A call's handle is its session's id and a secret. Session knows the secret, together with the principal who opened the
call, as the provider's id of it: so any engine finds the call, and nobody else does.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.ids import new_id
from chassis.rpc import RpcError, StatusCode
from fsa_engine.catalog import AGENT_SCHEME, ServedAgent
from fsa_engine.domain.events import CancelTask, Event, KeyPressed, Opened, StartTask, Utterance
from fsa_engine.domain.snapshot import Snapshot
from fsa_engine.standing import payload_of
from fsa_engine.task_view import TaskView, view
from fsa_engine.text_desk import Report, TextCall, TextDesk
from opusagent.call.v1.call_pb2 import CHANNEL_TEXT, DIRECTION_INBOUND, END_REASON_AGENT_HUNG_UP
from opusagent.events.v1.events_pb2 import CallStarted
from opusagent.session.v1.session_pb2 import LoadTaskResponse, OpenCallRequest

SECRET_CHARACTERS = 32


class TextCallError(Exception):
    """The request cannot be met; the message says why, for whoever made it."""


@dataclass(frozen=True)
class Start:
    """What is asked for: a task of an agent, with proposed slot values and the person's own words.

    `key`: the same one opens the same call. `caller`: the person's telephone number, where tools need it.
    """

    agent: ServedAgent
    task: str
    arguments: Mapping[str, Any]
    words: str = ""
    caller: str = ""
    key: str = ""


@dataclass(frozen=True)
class Answer:
    """What the person says to a question, or keys pressed instead. `key`: the same one is the same answer."""

    words: str = ""
    keys: str = ""
    key: str = ""


class TextCalls:
    """Opens, continues and cancels calls in text, for the principal who holds them."""

    def __init__(self, desk: TextDesk) -> None:
        self._desk = desk

    async def start(self, principal: str, asked: Start, report: Report) -> TaskView:
        """Open a call and start a task in it. Raises TextCallError, RpcError."""
        call, callee = await self._open(principal, asked)
        who = self._who(call, "opened")
        opened = Opened(**who, call_id=call.call_id, caller=asked.caller, callee=callee, channel="text")
        await self._step(call, opened)
        loaded = await self._desk.store.load(call.session_id)
        if loaded.version == 1:
            await self._desk.delivered(call, loaded)
        await self._desk.heard(call, f"{call.call_id}/start", asked.words, Snapshot.from_bytes(loaded.snapshot))
        started = StartTask(
            **self._who(call, "start"), task=asked.task, arguments=asked.arguments, caller_words=asked.words
        )
        await self._step(call, started)
        return await self._desk.outcome(call, report)

    async def answer(self, principal: str, handle: str, given: Answer, report: Report) -> TaskView:
        """Say something, or press keys, in a call. Raises TextCallError, RpcError."""
        call = await self._find(principal, handle)
        loaded, _ = await self._desk.at_rest(call)
        snapshot = Snapshot.from_bytes(loaded.snapshot)
        if snapshot.phase == "closed":
            raise TextCallError("this session has ended")
        name = _digest(given.key) if given.key else new_id("m")
        await self._desk.delivered(call, loaded, but_of=f"{call.call_id}/{name}")
        for number, digit in enumerate(given.keys):
            await self._step(call, KeyPressed(**self._who(call, f"{name}-k{number}"), digit=digit))
        if given.words:
            await self._desk.heard(call, f"{call.call_id}/{name}", given.words, snapshot)
            await self._step(call, Utterance(**self._who(call, name), text=given.words))
        return await self._desk.outcome(call, report)

    async def status(self, principal: str, handle: str, report: Report) -> TaskView:
        """Return how a call stands; waits while tools are at work. Raises TextCallError, RpcError."""
        return await self._desk.outcome(await self._find(principal, handle), report)

    async def cancel(self, principal: str, handle: str, report: Report) -> TaskView:
        """Give up what is open and end the call; what cannot be taken back is waited for.

        Raises TextCallError, RpcError.
        """
        call = await self._find(principal, handle)
        loaded = await self._desk.store.load(call.session_id)
        snapshot = Snapshot.from_bytes(loaded.snapshot)
        if snapshot.phase == "closed":
            return view(call.handle, loaded, snapshot)
        await self._desk.delivered(call, loaded)
        for task in reversed(snapshot.tasks):
            await self._step(call, CancelTask(**self._who(call, new_id("m")), task_id=task.task_id, by_model=False))
        made = await self._desk.outcome(call, report)
        if made.final or _writing(loaded):
            return made
        await self._desk.end(call, END_REASON_AGENT_HUNG_UP)
        return TaskView(session=call.handle, state="cancelled", reason="cancelled")

    async def _open(self, principal: str, asked: Start) -> tuple[TextCall, str]:
        secret = _digest(asked.key) if asked.key else secrets.token_hex(SECRET_CHARACTERS // 2)
        request = OpenCallRequest(
            channel=CHANNEL_TEXT,
            direction=DIRECTION_INBOUND,
            provider_call_id=_provider_call_id(principal, secret),
            callee=f"{AGENT_SCHEME}{asked.agent.agent.agent}",
            now_ms=self._desk.clock(),
        )
        info = (await self._desk.store.open_call(request)).call
        call = TextCall.of(info, secret)
        fact = CallStarted(call=info, provider_call_id=request.provider_call_id.rpartition("/")[0])
        self._desk.log.record_soon(call.session_id, call.call_id, f"{call.call_id}/started", call_started=fact)
        return call, info.callee

    async def _find(self, principal: str, handle: str) -> TextCall:
        session_id, _, secret = handle.rpartition(".")
        try:
            found = (await self._desk.store.find_call(CHANNEL_TEXT, _provider_call_id(principal, secret))).call
        except RpcError as error:
            if error.code is StatusCode.NOT_FOUND:
                raise TextCallError("there is no such session") from error
            raise
        if found.session_id != session_id:
            raise TextCallError("there is no such session")
        return TextCall.of(found, secret)

    async def _step(self, call: TextCall, event: Event) -> None:
        if not await self._desk.step(call, event):
            raise TextCallError("the agent could not take this in")

    def _who(self, call: TextCall, name: str) -> dict[str, Any]:
        return {"event_id": f"{call.call_id}/{name}", "at_ms": self._desk.clock()}


def _provider_call_id(principal: str, secret: str) -> str:
    return f"mcp/{principal}/{secret}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:SECRET_CHARACTERS]


def _writing(loaded: LoadTaskResponse) -> bool:
    return any(payload_of(intent).get("write") for intent in loaded.open_intents)
