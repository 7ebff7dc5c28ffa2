"""An MCP stdio transport that no tool server can flood.

The SDK's own transport keeps a message in memory however long it is, and copies it again with every chunk. This one
reads lines of at most `max_bytes`; a longer one is thrown away while it arrives and answered, in the server's name,
with an error to the request it belonged to. What the server writes to its standard error is not logged, since it may
hold what callers said; the end of it is kept for the message that says why a server did not start, and for authors.
"""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import StdioServerParameters
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage

from chassis.logging import get_logger

RESULT_TOO_LARGE = -32050
"""JSON-RPC error code of an answer that was thrown away for its size; from the range left to implementations."""

GRACE_SECONDS = 1.0
"""How long a server may take to end after its standard input was closed, before it is sent SIGTERM."""

TERM_SECONDS = 0.5
"""How long it may take then, before it is killed: the steps of MCP's stdio shutdown, well within a clean stop."""

_CHUNK_BYTES = 64 * 1024
_STDERR_TAIL_BYTES = 16 * 1024
_EDGE_BYTES = 256
_ID = re.compile(rb'"id"\s*:\s*(\d+|"[^"\\]*")')
_log = get_logger(__name__)

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]


@dataclass(frozen=True)
class Oversized:
    """A line that was longer than allowed: its first and last bytes."""

    head: bytes
    tail: bytes

    @property
    def request_id(self) -> types.RequestId | None:
        """The id of the request it answered, when it stands at either end of the line."""
        found = _ID.search(self.head) or _ID.search(self.tail)
        if found is None:
            return None
        text = found.group(1).decode()
        return text.strip('"') if text.startswith('"') else int(text)


class LineSplitter:
    """Cuts a stream of bytes into lines of at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._head: bytes | None = None
        self._tail = b""

    def feed(self, chunk: bytes) -> list[bytes | Oversized]:
        """Take bytes in; return the lines that they complete, without their line ends."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for part in complete:
            self._add(part)
            lines.append(self._take())
        self._add(rest)
        return lines

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._tail = (self._tail + part[-_EDGE_BYTES:])[-_EDGE_BYTES:]
        if self._head is None:
            self._parts.append(part)
        if self._head is None and self._size > self._max:
            self._head = b"".join(self._parts)[:_EDGE_BYTES]
            self._parts = []

    def _take(self) -> bytes | Oversized:
        line = Oversized(self._head, self._tail) if self._head is not None else b"".join(self._parts)
        self._parts, self._size, self._head, self._tail = [], 0, None, b""
        return line


@dataclass
class StdioServer:
    """A tool server's process; an MCP transport (see `mcp.Client`).

    `on_close` is called when the server has closed its output, that is, when it is gone.
    """

    parameters: StdioServerParameters
    max_bytes: int
    on_close: Callable[[], None]
    stderr_tail: bytes = b""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Streams]:
        """Run the process while the block lasts.

        Raises:
            OSError: the command cannot be run.
        """
        process = await self._spawn()
        into_session, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        into_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
        pumps = [
            asyncio.create_task(self._read(process, into_session), name="mcp-stdout"),
            asyncio.create_task(self._write(process, from_session), name="mcp-stdin"),
            asyncio.create_task(self._read_errors(process), name="mcp-stderr"),
        ]
        try:
            yield from_server, into_server
        finally:
            await _end(process)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for stream in (into_session, from_server, into_server, from_session):
                stream.close()

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            self.parameters.command,
            *self.parameters.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=get_default_environment() | (self.parameters.env or {}),
            cwd=self.parameters.cwd,
            start_new_session=True,
        )

    async def _read(
        self, process: asyncio.subprocess.Process, session: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        assert process.stdout is not None
        splitter = LineSplitter(self.max_bytes)
        try:
            async with session:
                while chunk := await process.stdout.read(_CHUNK_BYTES):
                    for line in splitter.feed(chunk):
                        message = _message(line)
                        if message is not None:
                            await session.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            pass
        finally:
            self.on_close()

    async def _write(
        self, process: asyncio.subprocess.Process, session: MemoryObjectReceiveStream[SessionMessage]
    ) -> None:
        assert process.stdin is not None
        with suppress(ConnectionError, anyio.ClosedResourceError):
            async for item in session:
                process.stdin.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await process.stdin.drain()

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while chunk := await process.stderr.read(_CHUNK_BYTES):
            self.stderr_tail = (self.stderr_tail + chunk)[-_STDERR_TAIL_BYTES:]


def _message(line: bytes | Oversized) -> SessionMessage | Exception | None:
    if isinstance(line, Oversized):
        return _refusal(line)
    if not line.strip():
        return None
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        _log.warning("a tool server sent a line that is no JSON-RPC message", bytes=len(line))
        return None


def _refusal(line: Oversized) -> SessionMessage:
    error = types.ErrorData(code=RESULT_TOO_LARGE, message="the answer was larger than allowed")
    return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=line.request_id, error=error))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the server's input, wait a little, terminate and at last kill its process group."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        if not await _gone(process, GRACE_SECONDS):
            _signal(process, signal.SIGTERM)
            if not await _gone(process, TERM_SECONDS):
                _log.warning("a tool server did not end by itself and is killed", pid=process.pid)
    finally:
        _signal(process, signal.SIGKILL)
    await process.wait()


async def _gone(process: asyncio.subprocess.Process, seconds: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
