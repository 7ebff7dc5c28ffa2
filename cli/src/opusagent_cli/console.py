"""What the terminal shows: a timeline with who, what and when; or JSON lines."""

import sys
import time
from datetime import datetime

from rich.console import Console
from rich.text import Text

_COLOURS = {"caller": "cyan", "agent": "green", "rules": "yellow", "tool": "magenta", "sms": "blue", "call": "dim"}


class _Pipe(Console):
    """Leaves it to the command what happens when nobody reads any more; rich would exit within a task."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Terminal:
    """Prints lines with the time since it was made; nothing but JSON on standard output when `json` is set."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._console = _Pipe(stderr=json, highlight=False, soft_wrap=True)
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line of the command itself."""
        self._console.print(text, markup=False)

    def line(self, who: str, text: str, at_ms: int = 0) -> None:
        """Print one line of a timeline, with the time `at_ms` (Unix), else with the seconds since the command began."""
        when = f"{datetime.fromtimestamp(at_ms / 1000):%H:%M:%S}" if at_ms else f"{time.monotonic() - self._begun:7.1f}"
        row = Text(f"{when}  ", style="dim")
        row.append(f"{who:<8}", style=_COLOURS.get(who, ""))
        row.append(text, style=_COLOURS.get(who, "") if who in ("caller", "agent") else "")
        self._console.print(row)

    def machine(self, line: str) -> None:
        """Print one line of JSON on standard output."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
