"""A conversation as someone sees it who takes part in it in text: what was said, what is asked, how it stands."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from fsa_engine.domain.definition import Agent
from fsa_engine.domain.snapshot import Snapshot
from opusagent.fsa.v1.fsa_pb2 import Output
from opusagent.session.v1.session_pb2 import LoadTaskResponse

State = Literal["asking", "working", "done", "failed", "cancelled", "handed_off", "ended"]
SPOKEN = ("ask", "progress", "result", "failed", "verbatim")


class Expects(BaseModel):
    """What kind of answer a question is likely to get."""

    kind: str = Field(description="A slot type such as date, time or digits; or yes_no, choice, intent.")
    phrases: list[str] = Field(default_factory=list, description="Likely answers.")


class TaskView(BaseModel):
    """How a task stands."""

    session: str = Field(description="Give this to answer_task, task_status and cancel_task.")
    state: State = Field(
        description="asking: `question` waits for the person's answer. working: a tool or a person is at work, ask "
        "task_status again. Everything else is final."
    )
    question: str | None = Field(default=None, description="Put this to the person; never answer it for them.")
    expects: Expects | None = None
    result: str | None = Field(default=None, description="What was achieved, in words for the person.")
    reason: str | None = Field(default=None, description="Why it failed, machine-readable.")
    said: list[str] = Field(default_factory=list, description="All that the agent said since the last answer, in order")
    guidance: list[str] = Field(default_factory=list, description="For whoever leads the dialogue; not for the person.")

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in ("asking", "working")


def view(session: str, loaded: LoadTaskResponse, snapshot: Snapshot) -> TaskView:
    """Return how a conversation stands, from what is saved of it and what it has said since the last answer."""
    outputs = loaded.undelivered
    made = TaskView(
        session=session,
        state="ended",
        result=" ".join(one.result.text for one in outputs if one.WhichOneof("body") == "result") or None,
        reason=next((one.failed.reason for one in reversed(outputs) if one.WhichOneof("body") == "failed"), None),
        said=texts(outputs),
        guidance=[one.steer.text for one in outputs if one.WhichOneof("body") == "steer"],
    )
    bodies = {one.WhichOneof("body") for one in outputs}
    if "hand_off" in bodies:
        made.state = "handed_off"
    elif snapshot.tasks and snapshot.phase not in ("closing", "closed"):
        _open(made, outputs, snapshot)
    elif made.reason and not made.result:
        made.state = "cancelled" if made.reason == "cancelled" else "failed"
    elif made.result:
        made.state = "done"
    if made.final:
        made.said = texts([one for one in outputs if one.WhichOneof("body") != "ask"])
    return made


def _open(made: TaskView, outputs: Sequence[Output], snapshot: Snapshot) -> None:
    asked = next((one.ask for one in reversed(outputs) if one.WhichOneof("body") == "ask"), None)
    if asked is not None:
        made.state = "asking"
        made.question = asked.text
        made.expects = Expects(kind=asked.expect.kind, phrases=list(asked.expect.phrases))
    else:
        made.state = "working" if any(task.waiting for task in snapshot.tasks) else "asking"


def texts(outputs: Sequence[Output]) -> list[str]:
    """Return what outputs say, in order."""
    bodies = [(one.WhichOneof("body") or "", one) for one in outputs]
    return [str(getattr(one, body).text) for body, one in bodies if body in SPOKEN]


def asks_for_secret(agent: Agent, snapshot: Snapshot) -> bool:
    """Whether the answer that is waited for must not be written down."""
    task = snapshot.focused
    definition = agent.tasks.get(task.task) if task else None
    state = definition.states.get(task.state) if definition and task else None
    slot = definition.slots.get(getattr(state, "slot", "")) if definition else None
    return slot is not None and slot.sensitive
