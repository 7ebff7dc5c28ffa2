"""What happens between calls: alarms, incoming messages, attempts to dial, opt-outs."""

from opentelemetry.context import Context

from chassis import tracing
from chassis.ids import Clock
from chassis.logging import get_logger
from opusagent.events.v1.events_pb2 import SmsReceived
from opusagent.session.v1 import session_pb2 as api
from opusagent.session.v1.state_pb2 import DROP_STATE_PENDING, DROP_STATE_SMS_REQUESTED, SessionRecord
from session import metrics
from session.books import Books, Page
from session.domain import alarms, commands, messages, numbers
from session.domain.errors import NotFound
from session.domain.messages import Wish
from session.domain.policy import Policy

_log = get_logger(__name__)


class Continuity:
    """Keeps sessions going when nobody is on the line."""

    def __init__(self, books: Books, policy: Policy, clock: Clock) -> None:
        self._books = books
        self._policy = policy
        self._clock = clock

    async def ring(self, session_id: str) -> None:
        """Decide what is due in a session; harmless when nothing is, and when others do the same."""

        def decide(page: Page) -> str:
            if page.session is None:
                return ""
            pending = page.session.drop.state == DROP_STATE_PENDING
            alarms.on_alarm(page.session, page.caller, self._clock(), page.effects)
            decided = pending and page.session.drop.state != DROP_STATE_PENDING
            texted = page.session.drop.state == DROP_STATE_SMS_REQUESTED
            return ("sms_requested" if texted else "no_sms") if decided else ""

        session = await self._books.session(session_id)
        number = numbers.normalise(session.caller) if session is not None else ""
        with tracing.child("session alarm", _trace(session)):
            outcome = await self._books.change(session_id, decide, number=number)
        if outcome:
            metrics.DROPS.labels(outcome).inc()

    async def message(self, received: SmsReceived, message_id: str) -> None:
        """Do what an incoming SMS asks for, once per message."""
        number = numbers.normalise(received.from_number)
        if not number:
            _log.warning("an incoming message without a sender")
            return
        wish = messages.wish(received.body)
        if wish is Wish.CALL:
            await self._call_back(number, received.to_number, message_id)
        else:
            await self._opt(number, wish, message_id)
        metrics.MESSAGES.labels(wish.value).inc()

    async def _call_back(self, number: str, called: str, message_id: str) -> None:
        known = await self._books.sessions_of(number)
        chosen = messages.choose(known, called, self._clock())

        def decide(page: Page) -> str:
            if not messages.take_in(page.caller, message_id):
                return "repeated"
            if page.session is None:
                return "nothing_to_resume"
            wanted = messages.request_dial(page.session, message_id, self._policy, self._clock(), page.effects)
            return "requested" if wanted else "ignored"

        session_id = chosen.session_id if chosen else ""
        with tracing.child("session call back", _trace(chosen)):
            outcome = await self._books.change(session_id, decide, number=number)
        metrics.DIALS.labels(outcome).inc()

    async def _opt(self, number: str, wish: Wish, message_id: str) -> None:
        def decide(page: Page) -> None:
            if messages.take_in(page.caller, message_id) and wish is not Wish.OTHER:
                page.caller.opted_out = wish is Wish.STOP

        await self._books.change("", decide, number=number)

    async def claim(self, request: api.ClaimCommandRequest) -> api.ClaimCommandResponse:
        """Let a process have a command.

        Raises:
            NotFound: no such session or command.
        """

        def decide(page: Page) -> api.ClaimCommandResponse:
            if page.session is None:
                raise NotFound("no such session")
            standing = commands.claim(page.session, request, self._clock())
            return api.ClaimCommandResponse(standing=standing, hold_ms=commands.CLAIM_MS)

        return await self._books.change(request.session_id, decide)

    async def settled(self, session_id: str, command_id: str, *, dial_over: bool = False) -> None:
        """Take in the outcome of a command; after a dial attempt without a call the caller may reply CALL again."""

        def decide(page: Page) -> None:
            if page.session is None:
                return
            commands.settle(page.session, command_id)
            if dial_over:
                messages.dial_over(page.session, command_id, self._clock())

        await self._books.change(session_id, decide)

    async def refused_by_recipient(self, session_id: str) -> None:
        """Take in that the provider holds the caller's opt-out, which we had not seen."""
        number = await self._number_of(session_id)

        def decide(page: Page) -> None:
            page.caller.opted_out = True

        if number:
            await self._books.change("", decide, number=number)

    async def _number_of(self, session_id: str) -> str:
        session = await self._books.session(session_id)
        return numbers.normalise(session.caller) if session is not None else ""


def _trace(session: SessionRecord | None) -> Context | None:
    """Return the trace of a session's last call, which what happens after it belongs to."""
    return tracing.from_field(session.calls[-1].traceparent) if session is not None and session.calls else None
