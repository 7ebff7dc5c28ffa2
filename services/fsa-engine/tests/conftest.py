import sys
from pathlib import Path

import pytest

SERVER = """
import asyncio, os, sys
from mcp.server import MCPServer

server = MCPServer("odd")

@server.tool()
async def echo(text: str) -> dict[str, str]:
    return {"text": text}

@server.tool()
async def hang() -> str:
    await asyncio.Event().wait()
    return ""

@server.tool()
async def huge(megabytes: int) -> str:
    return "x" * (megabytes * 1024 * 1024)

@server.tool()
async def fail() -> str:
    raise RuntimeError("no")

@server.tool()
async def die_once(flag: str) -> dict[str, bool]:
    if not os.path.exists(flag):
        open(flag, "w").close()
        os._exit(1)
    return {"alive": True}

server.run("stdio")
"""


@pytest.fixture
def odd_server(tmp_path: Path) -> Path:
    """A folder with `odd.py`: a tool server that hangs, dies, fails and floods."""
    (tmp_path / "odd.py").write_text(SERVER)
    return tmp_path


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
