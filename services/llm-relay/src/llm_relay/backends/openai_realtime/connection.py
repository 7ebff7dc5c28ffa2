"""One WebSocket to the Realtime API, as a port and over picows.

The `openai` package says where the API is and how one is admitted; its socket is not used, because it wakes two tasks
for every frame of a call (docs/performance.md).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlencode
from urllib.request import getproxies, proxy_bypass

from openai import AsyncOpenAI
from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect
from typing_extensions import override

from llm_relay.backends.port import BackendError
from llm_relay.settings import RelaySettings

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Of one server event. The API names no limit; its largest known event is an item with audio, at most 15 MiB."""

WRITE_HIGH_WATER = 64 * 1024
"""Bytes in the transport past which the peer counts as not reading: about five seconds of G.711 as events."""

CONNECT_SECONDS = 10.0
PING_SECONDS = 20.0
"""Silence after which the peer is pinged, and how long it may take to answer."""

CLOSE_SECONDS = 2.0
LOST_WITHOUT_CLOSE = 1006
"""The close code of a socket that ended without a close frame (RFC 6455, 7.1.5)."""

Received = Callable[[bytes], None]


class Connection(ABC):
    """Text messages both ways. Nothing waits: what is sent while the peer does not read stays with the sender."""

    @abstractmethod
    def listen(self, received: Received, writable: Callable[[], None]) -> None:
        """Hand over every message from now on, those that came before first; `writable`: the peer reads again."""

    @property
    @abstractmethod
    def writing(self) -> bool:
        """Whether a message would go out now: the socket is open and its peer reads."""

    @abstractmethod
    def send(self, text: bytes) -> None:
        """Send one event, UTF-8; without effect on a closed socket."""

    @abstractmethod
    def close(self) -> None:
        """Begin to close it; idempotent."""

    @abstractmethod
    async def closed(self) -> int:
        """Wait until it is closed, by whomever; returns the peer's close code, 1006 when there was none."""


Dial = Callable[[], Awaitable[Connection]]
"""Opens a connection. Raises BackendError."""


class PicowsConnection(WSListener, Connection):
    """A client socket that calls, in the read of the socket itself, whoever listens."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: WSTransport | None = None
        self._paused = False
        self._received: Received | None = None
        self._writable: Callable[[], None] = lambda: None
        self._early: list[bytes] = []
        self._parts: list[bytes] = []
        self._code = LOST_WITHOUT_CLOSE
        self._gone = asyncio.Event()

    @override
    def listen(self, received: Received, writable: Callable[[], None]) -> None:
        self._received, self._writable = received, writable
        early, self._early = self._early, []
        for message in early:
            received(message)

    @property
    @override
    def writing(self) -> bool:
        return self._transport is not None and not self._paused

    @override
    def send(self, text: bytes) -> None:
        if self._transport is not None:
            self._transport.send(WSMsgType.TEXT, text)

    @override
    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None and not transport.is_disconnected:
            transport.send_close(WSCloseCode.OK)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, _abort, transport)

    @override
    async def closed(self) -> int:
        await self._gone.wait()
        return self._code

    # ---- from picows

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame; the hot path is a whole text message."""
        if frame.msg_type is WSMsgType.TEXT and frame.fin:
            self._take(frame.get_payload_as_bytes())
        elif frame.msg_type is WSMsgType.CLOSE:
            self._code = int(cast(int, frame.get_close_code()))
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._take_part(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, however."""
        self._transport = None
        self._gone.set()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._paused = False
        self._writable()

    # ---- inside

    def _take(self, message: bytes) -> None:
        if self._received is None:
            self._early.append(message)
        elif self._transport is not None:
            self._received(message)

    def _take_part(self, transport: WSTransport, frame: WSFrame) -> None:
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > MAX_MESSAGE_BYTES:
            self._parts.clear()
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            transport.disconnect()
        elif frame.fin:
            message = b"".join(self._parts)
            self._parts.clear()
            self._take(message)


def _abort(transport: WSTransport) -> None:
    if not transport.is_disconnected:
        transport.disconnect(graceful=False)


def dialler(settings: RelaySettings) -> Dial:
    """Dials the API, or whatever speaks it at OPENAI_BASE_URL or OPENAI_WEBSOCKET_BASE_URL."""
    client = AsyncOpenAI(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url or None,
        websocket_base_url=settings.openai_websocket_base_url or None,
    )
    url = _address(client, settings.openai_realtime_model)
    admission = {**client.auth_headers, "User-Agent": client.user_agent}

    async def dial() -> Connection:
        try:
            _, connection = await ws_connect(
                PicowsConnection,
                url,
                extra_headers=admission,
                websocket_handshake_timeout=CONNECT_SECONDS,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_SECONDS,
                auto_ping_reply_timeout=PING_SECONDS,
                max_frame_size=MAX_MESSAGE_BYTES,
                max_redirects=0,
                proxy=_proxy(url),
            )
        except WSHandshakeError as error:
            raise BackendError(_refusal(error)) from error
        except (OSError, TimeoutError, ValueError) as error:
            raise BackendError(f"the Realtime API cannot be reached: {type(error).__name__}") from error
        if not isinstance(connection, PicowsConnection):
            raise BackendError("the Realtime API closed the connection at once")
        return connection

    return dial


def _address(client: AsyncOpenAI, model: str) -> str:
    base = str(client.websocket_base_url or client.base_url).rstrip("/")
    scheme, _, rest = base.partition("://")
    return f"{ {'http': 'ws', 'https': 'wss'}.get(scheme, scheme) }://{rest}/realtime?{urlencode({'model': model})}"


def _proxy(url: str) -> str | None:
    """The proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name for an address, as for the SDK's other requests."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return None if proxy_bypass(host) else getproxies().get("https" if scheme == "wss" else "http")


def _refusal(error: WSHandshakeError) -> str:
    if error.response is None:
        return "the Realtime API does not answer as a WebSocket"
    status = int(error.response.status)
    hint = {
        401: ": check OPENAI_API_KEY",
        403: ": the key may not use it",
        404: ": check OPENAI_REALTIME_MODEL and OPENAI_BASE_URL",
    }
    return f"the Realtime API refuses with HTTP {status}{hint.get(status, '')}"
