"""`opusagent agent new`: a folder with an agent that passes `check` and `test` as it stands."""

import re
from importlib import resources
from pathlib import Path

from opusagent_cli.console import Terminal
from opusagent_cli.options import UsageError

FILES = {
    "agent.yaml": "agent.yaml",
    "conversations.yaml": "conversations.yaml",
    "server.py": "server.py.txt",
}
"""Name in the new folder, and of the template (which is no module of ours)."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def _like(name: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
    return f", such as {near}" if _NAME.fullmatch(near) else ""


def begin(name: str, folder: Path, terminal: Terminal) -> None:
    """Write a new agent into a folder of its name.

    Raises:
        UsageError: the name cannot be one, or the folder is there already.
    """
    if not _NAME.fullmatch(name):
        rule = f"small letters, digits, - and _, a letter first{_like(name)}"
        raise UsageError(f"{name!r} cannot be an agent's name: {rule}")
    made = folder / name
    if made.exists():
        raise UsageError(f"{made} is there already, and is left as it is")
    made.mkdir(parents=True)
    title = " ".join(word.capitalize() for word in re.split(r"[-_]+", name) if word)
    for file, template in FILES.items():
        text = resources.files("opusagent_cli.agent").joinpath("template", template).read_text(encoding="utf-8")
        (made / file).write_text(text.replace("@AGENT@", name).replace("@TITLE@", title), encoding="utf-8")
    terminal.say(f"{made} is an agent that books tables, with its own tool server and tests. Now try:")
    for command in ("check", "test", "chat"):
        terminal.say(f"  opusagent agent {command} {made}")
    terminal.say("and make it yours: docs/agents.md teaches how.")
