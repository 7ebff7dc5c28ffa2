import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from opusagent_cli.__main__ import main
from opusagent_cli.ports import free_port

AGENTS = Path(__file__).parents[2] / "agents"


@dataclass
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Opusagent = Callable[..., Said]


@pytest.fixture
def opusagent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Opusagent:
    """Run the command in this process, as its entry point does."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["opusagent", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as exit:
            code = exit.code
        printed = capsys.readouterr()
        error = printed.err
        if isinstance(code, str):  # What `sys.exit("text")` leaves to the interpreter.
            error, code = f"{error}{code}\n", 1
        assert "Traceback" not in error
        return Said(int(code or 0), printed.out, error)

    return run


TINY = """\
version: 1
agent: tiny
name: Tiny
called_numbers: ["+15550001"]
greeting: Hello.
help: I can take orders.
sms: {on: never}
servers:
  shop: {transport: stdio, command: [python, shop.py]}
tools:
  order: {server: shop, write: true, settle: once}
tasks:
  order:
    description: Take an order.
    title: order something
    request: order
    resume: ordering
    examples: [I want to order something]
    slots:
      what: {type: text, prompt: "What would you like?"}
    initial: ask
    states:
      ask: {kind: collect, slot: what, to: sure}
      sure: {kind: confirm, slots: [what], text: "Shall I order {what}?", "yes": order}
      order: {kind: act, tool: order, arguments: {what: what}, to: ordered, failed: sorry, unknown: sorry}
      ordered: {kind: done, text: It is ordered.}
      sorry: {kind: failed, text: That did not work.}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The folder of a small agent without errors and warnings."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "agent.yaml").write_text(TINY)
    return folder


@pytest.fixture
def rewrite(tiny: Path) -> Callable[[str, str], Path]:
    """Replace a part of the tiny agent; return its file."""

    def change(old: str, new: str) -> Path:
        file = tiny / "agent.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return file

    return change


SHOP = """\
import pathlib

from mcp.server import MCPServer

server = MCPServer("shop")


@server.tool()
def order(what: str) -> dict[str, str]:
    with (pathlib.Path(__file__).parent / "orders.txt").open("a") as file:
        file.write(what + "\\n")
    return {"order_id": "1"}


server.run("stdio")
"""


@pytest.fixture
def shop(tiny: Path) -> Path:
    """The tiny agent's folder with its tool server."""
    (tiny / "shop.py").write_text(SHOP)
    return tiny


@pytest.fixture(scope="session")
def texts() -> tuple[str, str]:
    """The tiny agent's definition and its tool server."""
    return TINY, SHOP


@pytest.fixture
def row_of_ports() -> int:
    """The first of ten ports in a row that are free, below those that the system hands out by itself."""
    return free_port()
