"""The Realtime API's socket, over TCP, against servers that do what servers do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from pydantic import SecretStr

from llm_relay.backends.openai_realtime.connection import Connection, dialler
from llm_relay.backends.port import BackendError
from llm_relay.settings import RelaySettings


class Peer(WSListener):
    """The server's side of one socket."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        super().__init__()
        self.request = request
        self.received: list[bytes] = []
        self.news = asyncio.Event()
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.send(WSMsgType.TEXT, b'{"type":"session.created"}')

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.TEXT:
            self.received.append(frame.get_payload_as_bytes())
            self.news.set()
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    async def until(self, count: int) -> list[bytes]:
        while len(self.received) < count:
            self.news.clear()
            await self.news.wait()
        return self.received


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[Callable[[], Awaitable[Connection]], list[Peer]]]:
    peers: list[Peer] = []

    def met(request: WSUpgradeRequest) -> Peer:
        peers.append(Peer(request))
        return peers[-1]

    server = await ws_create_server(met, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield dialler(settings(f"http://127.0.0.1:{port}/v1")), peers


def settings(base_url: str) -> RelaySettings:
    return RelaySettings(openai_api_key=SecretStr("sk-test"), openai_base_url=base_url)


async def answering(head: bytes) -> asyncio.Server:
    """A server that answers every request with these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


class Ear:
    """Who listens on the relay's side."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.news = asyncio.Event()
        self.writable = asyncio.Event()

    def __call__(self, message: bytes) -> None:
        self.heard.append(message)
        self.news.set()

    async def until(self, count: int) -> list[bytes]:
        while len(self.heard) < count:
            self.news.clear()
            await self.news.wait()
        return self.heard


async def test_it_is_admitted_by_its_key_and_names_its_model() -> None:
    async with listening() as (dial, peers):
        connection = await dial()
        request = peers[0].request
        assert request.path == b"/v1/realtime?model=gpt-realtime-2.1"
        assert request.headers["Authorization"] == "Bearer sk-test"
        connection.close()
        await connection.closed()


async def test_what_came_before_anybody_listened_is_handed_over_first() -> None:
    async with listening() as (dial, peers):
        connection, ear = await dial(), Ear()
        peers[0].transport.send(WSMsgType.TEXT, b"second")
        await asyncio.sleep(0)
        connection.listen(ear, lambda: None)
        assert await ear.until(2) == [b'{"type":"session.created"}', b"second"]
        connection.send(b"hello")
        assert await peers[0].until(1) == [b"hello"]
        connection.close()
        assert await connection.closed() == 1000
        connection.send(b"nobody hears this")
        assert not connection.writing


async def test_a_message_in_parts_is_one_message() -> None:
    async with listening() as (dial, peers):
        connection, ear = await dial(), Ear()
        connection.listen(ear, lambda: None)
        await ear.until(1)
        peers[0].transport.send(WSMsgType.TEXT, b"one ", fin=False)
        peers[0].transport.send(WSMsgType.CONTINUATION, b"two ", fin=False)
        peers[0].transport.send(WSMsgType.CONTINUATION, b"three", fin=True)
        assert (await ear.until(2))[1] == b"one two three"
        connection.close()
        await connection.closed()


async def test_the_peers_close_code_is_told_and_a_torn_socket_is_1006() -> None:
    async with listening() as (dial, peers):
        closed, torn = await dial(), await dial()
        peers[0].transport.send_close(WSCloseCode.INTERNAL_ERROR)
        peers[0].transport.disconnect()
        peers[1].transport.underlying_transport.abort()
        assert await closed.closed() == 1011
        assert await torn.closed() == 1006


async def test_a_peer_that_does_not_read_stops_the_writing_until_it_reads_again() -> None:
    async with listening() as (dial, peers):
        connection, ear = await dial(), Ear()
        connection.listen(ear, ear.writable.set)
        peers[0].transport.underlying_transport.pause_reading()
        sent = 0
        while connection.writing:
            connection.send(b"x" * 65_536)
            sent += 1
            assert sent < 1000
        peers[0].transport.underlying_transport.resume_reading()
        await ear.writable.wait()
        assert connection.writing
        await peers[0].until(sent)
        connection.close()
        await connection.closed()


@pytest.mark.parametrize(
    ("status", "advice"),
    [("401 Unauthorized", "check OPENAI_API_KEY"), ("404 Not Found", "OPENAI_BASE_URL"), ("500 Oops", "HTTP 500")],
)
async def test_a_refusal_says_what_to_do(status: str, advice: str) -> None:
    server = await answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BackendError, match=advice):
            await dialler(settings(f"http://127.0.0.1:{port}"))()


async def test_the_key_is_not_carried_to_where_a_redirect_points() -> None:
    server = await answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BackendError, match="HTTP 302"):
            await dialler(settings(f"http://127.0.0.1:{port}"))()


@pytest.mark.parametrize("head", [b"SSH-2.0-OpenSSH\r\n\r\n", b""])
async def test_what_is_no_websocket_is_said(head: bytes) -> None:
    server = await answering(head)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BackendError):
            await dialler(settings(f"http://127.0.0.1:{port}"))()


async def test_nobody_there_is_said() -> None:
    with pytest.raises(BackendError, match="cannot be reached"):
        await dialler(settings("http://127.0.0.1:1"))()
