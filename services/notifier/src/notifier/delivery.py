"""Carries out one command, at most once.

Before every attempt the command is claimed from session, so that whoever comes after a crash knows that there may have
been one. An attempt that may have been carried out is looked up at the provider; what cannot be found is not tried
again, unless the provider itself had answered that it failed.
"""

import asyncio
from dataclasses import dataclass

from chassis.ids import Clock
from chassis.logging import get_logger
from chassis.retry import Backoff, Sleep
from notifier import metrics
from notifier.claims import Claims, UnknownCommand
from notifier.domain import outcomes
from notifier.domain.outcomes import NotNow, Refused, Unclear
from notifier.outcomes_log import OutcomesLog
from notifier.provider import Provider
from notifier.settings import NotifierSettings
from opusagent.notify.v1.notify_pb2 import NotifyCommand
from opusagent.session.v1 import session_pb2 as api

LOOKUPS = 3
"""How often a look-up is made before a command is given up as uncertain."""

_MINE = frozenset({api.COMMAND_STANDING_FRESH, api.COMMAND_STANDING_YOURS})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command was not carried out."""

    reason: str
    detail: str


class Delivery:
    """Everything that carrying out a command takes."""

    def __init__(
        self,
        settings: NotifierSettings,
        provider: Provider,
        claims: Claims,
        log: OutcomesLog,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._claims = claims
        self._log = log
        self._clock = clock
        self._sleep = sleep

    async def carry_out(self, command: NotifyCommand) -> bool:
        """See a command through to its outcome on the log; False without one: it is another's, or settled."""
        attempt = _Attempts(self, command)
        try:
            result = await attempt.run()
        except UnknownCommand as error:
            result = Failure(outcomes.UNKNOWN, str(error))
        if isinstance(result, Failure):
            await self._log.failed(command, result.reason, result.detail, attempt.made)
        elif result:
            await self._log.done(command, result)
        return result is not None

    def expired(self, command: NotifyCommand) -> bool:
        """Whether it is too late to carry a command out."""
        return 0 < command.expires_at_ms <= self._clock()

    def backoff(self) -> Backoff:
        """Return the waits between attempts."""
        settings = self._settings
        return Backoff(settings.notifier_first_retry_seconds, settings.notifier_longest_retry_seconds, self._sleep)

    @property
    def most_attempts(self) -> int:
        """Attempts after which a command is given up."""
        return self._settings.notifier_attempts

    async def claim(self, command: NotifyCommand, *, undone: bool = False) -> api.CommandStanding:
        """Ask session for leave."""
        return await self._claims.claim(command, undone=undone)

    async def attempt(self, command: NotifyCommand) -> str:
        """Make one attempt and count how it ended."""
        outcome = "done"
        try:
            return await self._provider.attempt(command)
        except (Refused, NotNow, Unclear) as error:
            outcome = type(error).__name__.lower()
            _log.info("an attempt failed", command_id=command.command_id, outcome=outcome, detail=error.detail)
            raise
        finally:
            metrics.ATTEMPTS.labels(self._provider.name, outcome).inc()

    async def look_up(self, command: NotifyCommand) -> str | None:
        """Find out whether a command was carried out, giving the provider time to know; None: nothing was found."""
        for _ in range(LOOKUPS):
            await self._sleep(self._settings.notifier_settle_seconds)
            try:
                found = await self._provider.find(command)
            except NotNow as error:
                metrics.LOOKUPS.labels("failed").inc()
                _log.warning("a look-up failed", command_id=command.command_id, detail=error.detail)
                continue
            metrics.LOOKUPS.labels("found" if found else "not_found").inc()
            if found:
                return found
        return None


class _Attempts:
    """The attempts at one command."""

    def __init__(self, delivery: Delivery, command: NotifyCommand) -> None:
        self._delivery = delivery
        self._command = command
        self.made = 0

    async def run(self) -> str | Failure | None:
        """Return the provider's id, the failure, or None when the command is not ours to end."""
        delivery, command = self._delivery, self._command
        backoff = delivery.backoff()
        detail = ""
        while self.made < delivery.most_attempts:
            if delivery.expired(command):
                return Failure(outcomes.EXPIRED, detail)
            standing = await delivery.claim(command)
            if standing == api.COMMAND_STANDING_UNCERTAIN:
                return await delivery.look_up(command) or Failure(outcomes.UNCERTAIN, "left behind by another process")
            if standing not in _MINE:
                return None
            self.made += 1
            try:
                return await delivery.attempt(command)
            except Refused as error:
                return Failure(error.reason, error.detail)
            except Unclear as error:
                found = await delivery.look_up(command)
                if found or not error.answered:
                    return found or Failure(outcomes.UNCERTAIN, error.detail)
                detail = error.detail
            except NotNow as error:
                detail = error.detail
            await delivery.claim(command, undone=True)
            if self.made < delivery.most_attempts:
                await backoff.wait()
        return Failure(outcomes.EXHAUSTED, detail)
