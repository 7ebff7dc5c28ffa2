"""Tools: what is asked of them, and only when the state's own rules allow it."""

from typing import Any

from fsa_engine.domain.definition import Act, Constant
from fsa_engine.domain.secrecy import result_sensitive
from fsa_engine.domain.snapshot import TaskInstance
from fsa_engine.domain.turn import Turn


def objection(turn: Turn, task: TaskInstance, state: Act) -> str:
    """Return why a tool may not be called now; empty if it may."""
    values = turn.values(task) if state.requires else {}
    for text in state.requires:
        if not turn.judge(task, turn.definition(task).rules.compile(text), values, f"{state.tool}: requires").holds:
            return f"{state.tool} requires {text}"
    slots = turn.definition(task).slots
    for name in state.arguments.values():
        explicit = isinstance(name, str) and name in slots and slots[name].confirm == "explicit"
        if explicit and name in task.slots and not task.slots[str(name)].confirmed:
            return f"{name} was not confirmed"
    return ""


def argument(turn: Turn, task: TaskInstance, given: str | Constant) -> Any:
    """Return what an argument stands for; None for what is not known."""
    if isinstance(given, Constant):
        return given.const
    if given.startswith("call."):
        return getattr(turn.snapshot.call, given.removeprefix("call."))
    if given.startswith("context."):
        return turn.facts().get(given.removeprefix("context."))
    return task.values().get(given)


def sensitive(turn: Turn, task: TaskInstance, given: str | Constant) -> bool:
    """Tell whether what an argument stands for is sensitive."""
    if isinstance(given, Constant):
        return False
    if given.startswith("context."):
        fact = turn.agent.context.get(given.removeprefix("context."))
        return fact is not None and fact.sensitive
    slot = turn.definition(task).slots.get(given)
    return slot is not None and slot.sensitive


def tool_call(turn: Turn, task: TaskInstance, state: Act) -> dict[str, Any]:
    """Describe a tool call as an intent's payload (see `outputs.Intent`)."""
    tool = turn.agent.tools[state.tool]
    lookup = None
    if tool.lookup:
        found = turn.agent.tools[tool.lookup.tool]
        lookup = {
            "server": found.server,
            "tool": found.tool or tool.lookup.tool,
            "arguments": {name: argument(turn, task, given) for name, given in tool.lookup.arguments.items()},
            "key_argument": found.key_argument,
            "timeout_ms": found.timeout_ms,
            "happened": tool.lookup.happened,
            "sensitive": [name for name, given in tool.lookup.arguments.items() if sensitive(turn, task, given)],
        }
    return {
        "server": tool.server,
        "tool": tool.tool or state.tool,
        "arguments": {name: argument(turn, task, given) for name, given in state.arguments.items()},
        "write": tool.write,
        "settle": tool.settle or "",
        "key_argument": tool.key_argument,
        "lookup": lookup,
        "timeout_ms": tool.timeout_ms,
        "task_id": task.task_id,
        "state": task.state,
        "sensitive": [name for name, given in state.arguments.items() if sensitive(turn, task, given)],
        "result_sensitive": result_sensitive(turn.agent, turn.definition(task), state),
    }
