"""The model of a conversation test: passes on what the caller says, or does what the test has it do."""

from typing_extensions import override

from fsa_engine.domain.scripts import Line
from simulator.realtime.conversation import Conversation, Item
from simulator.realtime.mind import Call, Mind, Say, Thought, passed_on


class Obedient(Mind):
    """`does`: the line that says what the model does at the end of the caller's turn."""

    def __init__(self) -> None:
        self.does: Line | None = None
        # What it said of its own accord.
        self.own_words: list[str] = []

    @property
    @override
    def hears_things(self) -> bool:  # type: ignore[override]
        return self.does is not None

    @override
    def decide(self, conversation: Conversation, instructions: str | None) -> Thought:
        thought = super().decide(conversation, instructions)
        if isinstance(thought, Say) and not instructions:
            self.own_words.append(thought.text)
        return thought

    @override
    def answer(self, conversation: Conversation, caller: Item) -> Thought:
        line, self.does = self.does, None
        if line is not None:
            return _as_told(line, conversation)
        tool = conversation.tools().get("answer_task")
        if tool is None:
            return Say("I'm listening.")
        task_id = tool["parameters"]["properties"]["task_id"]["enum"][0]
        return Call("answer_task", passed_on(tool, task_id, caller.text))


def _as_told(line: Line, conversation: Conversation) -> Thought:
    if line.start is not None:
        return Call("start_task", {"task": line.start, "arguments": line.arguments})
    name = "answer_task" if line.answer is not None else "cancel_task"
    offered = conversation.tools().get(name, {"parameters": {"properties": {"task_id": {"enum": ["t1"]}}}})
    task_id = offered["parameters"]["properties"]["task_id"]["enum"][0]
    return Call(name, {"task_id": task_id} | ({} if line.answer is None else {"answer": line.answer}))
