"""Serves the tasks of the shipped agents over MCP on the port given, with a session in memory, until it is ended."""

import asyncio
import signal
import sys
from pathlib import Path

from chassis import rpc
from chassis.bus_inprocess import InProcessBus
from fsa_engine.bootstrap import build
from fsa_engine.settings import EngineSettings
from fsa_engine.testing import FakeSession

AGENTS = Path(__file__).parents[3] / "agents"


async def main(port: int) -> None:
    """Serve, without tokens: the suite has no way to give one."""
    bus = InProcessBus()
    await bus.start()
    app = build(EngineSettings(agents_path=str(AGENTS), engine_mcp_port=port), bus, rpc.direct(FakeSession()))
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await app.start()
        print("ready", flush=True)
        await ended.wait()
    finally:
        await app.stop()
        await bus.stop()


asyncio.run(main(int(sys.argv[1])))
