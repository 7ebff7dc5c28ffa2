"""Puts session together: the same for production, for one process and for tests."""

from chassis.bus import CALL_EVENTS, Bus, Record, Subscription
from chassis.ids import Clock, now_ms
from chassis.lifecycle import Service
from session.adapters.memory import MemoryStore
from session.adapters.redis import RedisStore
from session.adapters.sqlite import SqliteStore
from session.alarms import Alarms
from session.books import Books
from session.calls import Calls
from session.continuity import Continuity
from session.handlers import Ports, handle
from session.health import Health
from session.pump import Pump
from session.servicer import Servicer
from session.settings import SessionSettings, StoreKind
from session.slots import Slots
from session.store import Store
from session.tasks import Tasks

GROUP = "session"
_OUTAGE_MS = 2_000


class SessionApp(Service):
    """The session service without its port: `servicer` answers requests once it is started. The bus is its owner's."""

    name = "session"

    def __init__(
        self, bus: Bus, store: Store, servicer: Servicer, *, ports: Ports, pump: Pump, alarms: Alarms, health: Health
    ) -> None:
        self.servicer = servicer
        self.alarms = alarms
        self.pump = pump
        self._bus = bus
        self._store = store
        self._ports = ports
        self._health = health
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Open the store, publish what was left behind, act on what fell due, follow the log."""
        await self._store.start()
        await self.pump.start()
        await self.alarms.start()
        self._subscription = await self._bus.follow(CALL_EVENTS, GROUP, self._handle)

    async def stop(self) -> None:
        """Stop following, publish what is under way, close the store."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()
        await self.alarms.stop()
        await self.pump.stop()
        await self._store.stop()

    @property
    def ready(self) -> bool:
        """Whether the store and the bus answer."""
        return self._subscription is not None and self._health.up and self._bus.healthy

    async def _handle(self, record: Record) -> None:
        await handle(record, self._ports)


def make_store(settings: SessionSettings) -> Store:
    """Return the store that the settings name."""
    if settings.store is StoreKind.SQLITE:
        return SqliteStore(settings.data_dir / "session.sqlite")
    return RedisStore(settings.redis_url) if settings.store is StoreKind.REDIS else MemoryStore()


def build(settings: SessionSettings, bus: Bus, store: Store | None = None, clock: Clock = now_ms) -> SessionApp:
    """Wire session on a bus that the caller starts and stops; without a store, on the one that the settings name."""
    store = store or make_store(settings)
    policy = settings.policy
    health = Health(clock, policy.lease_ttl_ms or _OUTAGE_MS)
    pump = Pump(store, bus)
    books = Books(store)
    continuity = Continuity(books, policy, clock)
    alarms = Alarms(store, continuity, health, clock)
    slots = Slots(store, policy, clock, health)
    calls = Calls(store, books, slots=slots, continuity=continuity, policy=policy, clock=clock)
    tasks = Tasks(store, books, policy, clock)

    def on_saved(session_id: str, alarm: int | None, publishes: bool) -> None:
        alarms.set(alarm)
        if publishes:
            pump.wake(session_id)

    books.on_saved = on_saved
    servicer = Servicer(bus, slots, calls, tasks, continuity)
    return SessionApp(bus, store, servicer, ports=Ports(calls, continuity), pump=pump, alarms=alarms, health=health)
