"""The open intents of one session that this process looks after."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fsa_engine.adapters.line_post import Line
from fsa_engine.domain.events import ToolProgressed
from fsa_engine.domain.snapshot import Unseal
from fsa_engine.intents import FindServer, IntentRunner, Returned, Work
from fsa_engine.settling import Elsewhere
from fsa_engine.standing import payload_of, standing
from opusagent.session.v1.session_pb2 import Intent


@dataclass(frozen=True)
class TakeOver:
    """Save an intent, as it is given here, in the place of the one that is open; `taken`: whether that was done."""

    intent: Intent
    taken: "asyncio.Future[bool]"

    def answer(self, done: bool) -> None:
        """Say it; the first answer counts."""
        if not self.taken.done():
            self.taken.set_result(done)


@dataclass(frozen=True)
class Visit:
    """Load the session and settle what it left undone. `line`: who is told of it, unless a call is known here."""

    line: Line | None = None


@dataclass(frozen=True)
class Means:
    """What intents are carried out with: see `intents.Work`."""

    find_server: FindServer
    serves: Callable[[str], bool]
    unseal: Unseal
    call_id: str


@dataclass
class _Open:
    """`intent`: as it is saved, as far as this process knows; None when its result is known to be saved."""

    intent: Intent | None
    task: "asyncio.Task[None]"
    write: bool
    abandoned: bool = False


class OpenIntents:
    """Runs each open intent once. `put` hands results, and what else is to be done, to the session's one worker."""

    def __init__(
        self, session_id: str, runner: IntentRunner, put: Callable[[Returned | ToolProgressed | TakeOver | Visit], None]
    ) -> None:
        self._session_id = session_id
        self._runner = runner
        self._put = put
        self._open: dict[str, _Open] = {}

    @property
    def running(self) -> bool:
        """Whether any is being carried out, or its result waits to be taken in."""
        return bool(self._open)

    def loaded(self, intents: Iterable[Intent]) -> None:
        """Take note of what is open in the session, and how it is saved."""
        saved = {intent.intent_id: intent for intent in intents}
        for intent_id, known in self._open.items():
            known.intent = saved.get(intent_id)

    def start(self, intent: Intent, means: Means) -> None:
        """Carry an intent out in the background, unless that goes on already."""
        if intent.intent_id in self._open:
            return
        work = Work(
            session_id=self._session_id,
            call_id=means.call_id,
            intent=intent,
            find_server=means.find_server,
            take_over=self._take_over,
            serves=means.serves,
            report=self._put,
            unseal=means.unseal,
        )
        task = asyncio.create_task(self._carry_out(work), name=f"intent-{intent.intent_id}")
        self._open[intent.intent_id] = _Open(intent, task, _writes(intent))

    def agent_of(self, intent_id: str) -> str:
        """Return the agent that an open intent hands over to; empty if there is none."""
        known = self._open.get(intent_id)
        return str(payload_of(known.intent).get("agent", "")) if known is not None and known.intent is not None else ""

    def finished(self, intent_id: str, *, saved: bool) -> None:
        """Forget an intent whose result was taken in."""
        self._open.pop(intent_id, None)
        if saved:
            self._runner.settled(self._session_id, intent_id)

    def abandon(self, intent_ids: Iterable[str]) -> None:
        """Cancel reading that nobody waits for any more; what was begun to be written goes on."""
        for intent_id in intent_ids:
            known = self._open.get(intent_id)
            if known is not None and not known.write and not known.abandoned:
                known.abandoned = True
                known.task.cancel()

    def is_next_try(self, intent: Intent) -> bool:
        """Whether an intent is open and nobody has taken it over since the try before the given one."""
        known = self._open.get(intent.intent_id)
        latest = known.intent if known is not None else None
        return latest is not None and standing(latest).number == standing(intent).number - 1

    def taken_over(self, intent: Intent) -> None:
        """Take note that the next try is saved as this process's."""
        self._open[intent.intent_id].intent = intent

    async def stop(self) -> None:
        """Give up what is running; it stays open in the session."""
        running = [known.task for known in self._open.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _take_over(self, intent: Intent) -> bool:
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._put(TakeOver(intent, taken))
        return await taken

    async def _carry_out(self, work: Work) -> None:
        """Carry an intent out and hand its result in; it counts as running until that was taken in."""
        known = self._open[work.intent.intent_id]
        try:
            self._put(await self._runner.run(work))
        except asyncio.CancelledError:
            if not known.abandoned:
                raise
            self._put(self._runner.abandoned(work.intent))
        except Elsewhere:
            await self._wait_for_other(known)
            self.finished(work.intent.intent_id, saved=known.intent is None)
            self._put(Visit())

    async def _wait_for_other(self, known: _Open) -> None:
        if known.intent is not None:
            await asyncio.sleep(self._runner.left_seconds(known.intent))


def _writes(intent: Intent) -> bool:
    try:
        return bool(payload_of(intent).get("write"))
    except ValueError:
        return False
