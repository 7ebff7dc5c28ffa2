"""Calls: opened, attached, found, ended.

A provider's call is *claimed* first (one document per provider's call id, naming the session and the call it becomes)
and then opened in its session: whoever finds a claim whose call was never opened goes on with the same ids, so a crash
or a repeated request between the two writes never makes two calls of one.
"""

import secrets

from chassis import sealing
from chassis.ids import Clock, new_id
from chassis.logging import get_logger
from opusagent.call.v1 import call_pb2 as call
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1 import state_pb2 as state
from session.books import LIVE, Books, Page
from session.continuity import Continuity
from session.domain import calls as rules
from session.domain import drops, ids, numbers, views
from session.domain.errors import Invalid, NotFound, Occupied
from session.domain.policy import Policy
from session.slots import Slots
from session.store import Change, Conflict, Store, StoreError

_TRIES = 16
_ALL = 100_000

_log = get_logger(__name__)
_Claim = tuple[state.ProviderCallRecord, int]


class Calls:
    """The life of calls."""

    def __init__(
        self, store: Store, books: Books, *, slots: Slots, continuity: Continuity, policy: Policy, clock: Clock
    ) -> None:
        self._store = store
        self._books = books
        self._slots = slots
        self._continuity = continuity
        self._policy = policy
        self._clock = clock

    async def open(self, request: api.OpenCallRequest) -> api.OpenCallResponse:
        """Begin a call, or take over the live one that the provider's call is already.

        Raises:
            Invalid: the provider's call is not named.
            NoRoom: no live relay or engine has room.
        """
        if not request.provider_call_id or not request.channel:
            raise Invalid("a call needs a channel and the provider's id of it")
        new_session = False
        for _ in range(_TRIES):
            claim, version = await self._claim(request.channel, request.provider_call_id)
            known = await self._claimed_call(claim)
            if known is not None and not known.ended:
                return await self._take_over(claim, request.gateway_slot)
            try:
                if known is not None or not version or new_session:
                    claim = await self._new_claim(request, version, new_session)
                return await self._open(claim, request)
            except Conflict:
                continue
            except Occupied:
                new_session = True
        raise StoreError("others kept opening the same call")

    async def attach(self, request: api.AttachCallRequest) -> api.AttachCallResponse:
        """Give a live call to a new socket.

        Raises:
            NotFound: no such live call.
        """
        claim, _ = await self._claim(request.channel, request.provider_call_id)
        answer = await self._take_over(claim, request.gateway_slot)
        return api.AttachCallResponse(
            call=answer.call,
            route=answer.route,
            session_key=answer.session_key,
            caller_private=answer.caller_private,
            transfer=answer.transfer if answer.HasField("transfer") else None,
            traceparent=answer.traceparent,
        )

    async def find(self, request: api.FindCallRequest) -> api.FindCallResponse:
        """Return the call that a provider's call is.

        Raises:
            NotFound: it is none.
        """
        claim, _ = await self._claim(request.channel, request.provider_call_id)
        known = await self._claimed_call(claim)
        if known is None:
            raise NotFound("the provider's call is not known")
        found = views.call_view(known)
        if known.HasField("transfer"):
            found.transfer.CopyFrom(known.transfer)
        return found

    async def note_transfer(self, request: api.NoteTransferRequest) -> None:
        """Keep what is known of a live call's transfer.

        Raises:
            NotFound: no such live call.
        """

        def decide(page: Page) -> None:
            if page.session is None:
                raise NotFound("no such session")
            rules.note_transfer(page.session, request.call_id, request.transfer)

        await self._books.change(request.session_id, decide)

    async def list_live(self) -> api.ListCallsResponse:
        """Return all live calls, newest first."""
        sessions = await self._books.sessions(await self._store.members(LIVE, _ALL))
        live = [drops.live_call(session) for session in sessions]
        return api.ListCallsResponse(calls=[views.call_view(known) for known in live if known is not None])

    async def ended(self, session_id: str, call_id: str, reason: call.EndReason, ended_at: int) -> None:
        """Take in that a leg has ended."""

        now = self._clock()

        def decide(page: Page) -> bool:
            if page.session is None:
                return False
            news = rules.end_call(page.session, call_id, reason, min(ended_at or now, now), self._policy)
            if news:
                rules.note_trace(page.session, call_id, page.effects.traceparent)
            return news

        if not await self._books.change(session_id, decide):
            _log.info("the end of a call that is not live")

    async def _claim(self, channel: call.Channel, provider_call_id: str) -> _Claim:
        partition, key = _claim_place(channel, provider_call_id)
        document = (await self._store.read(partition, [key])).documents[0]
        return state.ProviderCallRecord.FromString(document.value), document.version

    async def _claimed_call(self, claim: state.ProviderCallRecord) -> state.CallRecord | None:
        session = await self._books.session(claim.session_id) if claim.session_id else None
        return rules.find(session, claim.call_id) if session is not None else None

    async def _new_claim(
        self, request: api.OpenCallRequest, version: int, new_session: bool
    ) -> state.ProviderCallRecord:
        session_id = "" if new_session else await self._choose_session(request)
        session_id = session_id or _new_session_id(numbers.normalise(request.caller))
        claim = state.ProviderCallRecord(session_id=session_id, call_id=new_id("call"))
        partition, key = _claim_place(request.channel, request.provider_call_id)
        await self._store.write(partition, Change({key: version}, {key: claim.SerializeToString()}))
        return claim

    async def _choose_session(self, request: api.OpenCallRequest) -> str:
        """Return the session that the call goes on in, or "" for a new one."""
        if request.resume_session_id:
            session = await self._books.session(request.resume_session_id)
            if session is not None and drops.live_call(session) is None:
                return request.resume_session_id
        number = numbers.normalise(request.caller)
        if not number:
            return ""
        now = self._clock()
        known = await self._books.sessions_of(number)
        for session in known:
            if 0 < session.resumable_until_ms <= now:
                await self._continuity.ring(session.session_id)
        return next((session.session_id for session in rules.candidates(known, request.callee, now)), "")

    async def _open(self, claim: state.ProviderCallRecord, request: api.OpenCallRequest) -> api.OpenCallResponse:
        route = call.Route(
            gateway_slot=request.gateway_slot,
            gateway_generation=1,
            relay_slot=await self._slots.assign(api.ROLE_RELAY),
            relay_generation=1,
            engine_slot=await self._slots.assign(api.ROLE_ENGINE),
        )
        session = await self._books.session(claim.session_id)
        number = numbers.normalise(session.caller if session else request.caller)
        key = sealing.new_key()

        def decide(page: Page) -> api.OpenCallResponse:
            if page.session is None:
                page.session = _new_session(claim.session_id, request, self._clock())
            page.session.session_key = page.session.session_key or key
            if rules.find(page.session, claim.call_id) is not None:
                return _attach(page.session, claim.call_id, request.gateway_slot)
            opened = rules.open_call(page.session, request, claim.call_id, route, self._clock())
            rules.note_trace(page.session, claim.call_id, page.effects.traceparent)
            if number:
                rules.remember(page.caller, claim.session_id)
            return views.opened_view(page.session, opened)

        return await self._books.change(claim.session_id, decide, number=number)

    async def _take_over(self, claim: state.ProviderCallRecord, gateway_slot: int) -> api.OpenCallResponse:
        def decide(page: Page) -> api.OpenCallResponse:
            if page.session is None:
                raise NotFound("the provider's call is not known")
            return _attach(page.session, claim.call_id, gateway_slot)

        return await self._books.change(claim.session_id, decide)


def _attach(session: state.SessionRecord, call_id: str, gateway_slot: int) -> api.OpenCallResponse:
    transfer = api.PendingTransfer()
    before = rules.find(session, call_id)
    if before is not None:
        transfer.CopyFrom(before.transfer)
    return views.opened_view(session, rules.attach(session, call_id, gateway_slot), transfer)


def _claim_place(channel: call.Channel, provider_call_id: str) -> tuple[int, str]:
    key = f"provider-call/{channel}/{provider_call_id}"
    return ids.partition_of_text(key), key


def _new_session_id(number: str) -> str:
    partition = ids.partition_of_text(number) if number else secrets.randbelow(ids.PARTITIONS)
    return ids.session_id(partition, secrets.token_hex(7))


def _new_session(session_id: str, request: api.OpenCallRequest, now: int) -> state.SessionRecord:
    return state.SessionRecord(
        session_id=session_id,
        caller=numbers.normalise(request.caller),
        callee=request.callee,
        created_at_ms=request.now_ms or now,
    )
