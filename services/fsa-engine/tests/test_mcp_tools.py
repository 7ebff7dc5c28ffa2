import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.retry import Backoff
from fsa_engine.adapters.mcp_stdio import LineSplitter, Oversized
from fsa_engine.adapters.mcp_tools import Failure, Limits, ServerSpec, ToolServer


@pytest.fixture
async def server(odd_server: Path) -> AsyncIterator[ToolServer]:
    spec = ServerSpec("odd", odd_server, ("python", "odd.py"))
    server = ToolServer(spec, Limits(connect_seconds=20, result_bytes=64 * 1024), Backoff(0.01, 0.05))
    server.start()
    yield server
    await server.stop()


async def test_a_tool_is_called_and_its_structured_result_comes_back(server: ToolServer) -> None:
    assert set(await server.tools()) == {"echo", "hang", "huge", "fail", "die_once", "found", "odd_number"}
    outcome = await server.call("echo", {"text": "hello"}, "key", 20)
    assert outcome.value == {"text": "hello"}
    assert outcome.failure is None


async def test_what_a_tool_refuses_is_a_failure_that_certainly_did_nothing(server: ToolServer) -> None:
    for tool, arguments in (("fail", {}), ("nope", {}), ("echo", {"wrong": 1})):
        outcome = await server.call(tool, arguments, "key", 20)
        assert outcome.failure is Failure.REFUSED
        assert not outcome.failure.uncertain


async def test_a_hanging_tool_fails_at_its_limit_and_the_next_call_works(server: ToolServer) -> None:
    await server.tools()
    outcome = await server.call("hang", {}, "key", 0.05)
    assert outcome.failure is Failure.TIMEOUT
    assert (await server.call("echo", {"text": "still there"}, "key", 20)).value == {"text": "still there"}


async def test_ten_megabytes_are_thrown_away_and_the_connection_lives(server: ToolServer) -> None:
    outcome = await server.call("huge", {"megabytes": 10}, "key", 20)
    assert outcome.failure is Failure.TOO_LARGE
    assert (await server.call("echo", {"text": "still there"}, "key", 20)).value == {"text": "still there"}


async def test_a_result_that_could_not_be_saved_is_a_failure(server: ToolServer) -> None:
    outcome = await server.call("odd_number", {}, "key", 20)
    assert outcome.failure is Failure.UNREADABLE


async def test_a_server_that_dies_during_a_call_is_started_again(server: ToolServer, tmp_path: Path) -> None:
    flag = str(tmp_path / "died")
    outcome = await server.call("die_once", {"path": flag}, "key", 20)
    assert outcome.failure is Failure.LOST
    assert outcome.failure.uncertain
    assert (await server.call("die_once", {"path": flag}, "key", 20)).value == {"calls": 2}


async def test_a_command_that_cannot_run_is_unavailable_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('no calendar file')")
    server = ToolServer(ServerSpec("broken", tmp_path, ("python", "broken.py")), Limits(), Backoff(0.01, 0.05))
    server.start()
    try:
        outcome = await server.call("echo", {}, "key", 3)
        assert outcome.failure is Failure.UNAVAILABLE
        assert "no calendar file" in server.problem
    finally:
        await server.stop()


async def test_a_server_over_http_goes_away_and_comes_back(odd_server: Path, python: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def serve() -> asyncio.subprocess.Process:
        quiet = asyncio.subprocess.DEVNULL
        return await asyncio.create_subprocess_exec(python, "odd.py", str(port), cwd=odd_server, stderr=quiet)

    spec = ServerSpec("odd", odd_server, url=f"http://127.0.0.1:{port}/mcp")
    server = ToolServer(spec, Limits(connect_seconds=20, result_bytes=64 * 1024), Backoff(0.01, 0.05))
    server.start()
    process = await serve()
    try:
        assert (await server.call("echo", {"text": "hello"}, "key", 20)).value == {"text": "hello"}
        assert (await server.call("hang", {}, "key", 0.05)).failure is Failure.TIMEOUT
        assert (await server.call("huge", {"megabytes": 10}, "key", 20)).failure is not None
        assert (await server.call("echo", {"text": "again"}, "key", 20)).value == {"text": "again"}
        process.kill()
        await process.wait()
        outcome = await server.call("echo", {"text": "gone"}, "key", 1)
        assert outcome.failure in (Failure.LOST, Failure.UNAVAILABLE, Failure.TIMEOUT)
        process = await serve()
        assert (await server.call("echo", {"text": "back"}, "key", 20)).value == {"text": "back"}
    finally:
        await server.stop()
        process.kill()
        await process.wait()


async def test_stopping_leaves_no_process(odd_server: Path, python: str) -> None:
    (odd_server / "pid.py").write_text(
        "import os\nopen('pid', 'w').write(str(os.getpid()))\n" + (odd_server / "odd.py").read_text()
    )
    server = ToolServer(ServerSpec("odd", odd_server, (python, "pid.py")), Limits())
    server.start()
    await server.tools(20)
    pid = int((odd_server / "pid").read_text())
    os.kill(pid, 0)
    async with asyncio.timeout(10):
        await server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 20), st.integers(1, 7))
def test_lines_are_cut_alike_however_they_arrive(lines: list[bytes], limit: int, size: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(limit)
    cut = [line for at in range(0, len(stream), size) for line in splitter.feed(stream[at : at + size])]
    assert len(cut) == len(lines)
    for line, got in zip(lines, cut, strict=True):
        if len(line) <= limit:
            assert got == line
        else:
            assert isinstance(got, Oversized)
            assert got.tail == line[-256:]


@pytest.mark.parametrize(
    ("line", "request_id"),
    [
        (b'{"jsonrpc":"2.0","id":17,"result":{' + b"x" * 999, 17),
        (b'{"result":"' + b"x" * 999 + b'","id": 4}', 4),
        (b'{"id":"a-1","result":' + b"x" * 999, "a-1"),
        (b"x" * 999, None),
    ],
)
def test_an_oversized_answer_still_names_its_request(line: bytes, request_id: object) -> None:
    splitter = LineSplitter(100)
    splitter.feed(line)
    (cut,) = splitter.feed(b"\n")
    assert isinstance(cut, Oversized)
    assert cut.request_id == request_id
