"""Which definition serves a conversation."""

from fsa_engine.catalog import AgentCatalog, ServedAgent
from fsa_engine.domain.events import Event, HandedOver, Opened
from fsa_engine.domain.snapshot import Snapshot


class NoAgent(Exception):
    """No definition can serve the conversation; the message says why, for the operator."""


class Casting:
    """Chooses from a catalog."""

    def __init__(self, catalog: AgentCatalog) -> None:
        self._catalog = catalog

    def choose(self, snapshot: Snapshot, event: Event | None) -> ServedAgent | None:
        """Return the definition: the newest for a call that begins, for one that goes on the one it began with."""
        catalog = self._catalog
        if isinstance(event, Opened) and event.call_id != snapshot.call.call_id:
            return catalog.for_callee(event.callee) or catalog.find(snapshot.definition_hash, event.callee)
        begun = snapshot.call.call_id or snapshot.definition_hash
        return catalog.find(snapshot.definition_hash, snapshot.call.callee) if begun else None

    def stepping(self, agent: ServedAgent | None, event: Event, taking_over: str) -> ServedAgent:
        """Return whose definition decides: the conversation's, or that of who takes it over. Raises NoAgent."""
        if isinstance(event, HandedOver) and event.ok:
            agent = self._catalog.named(taking_over)
        if agent is None:
            raise NoAgent(self._catalog.why_none())
        return agent

    def remembers(self, agent: ServedAgent, snapshot: Snapshot) -> bool:
        """Tell whether an agent may keep what it knows of the caller: it took the call, and with it what was known."""
        took_it = self._catalog.for_callee(snapshot.call.callee)
        return took_it is not None and took_it.agent.agent == agent.agent.agent

    def serves(self, name: str) -> bool:
        """Tell whether an agent of that name is there to hand over to."""
        return self._catalog.named(name) is not None
