"""Fakes of what the engine talks to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chassis.rpc import RpcError, StatusCode
from chassis.sealing import new_key
from opusagent.call.v1.call_pb2 import CallInfo
from opusagent.events.v1.events_pb2 import TurnTaken
from opusagent.fsa.v1.fsa_pb2 import Output
from opusagent.session.v1 import session_pb2 as pb


@dataclass
class SavedSession:
    """What session keeps of one session's engine."""

    version: int = 0
    snapshot: bytes = b""
    key: bytes = field(default_factory=new_key)
    undelivered: list[Output] = field(default_factory=list)
    open_intents: dict[str, pb.Intent] = field(default_factory=dict)
    audit: list[str] = field(default_factory=list)
    business: pb.Business = field(default_factory=pb.Business)
    saves: dict[str, pb.SaveTaskRequest] = field(default_factory=dict)
    memory: dict[str, pb.CallerMemory] = field(default_factory=dict)


class FakeSession:
    """The part of the session service that an engine uses, in memory; use it through `chassis.rpc.direct`.

    `fault` is called with each request before it is served and may raise an RpcError; `after_save` is called with each
    save after it was made, and may raise too: the answer is lost, the save is not.
    """

    def __init__(self) -> None:
        self.sessions: dict[str, SavedSession] = {}
        self.fault: Callable[[Any], None] = lambda request: None
        self.after_save: Callable[[Any], None] = lambda request: None
        self.calls: list[pb.FindCallResponse] = []
        self.provider_ids: dict[str, str] = {}
        self.turns: dict[str, dict[str, TurnTaken]] = {}
        self.leases: dict[str, int] = {}
        self.ready: set[str] = set()
        self.draining: set[str] = set()

    def session(self, session_id: str) -> SavedSession:
        """Return what is kept of a session."""
        return self.sessions.setdefault(session_id, SavedSession())

    async def LeaseSlot(self, request: pb.LeaseSlotRequest, context: Any) -> pb.LeaseSlotResponse:  # noqa: D102
        slot = self.leases.setdefault(request.holder, len(self.leases))
        if request.ready:
            self.ready.add(request.holder)
        if request.draining:
            self.draining.add(request.holder)
        return pb.LeaseSlotResponse(slot=slot, ttl_ms=60_000)

    async def ReleaseSlot(self, request: pb.ReleaseSlotRequest, context: Any) -> pb.ReleaseSlotResponse:  # noqa: D102
        self.ready.discard(request.holder)
        return pb.ReleaseSlotResponse()

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Any) -> pb.ListSessionsResponse:  # noqa: D102
        self.fault(request)
        views = [pb.SessionView(session_id=name, business=kept.business) for name, kept in self.sessions.items()]
        return pb.ListSessionsResponse(sessions=reversed(views))

    async def ListCalls(self, request: pb.ListCallsRequest, context: Any) -> pb.ListCallsResponse:  # noqa: D102
        return pb.ListCallsResponse(calls=self.calls)

    async def OpenCall(self, request: pb.OpenCallRequest, context: Any) -> pb.OpenCallResponse:  # noqa: D102
        ids = self.provider_ids
        known = next((one for one in self.calls if ids.get(one.call.call_id) == request.provider_call_id), None)
        if known is None:
            number = len(self.provider_ids) + 1
            info = CallInfo(
                call_id=f"text-{number}",
                session_id=f"text-session-{number}",
                channel=request.channel,
                caller=request.caller,
                callee=request.callee,
                started_at_ms=request.now_ms,
            )
            known = pb.FindCallResponse(call=info, live=True)
            self.calls.append(known)
            self.provider_ids[info.call_id] = request.provider_call_id
        return pb.OpenCallResponse(call=known.call, route=known.route)

    async def FindCall(self, request: pb.FindCallRequest, context: Any) -> pb.FindCallResponse:  # noqa: D102
        for one in self.calls:
            if self.provider_ids.get(one.call.call_id) == request.provider_call_id:
                return one
        raise RpcError(StatusCode.NOT_FOUND, "no such call")

    async def AppendTurns(self, request: pb.AppendTurnsRequest, context: Any) -> pb.AppendTurnsResponse:  # noqa: D102
        for turn in request.turns:
            self.turns.setdefault(request.session_id, {}).setdefault(turn.turn_id, turn.turn)
        return pb.AppendTurnsResponse()

    async def LoadTask(self, request: pb.LoadTaskRequest, context: Any) -> pb.LoadTaskResponse:  # noqa: D102
        self.fault(request)
        kept = self.session(request.session_id)
        return pb.LoadTaskResponse(
            version=kept.version,
            snapshot=kept.snapshot,
            undelivered=kept.undelivered,
            open_intents=kept.open_intents.values(),
            audit_index=len(kept.audit),
            session_key=kept.key,
            memory=kept.memory.values() if request.with_memory else (),
        )

    async def SaveTask(self, request: pb.SaveTaskRequest, context: Any) -> pb.SaveTaskResponse:  # noqa: D102
        self.fault(request)
        kept = self.session(request.session_id)
        first = kept.saves.get(request.event_id)
        if first is not None:
            return pb.SaveTaskResponse(
                version=kept.version, repeated=True, outputs=first.outputs, intents=first.intents
            )
        if request.expected_version != kept.version:
            raise RpcError(StatusCode.ABORTED, f"the version is {kept.version}")
        self._keep(kept, request)
        self.after_save(request)
        return pb.SaveTaskResponse(version=kept.version, outputs=request.outputs, intents=request.intents)

    def _keep(self, kept: SavedSession, request: pb.SaveTaskRequest) -> None:
        kept.version += 1
        if request.HasField("business"):
            kept.business = request.business
        kept.snapshot = request.snapshot
        kept.undelivered.extend(request.outputs)
        kept.audit.extend(record.record_json for record in request.audit)
        for intent_id in request.settled_intents:
            kept.open_intents.pop(intent_id, None)
        kept.open_intents.update({intent.intent_id: intent for intent in request.intents})
        kept.saves[request.event_id] = request
        if request.HasField("memory"):
            kept.memory[request.memory.agent] = request.memory

    async def MarkDelivered(self, request: pb.MarkDeliveredRequest, context: Any) -> pb.MarkDeliveredResponse:  # noqa: D102
        self.fault(request)
        kept = self.session(request.session_id)
        kept.undelivered = [one for one in kept.undelivered if one.output_id not in request.output_ids]
        return pb.MarkDeliveredResponse()
