"""What the relay does with each item of its inbox. The table at the bottom is the table of contents."""

from collections.abc import Callable

from chassis import tracing
from chassis.bus import Headers
from chassis.logging import bound, get_logger
from chassis.unknown import body, parse
from llm_relay.call import Call
from llm_relay.calls import Calls
from llm_relay.metrics import STRAY
from opusagent.media.v1.inbox_pb2 import RelayInbox, RelayItem

SERVICE = "llm-relay"

_log = get_logger(__name__)


class Inbox:
    """Takes the records of this relay's slot."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __call__(self, record: bytes, headers: Headers) -> None:
        """One record: any number of items of any number of calls. What one item does wrong harms no other."""
        inbox = parse(RelayInbox, record, SERVICE)
        for item in inbox.items if inbox is not None else ():
            try:
                self._handle(item, headers)
            except Exception:
                _log.exception("an item could not be handled", call_id=item.head.call_id)

    def _handle(self, item: RelayItem, headers: Headers) -> None:
        head = item.head
        if not self._calls.gate.admit(head):
            return
        name = body(item, SERVICE)
        if name == "audio":
            call = self._calls.get(head.call_id)
            if call is not None:
                call.dialogue.audio(item.audio.audio, head.media_ms)
            return
        if name is not None:
            self._control(name, item, headers)

    def _control(self, name: str, item: RelayItem, headers: Headers) -> None:
        call = self._calls.get(item.head.call_id)
        trace = call.trace if call is not None else tracing.extract(headers)
        session_id = item.opened.call.session_id if name == "opened" else call.info.session_id if call else ""
        with bound(call_id=item.head.call_id, session_id=session_id), tracing.under(trace):
            if name == "opened":
                self._calls.open(item.opened, trace)
            elif call is None:
                STRAY.inc()
            elif name == "closed":
                self._calls.close(item.head.call_id)
            else:
                HANDLERS[name](call, item)


def _plan(call: Call, item: RelayItem) -> None:
    call.plan_ready(item.plan)


def _outputs(call: Call, item: RelayItem) -> None:
    call.dialogue.outputs(item.outputs)


def _accepted(call: Call, item: RelayItem) -> None:
    call.dialogue.accepted(item.accepted.event_id)


def _heard(call: Call, item: RelayItem) -> None:
    call.dialogue.heard(item.heard)


def _key(call: Call, item: RelayItem) -> None:
    call.dialogue.key_pressed()


def _transferred(call: Call, item: RelayItem) -> None:
    call.dialogue.transferred(item.transferred)


HANDLERS: dict[str, Callable[[Call, RelayItem], None]] = {
    "heard": _heard,
    "key": _key,
    "transferred": _transferred,
    "plan": _plan,
    "accepted": _accepted,
    "outputs": _outputs,
}
"""Items of a live call; `opened`, `audio` and `closed` are the registry's."""
