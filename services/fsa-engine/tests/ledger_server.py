"""A tool server over SQLite that keeps every effect it ever had, and kills on demand.

`hook.json` beside it, {"at": "before" | "after", "kill": "engine" | "server"}, has it kill, once, when all its three
tools are at that point. An effect that was under way then comes about all the same, a little later.
"""

import json
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

META_KEY = "opusagent/idempotency_key"
HERE = Path(__file__).parent
LATER_SECONDS = 0.4

server = MCPServer("ledger")
hook = json.loads((HERE / "hook.json").read_text()) if (HERE / "hook.json").exists() else {}
barrier = threading.Barrier(int(hook.get("calls", 3)))


def database() -> sqlite3.Connection:
    db = sqlite3.connect(HERE / "ledger.sqlite", timeout=10)
    db.execute("CREATE TABLE IF NOT EXISTS effects (tool TEXT, reference TEXT, key TEXT)")
    return db


def pay(tool: str, reference: str, key: str, *, once: bool) -> dict[str, Any]:
    with database() as db:
        db.execute("BEGIN IMMEDIATE")
        if once and db.execute("SELECT 1 FROM effects WHERE key = ?", (key,)).fetchone():
            return {"paid": reference}
        db.execute("INSERT INTO effects VALUES (?, ?, ?)", (tool, reference, key))
    return {"paid": reference}


def at(point: str, pending: Any = None) -> None:
    if hook.get("at") != point or (HERE / "hooked").exists():
        return
    if pending is not None:
        threading.Thread(target=lambda: (time.sleep(LATER_SECONDS), pending()), daemon=False).start()
    if barrier.wait(20) == 0:
        (HERE / "hooked").touch()
        os.kill(os.getppid() if hook["kill"] == "engine" else os.getpid(), signal.SIGKILL)
    threading.Event().wait(30)


def act(tool: str, reference: str, ctx: Context[Any, Any], *, once: bool) -> dict[str, Any]:
    key = str((ctx.request_context.meta or {}).get(META_KEY))

    def effect() -> dict[str, Any]:
        return pay(tool, reference, key, once=once)

    at("before", effect if hook.get("kill") == "engine" else None)
    paid = effect()
    at("after")
    return paid


@server.tool()
def pay_keyed(reference: str, ctx: Context[Any, Any]) -> dict[str, Any]:
    return act("pay_keyed", reference, ctx, once=True)


@server.tool()
def pay_looked_up(reference: str, ctx: Context[Any, Any]) -> dict[str, Any]:
    return act("pay_looked_up", reference, ctx, once=False)


@server.tool()
def pay_once(reference: str, ctx: Context[Any, Any]) -> dict[str, Any]:
    return act("pay_once", reference, ctx, once=False)


@server.tool()
def find(reference: str, key: str) -> dict[str, Any]:
    with database() as db:
        row = db.execute("SELECT 1 FROM effects WHERE reference = ? AND key = ?", (reference, key)).fetchone()
    return {"state": "paid" if row else "none", "paid": reference}


if __name__ == "__main__":
    server.run("stdio")
