"""What a decision brings about besides the changed record: saved with it in one atomic write, published afterwards."""

from dataclasses import dataclass, field
from typing import Any

from opusagent.events.v1.events_pb2 import CallEvent
from opusagent.notify.v1.notify_pb2 import NotifyCommand
from opusagent.session.v1.session_pb2 import SaveTaskResponse, Turn

SOURCE = "session"


@dataclass(slots=True)
class Effects:
    """Collected while deciding, in order. `traceparent`: the trace that the decision belongs to, if it does.

    It is saved in the facts and commands themselves, for they are published later, from elsewhere: a header would be
    lost by then.
    """

    traceparent: str = ""
    facts: list[CallEvent] = field(default_factory=list)
    commands: list[NotifyCommand] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    steps: list[tuple[str, SaveTaskResponse]] = field(default_factory=list)

    def fact(self, event_id: str, session_id: str, call_id: str, now: int, **fact: Any) -> None:
        """Record one fact, such as `sms_requested=SmsRequested(...)`, under an id derived from its cause."""
        self.facts.append(
            CallEvent(
                event_id=event_id,
                session_id=session_id,
                call_id=call_id,
                occurred_at_ms=now,
                source=SOURCE,
                traceparent=self.traceparent,
                **fact,
            )
        )
