"""Two JSON values, and only what differs between them."""

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

LONGEST = 240


def changes(was: Any, now: Any, path: str = "") -> Iterator[str]:
    """Yield a line for each thing that is gone (-) or new (+), with the place where it stands."""
    if was == now:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _entry(was, now, key, f"{path}.{key}" if path else key)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, (old, new) in enumerate(zip(was, now, strict=True)):
            yield from changes(old, new, f"{path}[{index}]")
    elif isinstance(was, list) and isinstance(now, list):
        yield from _aligned(was, now, path)
    else:
        yield _line("-", path, was)
        yield _line("+", path, now)


def _entry(was: dict[str, Any], now: dict[str, Any], key: str, path: str) -> Iterator[str]:
    if key not in now:
        yield _line("-", path, was[key])
    elif key not in was:
        yield _line("+", path, now[key])
    else:
        yield from changes(was[key], now[key], path)


def _aligned(was: list[Any], now: list[Any], path: str) -> Iterator[str]:
    old, new = [_text(item) for item in was], [_text(item) for item in now]
    for kind, first, last, begin, end in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (_line("-", path, item) for item in was[first:last])
            yield from (_line("+", path, item) for item in now[begin:end])


def _line(sign: str, path: str, value: Any) -> str:
    text = _text(value)
    return f"{sign} {path + ': ' if path else ''}{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
