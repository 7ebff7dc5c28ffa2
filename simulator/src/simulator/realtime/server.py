"""The stand-in's WebSocket server: `ws://HOST:PORT/v1/realtime?model=...`, text frames with one JSON event each."""

import asyncio
import http
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from audio.formats import Format
from audio.transcode import Transcoder
from simulator.realtime.conversation import Json, default_session
from simulator.realtime.hearing import Hearing, audio_format
from simulator.realtime.mind import Mind
from simulator.realtime.session import RealtimeSession
from speech.stt import Hints, Recogniser
from speech.tts import Synthesiser

SESSION_SECONDS = 3600
_SERVER_EVENT: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)


class RealtimeStandIn:
    """A Realtime API on loopback. `sessions` counts those opened; `received` keeps client events other than audio."""

    def __init__(
        self,
        recogniser: Recogniser,
        synthesiser: Synthesiser,
        voice: str = "",
        vocabulary: tuple[str, ...] = (),
        mind: Mind | None = None,
    ) -> None:
        self._recogniser = recogniser
        self._synthesiser = synthesiser
        self._voice = voice
        self._hints = Hints(vocabulary=vocabulary)
        self._pool = ThreadPoolExecutor(1, "realtime-standin")
        self._server: Server | None = None
        self.mind = mind or Mind()
        self.sessions = 0
        # The one opened last.
        self.session: RealtimeSession | None = None
        self.received: list[Json] = []

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve; returns the base URL to set as OPENAI_BASE_URL."""
        self._server = await serve(
            self._connection, host, port, compression=None, max_size=None, process_request=self._admit
        )
        bound = next(iter(self._server.sockets)).getsockname()[1]
        return f"http://{host}:{bound}/v1"

    async def stop(self) -> None:
        """Close all sessions and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._pool.shutdown(cancel_futures=True)

    @staticmethod
    def _admit(connection: ServerConnection, request: Request) -> Response | None:
        if not request.path.partition("?")[0].endswith("/realtime"):
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is only /v1/realtime here.\n")
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "Missing bearer authentication.\n")
        return None

    async def _connection(self, connection: ServerConnection) -> None:
        self.sessions += 1
        assert connection.request is not None
        model = connection.request.path.partition("model=")[2].partition("&")[0] or "gpt-realtime-2.1"
        body = default_session(f"sess_{self.sessions:08d}", model, int(time.time()) + SESSION_SECONDS)

        async def send(event: Json) -> None:
            _SERVER_EVENT.validate_python(event)
            await connection.send(json.dumps(event))

        session = RealtimeSession(body, send, self._hearing(), self._speak, self.mind)
        self.session = session
        try:
            await session.open()
            async for frame in connection:
                await self._take(session, frame)
        except ConnectionClosed:
            return
        finally:
            await session.close()

    async def _take(self, session: RealtimeSession, frame: str | bytes) -> None:
        try:
            event = json.loads(frame)
        except ValueError:
            event = {"type": None}
        if not isinstance(event, dict):
            event = {"type": None}
        if event.get("type") != "input_audio_buffer.append":
            self.received.append(event)
        await session.handle(event)

    def _hearing(self) -> Hearing:
        return Hearing(self._recogniser, self._pool, self._hints)

    async def _speak(self, text: str, described: Json) -> AsyncIterator[tuple[str, bytes]]:
        transcoder = Transcoder(Format("pcm16", self._synthesiser.rate), audio_format(described))
        words = text
        async for piece in self._synthesiser.stream(text, self._voice):
            audio = transcoder.feed(piece.tobytes())
            if audio:
                yield words, audio
                words = ""
            await asyncio.sleep(0)
        rest = transcoder.flush()
        if rest:
            yield words, rest
