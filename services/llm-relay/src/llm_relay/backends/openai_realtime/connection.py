"""One WebSocket to the Realtime API as a port, and the `openai` package behind it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from openai import AsyncOpenAI, OpenAIError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from typing_extensions import override
from websockets.exceptions import WebSocketException

from llm_relay.backends.port import BackendError
from llm_relay.settings import RelaySettings


class ConnectionLostError(Exception):
    """The socket is closed; `code` by the peer's close frame, 1006 when there was none (RFC 6455)."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Connection(ABC):
    """Text messages both ways."""

    @abstractmethod
    async def send(self, text: str) -> None:
        """Send one event. Raises ConnectionLostError."""

    @abstractmethod
    async def receive(self) -> bytes:
        """The next event. Raises ConnectionLostError."""

    @abstractmethod
    async def close(self) -> None:
        """Close it; idempotent, and `receive` raises afterwards."""


Dial = Callable[[], Awaitable[Connection]]
"""Opens a connection. Raises BackendError."""


class SdkConnection(Connection):
    """A connection of the `openai` package. Its raw methods are used: audio does not go through its models."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self._connection = connection

    @override
    async def send(self, text: str) -> None:
        try:
            await self._connection.send_raw(text)
        except (WebSocketException, OSError, OpenAIError) as error:
            raise ConnectionLostError(_code(error)) from error

    @override
    async def receive(self) -> bytes:
        try:
            return await self._connection.recv_bytes()
        except (WebSocketException, OSError, OpenAIError) as error:
            raise ConnectionLostError(_code(error)) from error

    @override
    async def close(self) -> None:
        await self._connection.close()


def _code(error: Exception) -> int:
    received = getattr(error, "rcvd", None)
    return received.code if received is not None else 1006


def dialler(settings: RelaySettings) -> Dial:
    """Dials the API, or whatever speaks it at OPENAI_BASE_URL or OPENAI_WEBSOCKET_BASE_URL."""
    client = AsyncOpenAI(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url or None,
        websocket_base_url=settings.openai_websocket_base_url or None,
    )

    async def dial() -> Connection:
        try:
            return SdkConnection(await client.realtime.connect(model=settings.openai_realtime_model).enter())
        except (WebSocketException, OSError, OpenAIError) as error:
            raise BackendError(f"the Realtime API cannot be reached: {type(error).__name__}") from error

    return dial
