"""The stand-in's mind: a handful of rules in place of a model. No I/O.

It reads what a real model would read: instructions, tools, items. It knows the three tools that the relay offers
(`start_task`, `answer_task`, `cancel_task`) by their schemas and prefers, in this order: to say what a response's
instructions put in quotes; to pass on the caller's answer to the question that was asked last; to start the task whose
description resembles the caller's words; to ask what he needs.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from simulator.realtime.conversation import Conversation, Item

_QUOTED = re.compile(r'"(.+)"|“(.+)”', re.DOTALL)
_TASK_ID = re.compile(r"task[ _-]?id[\"'`]?\s*[:=]?\s*[\"'`]?([A-Za-z][\w./#-]*\d[\w./#-]*|[A-Za-z_]+#\d+)")
_COMMON = frozenset(
    re.findall(r"[a-z']+", "a an the i i'd to my me you your for of on in at it is and or please would like want need")
)


@dataclass(frozen=True)
class Say:
    """Speak these words."""

    text: str


@dataclass(frozen=True)
class Call:
    """Call a function with these arguments."""

    name: str
    arguments: dict[str, Any]


Thought = Say | Call

FILLER = "One moment, please."
"""Said of its own accord after a function call."""


class Mind:
    """Honest, and slow of wit. `hears_things`: answers turns in which nothing was said."""

    hears_things = False

    def decide(self, conversation: Conversation, instructions: str | None) -> Thought:
        """Return what to do now; `instructions` are those of the response alone, if it has any."""
        if instructions:
            return Say(quoted(instructions))
        last = conversation.items[-1] if conversation.items else None
        if last is None:
            return Say("Hello, how can I help you?")
        if last.body["type"] == "function_call_output":
            return Say(FILLER)
        if last.body.get("role") in ("system",):
            return Say(quoted(last.text))
        return self.answer(conversation, last)

    def answer(self, conversation: Conversation, caller: Item) -> Thought:
        """Return what to do about what the caller said."""
        return _answer(conversation, caller)


PROMISE = "Wonderful, everything is finished, your money was transferred successfully."


class HastyMind(Mind):
    """Promises success as soon as the caller has answered a task's question, before anybody decided anything."""

    @override
    def answer(self, conversation: Conversation, caller: Item) -> Thought:
        return Say(PROMISE) if _question(conversation) else super().answer(conversation, caller)


def quoted(text: str) -> str:
    """Return what stands in quotes, else what follows the last colon, else all of it."""
    match = _QUOTED.search(text)
    if match:
        return (match[1] or match[2]).strip()
    return text.rpartition(": ")[2].strip()


def _answer(conversation: Conversation, caller: Item) -> Thought:
    tools = conversation.tools()
    asked = _question(conversation)
    if asked is not None and "answer_task" in tools:
        return Call("answer_task", passed_on(tools["answer_task"], asked, caller.text))
    task = _resembling(tools.get("start_task"), conversation.session.get("instructions") or "", caller.text)
    if task is not None:
        proposal = {"task": task, "arguments": {}, "arguments_json": "{}"}
        return Call("start_task", _only(tools["start_task"], proposal))
    return Say("I am sorry, I did not catch that. How can I help you?")


def passed_on(tool: dict[str, Any], task_id: str, words: str) -> dict[str, Any]:
    """Return the arguments that pass words on: as an answer in words, or with no value where values are wanted."""
    wanted = tool.get("parameters", {}).get("properties", {}).get("answer", {})
    return _only(tool, {"task_id": task_id, "answer": {} if wanted.get("type") == "object" else words})


def _question(conversation: Conversation) -> str | None:
    """Return the id of the task whose question was put last, "" for one of the conversation, None when none is open."""
    for item in reversed(conversation.items):
        kind = item.body["type"]
        if kind == "message" and item.body.get("role") == "system":
            if "question" not in item.text.lower() and "ask" not in item.text.lower():
                continue
            found = _TASK_ID.search(item.text)
            return found[1] if found else ""
    return None


def _only(tool: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    known = tool.get("parameters", {}).get("properties", {})
    return {name: value for name, value in values.items() if name in known}


def _resembling(tool: dict[str, Any] | None, instructions: str, words: str) -> str | None:
    """Return the task whose name or description shares the most words with what the caller said."""
    if tool is None:
        return None
    names = tool.get("parameters", {}).get("properties", {}).get("task", {}).get("enum") or []
    described = instructions + "\n" + json.dumps(tool)
    said = _stems(words)
    scores = {
        name: len(said & (_stems(name.replace("_", " ")) | _stems(_line_about(name, described)))) for name in names
    }
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] else None


def _line_about(name: str, text: str) -> str:
    return " ".join(line for line in text.splitlines() if name in line and len(line) < 400)


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z']+", text.lower())
    return {word[:5] for word in words if word not in _COMMON}
