"""A leg at VoiceAI Connect: one WebSocket at a time to the bot, resumed on a new one when it is lost.

Only `hangup`, `transfer` and `session.error` (or the caller) end the call; a closed socket is a lost one.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from typing_extensions import override
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from chassis.logging import get_logger
from simulator.audiocodes.conversation import Caller, Conversation
from simulator.audiocodes.messages import Json, Writer
from simulator.clock import Clock
from simulator.legs import VALID_DIGITS, CallFailedError, EndedBy, Leg, LegEnd
from simulator.line import COMFORT_NOISE_DBFS, Carrier, Line
from simulator.resetting import reset
from simulator.twilio.script import Dialed, Dialing

log = get_logger("simulator.audiocodes")

CONNECT_TIMEOUT_S = 10.0
ACCEPT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
# Before each new attempt to resume; the product's own numbers are not documented.
RESUME_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)


RING_S = 30.0
"""How long the SBC lets the human's telephone ring."""

Reach = Callable[[Dialing, Line], Awaitable[Dialed]]
"""Rings somebody for the caller on a line; returns when their call is over, or came to nothing."""


class AudioCodesLeg(Leg, Carrier):
    """A call from `caller` to a bot. Violations by the bot are in `warnings`."""

    def __init__(
        self,
        url: str,
        caller: Caller,
        clock: Clock,
        *,
        token: str = "",
        validate: bool = False,
        noise_dbfs: float | None = COMFORT_NOISE_DBFS,
        resume_delays_s: tuple[float, ...] = RESUME_DELAYS_S,
        reach: Reach | None = None,
    ) -> None:
        """`url`: ws:// or wss:// of the bot; `token`: sent as a bearer token; `validate`: probe the bot first.

        `reach`: rings those to whom the bot transfers the caller; without it his call ends with a transfer.
        """
        super().__init__(clock, noise_dbfs)
        self._url = url
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._validate = validate
        self._reach = reach
        self._caller = caller
        self._transferring: asyncio.Task[None] | None = None
        # A human has the caller, and the bot is out of it.
        self._handed_over = False
        self._resume_delays_s = resume_delays_s
        self._conversation_id = str(uuid.uuid4())
        self._writer = Writer(self._conversation_id)
        self.conversation = Conversation(self._writer, caller, self.line.playout, self.warn)
        self._connection: ClientConnection | None = None
        self._outgoing: asyncio.Queue[Json] = asyncio.Queue()
        self._accepted = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self.resumed = 0

    @property
    @override
    def provider_call_id(self) -> str:
        return self._conversation_id

    @override
    async def dial(self) -> None:
        try:
            if self._validate:
                await self._probe()
            await self._open(self.conversation.initiate())
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
            self.ended.set_result(LegEnd(EndedBy.PLATFORM, str(error), self.clock.now()))
            raise CallFailedError(f"{self._url}: {error or type(error).__name__}") from error
        self._running = asyncio.create_task(self._run(), name=f"vaic:{self._conversation_id}")
        try:
            await self.clock.wait_for(self._accepted.wait(), ACCEPT_TIMEOUT_S)
        except TimeoutError as error:
            await self._fail("session.initiate is not answered")
            raise CallFailedError("session.initiate is not answered") from error
        if not self.conversation.accepted:
            raise CallFailedError((await self.ended).detail)

    @override
    async def press(self, digits: str) -> None:
        if set(digits.upper()) - VALID_DIGITS:
            raise ValueError(f"keys are 0-9 * # A-D, not {digits!r}")
        self._say(self.conversation.press(digits.upper()))

    @override
    async def hang_up(self) -> None:
        await self._finish(LegEnd(EndedBy.CALLER, "hung up", self.clock.now()), "client-disconnected", "Client Side")

    @override
    async def platform_drop(self) -> None:
        end = LegEnd(EndedBy.PLATFORM, "dropped by the network", self.clock.now())
        await self._finish(end, "client-disconnected", "Client Side")

    @override
    async def lose_socket(self) -> None:
        if self._connection is not None:
            reset(self._connection)

    @override
    def carry(self, frame: bytes) -> None:
        self._say(self.conversation.carry(frame))

    @override
    def reached(self, mark: str) -> None:
        self._say(self.conversation.played(mark))

    def _say(self, messages: list[Json]) -> None:
        for message in messages:
            self._outgoing.put_nowait(message)

    async def _probe(self) -> None:
        """What Live Hub does once, when a bot is set up. Raises ConnectionClosed or TimeoutError."""
        connection = await self._connect()
        await connection.send(json.dumps({"type": "connection.validate"}))
        answer = await asyncio.wait_for(connection.recv(), CONNECT_TIMEOUT_S)
        if _parsed(answer) != {"type": "connection.validated", "success": True}:
            self.warn("validate", "connection.validate is not answered with connection.validated")
        await connection.close()

    async def _connect(self) -> ClientConnection:
        return await connect(
            self._url,
            additional_headers=self._headers,
            compression=None,
            proxy=None,
            open_timeout=CONNECT_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
        )

    async def _open(self, first: list[Json]) -> None:
        self._connection = await self._connect()
        self._outgoing = asyncio.Queue()
        self._say(first)
        self._start_line()
        self.line.carrier = self

    async def _run(self) -> None:
        """Serve sockets, one after the other, until the bot ends the call or cannot be reached any more."""
        try:
            while True:
                await self._serve()
                if self._handed_over:
                    return
                if self.conversation.end is not None:
                    await self._ended_by_bot()
                    return
                if not self._accepted.is_set():
                    await self._fail("the bot closed the connection before session.accepted")
                elif not await self._resume():
                    await self._fail("the bot cannot be reached any more")
        except Exception as error:
            log.exception("the leg broke", provider_call_id=self._conversation_id)
            await self._fail(f"the simulator broke: {error}")

    async def _serve(self) -> None:
        """Until the bot ends the call or the socket is gone."""
        connection = self._connection
        assert connection is not None
        writing = asyncio.create_task(self._write(connection), name="vaic-writer")
        try:
            while self.conversation.end is None:
                self._receive(await connection.recv())
        except ConnectionClosed:
            return
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    def _receive(self, message: str | bytes) -> None:
        parsed = _parsed(message)
        if parsed is None:
            self.warn("message", "a binary frame or not JSON")
            return
        self._say(self.conversation.receive(parsed))
        if self.conversation.transfer is not None and self.conversation.end is None and self._transferring is None:
            self._transferring = asyncio.create_task(self._transfer_and_see(), name="transfer")
        self.line.report_marks()
        if self.conversation.accepted or self.conversation.end is not None:
            self._accepted.set()

    async def _resume(self) -> bool:
        """Whether the bot took the conversation up again."""
        self.line.carrier = None
        self.line.playout.clear()
        for delay in self._resume_delays_s:
            await self.clock.sleep(delay)
            try:
                await self._open(self.conversation.resume())
            except (OSError, TimeoutError, InvalidHandshake) as error:
                log.info("cannot resume yet", error=str(error))
                continue
            self.resumed += 1
            return True
        return False

    async def _fail(self, detail: str) -> None:
        await self._finish(LegEnd(EndedBy.PLATFORM, detail, self.clock.now()), "")

    async def _ended_by_bot(self) -> None:
        end = self.conversation.end
        assert end is not None
        if end.kind == "error":
            await self._finish(LegEnd(EndedBy.AGENT, f"session.error: {end.detail}", self.clock.now()), "")
            return
        detail = f"{end.kind} {end.detail}".strip()
        if end.kind == "transfer":
            self.line.carrier = None
            await self._say_goodbye()
            await self._put_through()
            await self._finish(LegEnd(EndedBy.AGENT, detail, self.clock.now()), "")
            return
        await self._finish(LegEnd(EndedBy.AGENT, detail, self.clock.now()), "bot-disconnected", "Bot Side")

    async def _put_through(self, on_bridged: Callable[[], None] = lambda: None) -> str:
        """Ring whom the bot named; returns what became of it when that is over."""
        transfer = self.conversation.transfer
        if transfer is None or self._reach is None:
            return "failed"
        number = transfer.target.removeprefix("tel:").partition("@")[0].removeprefix("sip:")
        shown, us = self._caller.number, self._conversation_id
        wanted = Dialing(number, shown, RING_S, us, headers=transfer.headers, on_bridged=on_bridged)
        dialed = await self._reach(wanted, self.line)
        return "answered" if dialed.bridged else dialed.status

    async def _transfer_and_see(self) -> None:
        """The bot keeps the call until the human has it, and gets it back where he does not."""
        leaving: list[asyncio.Task[None]] = []

        def bridged() -> None:
            self._say(self.conversation.transfer_status("answered"))
            self._handed_over = True
            leaving.append(asyncio.create_task(self._say_goodbye(), name="vaic-leaves"))

        status = await self._put_through(bridged)
        await asyncio.gather(*leaving)
        if status == "answered":
            await self._finish(LegEnd(EndedBy.AGENT, "transfer answered", self.clock.now()), "")
            return
        self._transferring = None
        code = {"busy": "busy", "no-answer": "no-answer", "completed": "declined"}.get(status, "error")
        self._say(self.conversation.transfer_status(code))

    async def _say_goodbye(self) -> None:
        if self._connection is not None:
            await self._goodbye(self._connection, "transferred", "Transferred")

    async def _finish(self, end: LegEnd, code: str, reason: str = "") -> None:
        """End once; whoever comes second waits for the first. `code`: of session.end, empty = it is not sent."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(end, code, reason), name=f"end:{self._conversation_id}")
        await asyncio.shield(self._ending)

    async def _end(self, end: LegEnd, code: str, reason: str) -> None:
        self._end_line()
        for task in (self._running, self._transferring):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._connection is not None:
            await self._goodbye(self._connection, code, reason)
        self._accepted.set()
        await self._settle(end)

    async def _goodbye(self, connection: ClientConnection, code: str, reason: str) -> None:
        try:
            while not self._outgoing.empty():
                await connection.send(json.dumps(self._outgoing.get_nowait()))
            if code:
                await connection.send(json.dumps(self._writer.end(code, reason)))
        except ConnectionClosed:
            return
        await connection.close()

    async def _write(self, connection: ClientConnection) -> None:
        try:
            while True:
                await connection.send(json.dumps(await self._outgoing.get()))
        except ConnectionClosed:
            return


def _parsed(message: str | bytes) -> Any:
    """The JSON of a text frame; None for anything else."""
    if isinstance(message, bytes):
        return None
    try:
        return json.loads(message)
    except ValueError:
        return None
