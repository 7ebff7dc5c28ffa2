"""Child processes of a measurement: started, found by role, sampled for CPU time, stopped by their own pid."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

import psutil

LOG = Path("build/bench.log")
"""What the children say on standard error."""


def _log() -> BinaryIO:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    return LOG.open("ab")


async def start(*arguments: str, env: Mapping[str, str] = {}) -> asyncio.subprocess.Process:
    """Start a Python module as a child in a process group of its own, its standard output piped, its errors in LOG."""
    with _log() as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **env},
            start_new_session=True,
            limit=1 << 20,
        )


async def first_line(process: asyncio.subprocess.Process, timeout: float = 30.0) -> str:
    """Return the first line that the child prints.

    Raises:
        RuntimeError: it ended without one.
    """
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), timeout)
    if not line:
        raise RuntimeError(f"child {process.pid} ended with {await process.wait()} before it was ready: see {LOG}")
    return line.decode().strip()


async def stop(process: asyncio.subprocess.Process) -> None:
    """End the child and its group: asks first, kills after a minute."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), 60)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@contextlib.asynccontextmanager
async def running(*arguments: str, env: Mapping[str, str] = {}) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a child for the length of a block."""
    process = await start(*arguments, env=env)
    try:
        yield process
    finally:
        await stop(process)


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return user plus system time of each named process so far, in seconds."""
    times = {}
    for name, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            used = psutil.Process(pid).cpu_times()
            times[name] = used.user + used.system
    return times


def family(pid: int) -> dict[str, int]:
    """Return the process and all its descendants, named by module, script or program."""
    root = psutil.Process(pid)
    named: dict[str, int] = {}
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            name = role(process.cmdline())
            while name in named:
                name += "'"
            named[name] = process.pid
    return named


def role(command: list[str]) -> str:
    """Return what a command line runs: `gateway` for `python -m gateway`."""
    if "-m" in command[:-1]:
        return command[command.index("-m") + 1]
    for word in command[1:]:
        if word.endswith(".py") or (word and not word.startswith("-")):
            return Path(word).stem
    return Path(command[0]).stem if command else "?"
