"""One session's conversation: its events one at a time, in order, each a saved step before anything follows from it.

    event -> load (once, then held in memory) -> step -> SaveTask -> post outputs, start intents

What was not saved was not done: outputs are posted and intents started only from what SaveTask answered. A step that
another engine overtook (ABORTED) is computed again from what is saved now. While session cannot be reached, the event
waits in its place and later ones behind it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from chassis import logging, tracing
from chassis.logging import get_logger
from chassis.rpc import RpcError, StatusCode
from chassis.sealing import SealError
from fsa_engine import opening, remembering, wire
from fsa_engine.adapters.line_post import Line
from fsa_engine.alarm import Alarm
from fsa_engine.casting import Casting, NoAgent
from fsa_engine.domain.events import (
    CallClosed,
    Event,
    KeyPressed,
    Opened,
    TimePassed,
    ToolProgressed,
)
from fsa_engine.domain.snapshot import Snapshot, SnapshotError
from fsa_engine.domain.timing import wake_ms
from fsa_engine.intents import Returned
from fsa_engine.jobs import Announced, Job
from fsa_engine.lines import Lines
from fsa_engine.metrics import (
    CONFLICTS,
    EVENTS,
    EVENTS_DROPPED,
    EVENTS_REPEATED,
    INTENT_DECISIONS,
    KEYS_UNREADABLE,
    STEP_SECONDS,
)
from fsa_engine.open_intents import Means, OpenIntents, TakeOver, Visit
from fsa_engine.speaking import Speaker, manner
from fsa_engine.standing import standing
from fsa_engine.stepping import Held, Ports, make, save_of
from fsa_engine.vault import Vault
from opusagent.session.v1.session_pb2 import Intent, LoadTaskResponse, SaveTaskResponse

CONFLICT_LIMIT = 10
"""Conflicts in a row after which an event is given up: two engines that both serve the session, which only session
can end."""

_log = get_logger(__name__)


class Conversation:
    """The events of one session. `submit` from the event loop; `run` is its one worker.

    `changed` is called whenever an event has been dealt with.
    """

    def __init__(self, session_id: str, ports: Ports, changed: Callable[[], None]) -> None:
        self.session_id = session_id
        self.lines = Lines()
        self._ports = ports
        self._changed = changed
        self._jobs: asyncio.Queue[Job | Visit | TakeOver | Announced] = asyncio.Queue()
        self._unfinished = 0
        self._state: Held | None = None
        self._speaker = Speaker(ports.post)
        self._casting = Casting(ports.catalog)
        self._intents = OpenIntents(session_id, ports.runner, self._put)
        self._alarm = Alarm(ports.clock, self._wake)

    @property
    def busy(self) -> bool:
        """Whether an event waits or is being stepped, or an intent is being carried out."""
        return self._unfinished > 0 or self._intents.running

    @property
    def pending_events(self) -> int:
        """Events not yet saved."""
        return self._unfinished

    def submit(self, job: Job) -> None:
        """Take an event in."""
        if job.line is not None and job.answer:
            self._speaker.accepted(job.line, job.event.event_id)
        self._put(job)

    def attend(self, task: Visit | Announced) -> None:
        """Do what is not an event, in its turn."""
        self._put(task)

    def _put(self, item: Job | Returned | ToolProgressed | TakeOver | Visit | Announced) -> None:
        self._unfinished += 1
        job = Job(item, trace=tracing.current()) if isinstance(item, Returned | ToolProgressed) else item
        self._jobs.put_nowait(job)

    def _wake(self, due_ms: int) -> None:
        call_id = self._state.snapshot.call.call_id if self._state is not None else ""
        passed = TimePassed(event_id=f"{call_id}/time-{due_ms}", at_ms=max(due_ms, self._ports.clock()))
        self._put(Job(event=passed, trace=tracing.current()))

    async def run(self, idle_seconds: Callable[[], float]) -> None:
        """Step events until none came, and nothing went on, for as long as `idle_seconds` says."""
        while True:
            try:
                async with asyncio.timeout(idle_seconds()):
                    job = await self._jobs.get()
            except TimeoutError:
                if self.busy:
                    continue
                return
            try:
                if isinstance(job, Job):
                    await self._take(job)
                else:
                    await self._attend(job)
            finally:
                self._unfinished -= 1
                self._changed()

    async def stop(self) -> None:
        """Give running intents up; they stay open in the session, for the next engine to settle."""
        self._alarm.cancel()
        await self._intents.stop()

    async def _attend(self, task: Visit | TakeOver | Announced) -> None:
        """Do what is not an event: look after intents that another process left, tell a new gateway who hears."""
        with logging.bound(session_id=self.session_id):
            try:
                if isinstance(task, Announced):
                    with tracing.under(task.trace):
                        await self._announced(task.line)
                elif isinstance(task, Visit):
                    self.lines.visitor = task.line
                    await self._load(None)
                else:
                    task.answer(await self._take_over(task.intent))
            except (RpcError, SnapshotError) as error:
                _log.error("a session could not be looked after", problem=str(error))
            except Exception:
                _log.exception("a session could not be looked after")
            else:
                return
            self._state = None
            if isinstance(task, TakeOver):
                task.answer(False)

    async def _announced(self, line: Line) -> None:
        self.lines.follow(line)
        await self._load(None)
        self._follow(self.lines.target(line))

    def _follow(self, line: Line | None) -> None:
        """Let a call's gateway know who hears the caller now."""
        how = self._state.manner if self._state is not None else None
        if line is not None and how is not None:
            self._speaker.follow(line, how)

    async def _take_over(self, intent: Intent) -> bool:
        """Save an intent's next try, unless another process did or has the result. Raises RpcError, SnapshotError."""
        for _ in range(CONFLICT_LIMIT):
            state = await self._loaded(None)
            if not self._intents.is_next_try(intent):
                return False
            event_id = f"{intent.intent_id}/try{standing(intent).number}/{self._ports.runner.process}"
            snapshot = state.snapshot.to_bytes(state.vault.seal)
            request = wire.take_over_request(self.session_id, intent, state.version, snapshot, event_id)
            try:
                saved = await self._ports.store.save(request)
            except RpcError as error:
                if error.code is not StatusCode.ABORTED:
                    raise
                CONFLICTS.inc()
                self._state = None
                continue
            self._intents.taken_over(intent)
            state.version = saved.version
            return True
        return False

    async def _take(self, job: Job) -> None:
        kind = type(job.event).__name__
        saved = False
        EVENTS.labels(kind).inc()
        self.lines.follow(job.line)
        call_id = self.lines.call_id
        started = time.perf_counter()
        about = {"call_id": call_id, "session_id": self.session_id}
        with logging.bound(**about), tracing.span(f"fsa {kind}", job.trace, about=about):
            try:
                await (self._open(job) if job.plan_styles is not None else self._step(job))
                saved = True
            except SealError as error:
                KEYS_UNREADABLE.inc()
                _log.warning("a key press cannot be opened", problem=str(error))
            except NoAgent as error:
                self._drop(job, "no_agent", str(error))
            except RpcError as error:
                self._drop(job, error.code.name.lower(), error.message)
            except SnapshotError as error:
                self._drop(job, "snapshot", str(error))
            except Exception:
                _log.exception("an event could not be stepped", kind=kind)
                self._drop(job, "defect", "the agent failed")
        STEP_SECONDS.observe(time.perf_counter() - started)
        if isinstance(job.event, CallClosed):
            self.lines.hang_up(job.line)
        if isinstance(job.event, Returned):
            self._intents.finished(job.event.intent_id, saved=saved)
        job.done(saved)

    def _drop(self, job: Job, reason: str, why: str) -> None:
        EVENTS_DROPPED.labels(reason).inc()
        _log.error("an event was dropped", kind=type(job.event).__name__, reason=reason, why=why)
        held, self._state = self._state, None
        line = self.lines.target(job.line)
        if line is None or not job.answer:
            return
        if job.plan_styles is not None:
            self._speaker.no_plan(line, why)
        else:
            self._speaker.outputs(line, job.event.event_id, (), held.manner if held is not None else None)

    async def _step(self, job: Job) -> None:
        if job.sealed:
            job = await self._opened_key(job)
        elif isinstance(job.event, Opened):
            job, _ = await self._recalled(job)
        saved = await self._save(job)
        state = await self._loaded(None)
        line = self.lines.target(job.line)
        if not isinstance(job.event, CallClosed):
            self._follow(line)
        if line is not None and (saved.outputs or job.answer):
            self._speaker.outputs(line, job.event.event_id, saved.outputs, state.manner)

    async def _opened_key(self, job: Job) -> Job:
        """Open a key that a private caller pressed. Raises SealError, RpcError, SnapshotError."""
        assert isinstance(job.event, KeyPressed)
        vault = (await self._loaded(job.event)).vault
        return replace(job, event=replace(job.event, digit=vault.digit(job.sealed)))

    async def _recalled(self, job: Job) -> tuple[Job, LoadTaskResponse]:
        """Give the opening of a call what its agent remembers of the caller; return also what was saved before."""
        assert isinstance(job.event, Opened)
        before = await self._load(job.event)
        agent = self._state.agent if self._state is not None else None
        memory = remembering.known(before, agent.agent) if agent is not None else {}
        return replace(job, event=replace(job.event, memory=memory)), before

    async def _open(self, job: Job) -> None:
        """Step the opening of a call and answer with the plan; what the outbox held before is said too."""
        assert isinstance(job.event, Opened)
        call_id = job.event.call_id
        job, before = await self._recalled(job)
        saved = await self._save(job)
        state = await self._loaded(job.event)
        assert state.agent is not None
        to_say, stale = opening.outputs(call_id, before.undelivered, saved)
        line = self.lines.target(job.line)
        if line is not None:
            plan = opening.plan(state.agent, job.plan_styles or ())
            how = manner(state.agent.agent, state.snapshot)
            self._follow(line)
            self._speaker.plan(line, plan, job.event.event_id, to_say, how)
        if stale:
            await self._ports.store.mark_delivered(self.session_id, stale)

    async def _save(self, job: Job) -> SaveTaskResponse:
        """Step the event from what is saved, and save that. Raises NoAgent, RpcError, SnapshotError."""
        for _ in range(CONFLICT_LIMIT):
            state = await self._loaded(job.event)
            taking_over = self._intents.agent_of(getattr(job.event, "intent_id", ""))
            agent = self._casting.stepping(state.agent, job.event, taking_over)
            made = await make(self._ports, agent.agent, state.snapshot, job.event)
            request = save_of(
                made,
                job.event,
                agent.agent,
                state,
                self._ports,
                session_id=self.session_id,
                call_id=self.lines.call_id or state.snapshot.call.call_id,
                keeps=self._casting.remembers(agent, made.snapshot),
            )
            try:
                saved = await self._ports.store.save(request)
            except RpcError as error:
                if error.code is not StatusCode.ABORTED:
                    raise
                CONFLICTS.inc()
                self._state = None
                continue
            if made.reading:
                INTENT_DECISIONS.labels(made.reading).inc()
            await self._saved(saved, state, Held(made.snapshot, saved.version, agent, state.vault))
            self._alarm.set(made.wake_ms if not saved.repeated else self._wake_ms())
            return saved
        raise RpcError(StatusCode.ABORTED, "other engines keep saving this session")

    async def _saved(self, saved: SaveTaskResponse, before: Held, after: Held) -> None:
        if saved.repeated:
            EVENTS_REPEATED.inc()
            self._state = None
            await self._loaded(None)
            return
        self._intents.abandon(_waited_for(before.snapshot) - _waited_for(after.snapshot))
        self._state = after
        self._start(saved.intents, after)

    async def _loaded(self, event: Event | None) -> Held:
        if self._state is None:
            await self._load(event)
        assert self._state is not None
        return self._state

    async def _load(self, event: Event | None) -> LoadTaskResponse:
        """Read the session as it is saved, and settle what it left undone."""
        loaded = await self._ports.store.load(self.session_id, with_memory=isinstance(event, Opened))
        vault = Vault(self.session_id, loaded.session_key)
        snapshot = Snapshot.from_bytes(loaded.snapshot, vault.unseal)
        agent = self._casting.choose(snapshot, event)
        self._state = Held(snapshot, loaded.version, agent, vault)
        self._speaker.loaded(loaded.version)
        self._alarm.set(self._wake_ms())
        self._intents.loaded(loaded.open_intents)
        self._start(loaded.open_intents, self._state)
        return loaded

    def _wake_ms(self) -> int:
        """Return when what is saved leads on by itself."""
        state = self._state
        if state is None or state.agent is None:
            return 0
        agent = state.agent.agent
        return wake_ms(agent, state.snapshot) if state.snapshot.definition_hash == agent.definition_hash else 0

    def _start(self, intents: Iterable[Intent], state: Held) -> None:
        if state.agent is None:
            return
        means = Means(state.agent.server, self._casting.serves, state.vault.unseal, self.lines.call_id)
        for intent in intents:
            self._intents.start(intent, means)


def _waited_for(snapshot: Snapshot) -> set[str]:
    return {task.waiting for task in snapshot.tasks}
