"""The engine's snapshots and steps, the transcript, and what others may see of a session."""

from chassis.ids import Clock
from opusagent.session.v1 import session_pb2 as api
from session.books import SESSIONS, Books, Page, steps_of, turns_of
from session.domain import memory, steps, views
from session.domain.errors import NotFound
from session.domain.ids import partition_of_session
from session.domain.policy import Policy
from session.store import Store

LIST_LIMIT = 100


class Tasks:
    """What is saved of conversations."""

    def __init__(self, store: Store, books: Books, policy: Policy, clock: Clock) -> None:
        self._store = store
        self._books = books
        self._policy = policy
        self._clock = clock

    async def load(self, request: api.LoadTaskRequest) -> api.LoadTaskResponse:
        """Return what the engine resumes from.

        Raises:
            NotFound: no such session.
        """
        session = await self._books.session(request.session_id)
        if session is None:
            raise NotFound("no such session")
        answer = views.task_view(session)
        if request.with_memory and session.caller:
            answer.memory.extend(memory.known(await self._books.caller(session.caller), self._clock()))
        return answer

    async def save(self, request: api.SaveTaskRequest) -> api.SaveTaskResponse:
        """Save a step once.

        Raises:
            NotFound: no such session.
            Stale: the step was computed from another version.
        """

        def decide(page: Page) -> api.SaveTaskResponse:
            if page.session is None:
                raise NotFound("no such session")
            saved = page.saved_step
            if saved is not None:
                saved.repeated = True
                return saved
            if number:
                memory.keep(page.session, page.caller, request.memory, self._clock())
            return steps.save_task(page.session, request, self._policy, self._clock(), page.effects)

        number = await self._remembered_as(request)
        rows = [(steps_of(request.session_id), request.event_id)]
        return await self._books.change(request.session_id, decide, number=number, rows=rows)

    async def _remembered_as(self, request: api.SaveTaskRequest) -> str:
        """Return the number whose memory a step changes; empty for none."""
        if not request.HasField("memory"):
            return ""
        session = await self._books.session(request.session_id)
        return session.caller if session is not None else ""

    async def mark_delivered(self, request: api.MarkDeliveredRequest) -> None:
        """Take outputs out of the outbox."""

        def decide(page: Page) -> None:
            if page.session is None:
                raise NotFound("no such session")
            steps.mark_delivered(page.session, set(request.output_ids))

        await self._books.change(request.session_id, decide)

    async def delete_key(self, request: api.DeleteKeyRequest) -> None:
        """Forget a session's key, and with it all that was sealed under it.

        Raises:
            NotFound: no such session.
        """

        def decide(page: Page) -> None:
            if page.session is None:
                raise NotFound("no such session")
            page.session.session_key = b""

        await self._books.change(request.session_id, decide)

    async def append_turns(self, request: api.AppendTurnsRequest) -> None:
        """Add turns to the transcript, each once."""

        def decide(page: Page) -> None:
            if page.session is None:
                raise NotFound("no such session")
            seen = set()
            for turn, saved in zip(request.turns, page.saved_rows, strict=True):
                if saved is None and turn.turn_id not in seen:
                    seen.add(turn.turn_id)
                    steps.append_turn(request.session_id, turn, self._clock(), page.effects)

        rows = [(turns_of(request.session_id), turn.turn_id) for turn in request.turns]
        await self._books.change(request.session_id, decide, rows=rows)

    async def view(self, request: api.GetSessionRequest) -> api.GetSessionResponse:
        """Return a session and its transcript.

        Raises:
            NotFound: no such session.
        """
        session = await self._books.session(request.session_id)
        if session is None:
            raise NotFound("no such session")
        turns = await self._store.collection(partition_of_session(request.session_id), turns_of(request.session_id))
        return api.GetSessionResponse(
            session=views.session_view(session, self._clock()), turns=[api.Turn.FromString(turn) for turn in turns]
        )

    async def list_sessions(self, request: api.ListSessionsRequest) -> api.ListSessionsResponse:
        """Return the newest sessions."""
        newest = await self._store.members(SESSIONS, request.limit or LIST_LIMIT)
        now = self._clock()
        return api.ListSessionsResponse(
            sessions=[views.session_view(session, now) for session in await self._books.sessions(newest)]
        )
