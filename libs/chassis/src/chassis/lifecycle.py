"""How every service starts, drains and stops."""

from abc import ABC, abstractmethod


class Service(ABC):
    """One of the five services, wired and ready to run; the same object in production, in one process and in tests."""

    name: str

    @abstractmethod
    async def start(self) -> None:
        """Come up; returns once it can take work."""

    async def drain(self) -> None:  # noqa: B027
        """Take no new work and let the running work end; returns when nothing is left. Called before `stop`."""

    @abstractmethod
    async def stop(self) -> None:
        """End at once, keeping every promise already given; idempotent."""

    @property
    def ready(self) -> bool:
        """Whether it would serve a request now (readiness, not liveness)."""
        return True
