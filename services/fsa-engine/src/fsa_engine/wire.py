"""Between the core's values and the contract's messages."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from fsa_engine.domain import outputs as core
from fsa_engine.domain.audit import with_sealed
from fsa_engine.domain.events import Event, HandedOver, ReasoningReturned, ToolReturned
from fsa_engine.domain.offering import ToolDecl
from fsa_engine.domain.snapshot import Seal
from fsa_engine.domain.step import Step
from fsa_engine.vault import sealed_payload
from opusagent.fsa.v1 import fsa_pb2 as fsa
from opusagent.session.v1 import session_pb2 as session

Mark = Callable[[session.Intent], session.Intent]

SMS_POLICIES = {
    "unfinished": session.SMS_POLICY_UNFINISHED,
    "lost_only": session.SMS_POLICY_LOST_ONLY,
    "never": session.SMS_POLICY_NEVER,
}


def _expectation(expect: core.Expectation) -> fsa.Expectation:
    return fsa.Expectation(kind=expect.kind, phrases=expect.phrases, no_input_ms=expect.no_input_ms)


_BODIES: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    core.Ask: lambda body: {"ask": fsa.Ask(text=body.text, expect=_expectation(body.expect))},
    core.Progress: lambda body: {"progress": fsa.Progress(text=body.text)},
    core.Result: lambda body: {"result": fsa.Result(text=body.text)},
    core.Failed: lambda body: {"failed": fsa.Failed(text=body.text, reason=body.reason)},
    core.Steer: lambda body: {"steer": fsa.Steer(text=body.text)},
    core.Verbatim: lambda body: {"verbatim": fsa.Verbatim(text=body.text)},
    core.HangUp: lambda _: {"hang_up": fsa.HangUp()},
    core.HandOff: lambda body: {"hand_off": fsa.HandOff(target=body.target, summary=body.summary)},
}


def output(made: core.Output) -> fsa.Output:
    """Return an output as it is saved and posted."""
    return fsa.Output(output_id=made.output_id, task_id=made.task_id, **_BODIES[type(made.body)](made.body))


def intent(made: core.Intent, seal: Seal) -> session.Intent:
    """Return an intent as it is saved: what is sensitive in it is sealed."""
    payload = sealed_payload(plain(made.payload), seal)
    return session.Intent(intent_id=made.intent_id, kind=made.kind, payload_json=canonical(payload))


def toolbox(offered: Iterable[ToolDecl]) -> fsa.Toolbox:
    """Return what a conversing model may call now."""
    tools = (
        fsa.Tool(name=one.name, description=one.description, parameters_schema_json=canonical(one.parameters))
        for one in offered
    )
    return fsa.Toolbox(tools=tools)


def business(made: core.Business, *, private: bool) -> session.Business:
    """Return what session decides from. `private`: who hears the caller (fsa.v1.Privacy)."""
    return session.Business(
        open_tasks=[session.OpenTask(task_id=t.task_id, task=t.task, state=t.state) for t in made.open_tasks],
        closing_spoken=made.closing_spoken,
        sms_on=SMS_POLICIES[made.sms_on],
        sms_text=made.sms_text,
        resume_ttl_ms=made.resume_ttl_ms,
        caller_private=private,
    )


def audit(records: Iterable[Mapping[str, Any]], summary: str) -> list[session.AuditRecord]:
    """Return audit records in canonical JSON; the summary stands on the first."""
    made = [session.AuditRecord(record_json=_sorted(record)) for record in records]
    if made:
        made[0].summary = summary
    return made


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no whitespace, the form in which hashes and keys are computed."""
    return _sorted(plain(value))


def _sorted(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def plain(value: Any) -> Any:
    """Turn mappings, tuples and sets of any kind into the ones JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def save_request(
    session_id: str,
    call_id: str,
    event: Event,
    version: int,
    step: Step,
    *,
    mark: Mark,
    private: bool,
    seal: Seal,
    memory: session.CallerMemory | None = None,
) -> session.SaveTaskRequest:
    """Return the one atomic save of a step computed from `version`; `mark` says on each intent who tries it.

    `private`: who hears the caller after it. What is sensitive goes through `seal`. A returned intent counts as settled
    even when the step had no use for its result any more.
    """
    returned = {event.intent_id} if isinstance(event, ToolReturned | ReasoningReturned | HandedOver) else set()
    return session.SaveTaskRequest(
        session_id=session_id,
        call_id=call_id,
        event_id=event.event_id,
        expected_version=version,
        snapshot=step.snapshot.to_bytes(seal),
        audit=audit(with_sealed(step.audit, step.confidential, seal), step.summary),
        outputs=[output(made) for made in step.outputs],
        intents=[mark(intent(made, seal)) for made in step.intents],
        settled_intents=sorted({*step.settled, *returned}),
        business=business(step.business, private=private),
        now_ms=event.at_ms,
        memory=memory,
    )


def take_over_request(
    session_id: str, made: session.Intent, version: int, snapshot: bytes, event_id: str
) -> session.SaveTaskRequest:
    """Return the save that puts an open intent, as marked for its next try, in its own place and changes no more."""
    return session.SaveTaskRequest(
        session_id=session_id,
        event_id=event_id,
        expected_version=version,
        snapshot=snapshot,
        intents=[made],
        settled_intents=[made.intent_id],
    )
