"""What a story needs of the world: a gateway, the telephone network, the log of facts, the calendar, a voice."""

import itertools
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.caller import Voice
from simulator.clock import Clock, RealClock
from simulator.stories.report import TimelineEntry
from simulator.twilio.network import PhoneNetwork

if TYPE_CHECKING:
    from opusagent.session.v1.session_pb2_grpc import SessionServiceAsyncStub

Bookings = Callable[[], Awaitable[Sequence[Mapping[str, str]]]]
"""Lists the calendar: rows with `date`, `time`, `caller` and `status` ("booked" or "cancelled")."""


_numbers = itertools.count(secrets.randbelow(10_000))


def fresh_number() -> str:
    """A caller's number that no other story of this process used, and hardly one before: +1555010xxxx."""
    return f"+1555010{next(_numbers) % 10_000:04d}"


@dataclass
class StoryEnvironment:
    """Passed in by who starts the system. Durations in seconds."""

    # http://host:port of the gateway, as telephony reaches it.
    gateway_url: str
    # The network whose REST API the notifier uses. Its account signs webhooks where it has an auth token.
    network: PhoneNetwork
    session: "SessionServiceAsyncStub"
    bookings: Bookings
    voice: Voice
    # Of the human behind the agent, and the number at which he is called (the engine's ESCALATION_TARGET).
    human_voice: Voice
    # The agent's number, and its bot name at VoiceAI Connect.
    number: str = "+15550199"
    bot_name: str = "riverside-clinic"
    human_number: str = "+15550142"
    audiocodes_token: str = ""
    # How long session waits for the caller before it texts him (GRACE_SECONDS).
    sms_grace_s: float = 8.0
    # Folder for WAV files of all calls; None = none are kept.
    record: Path | None = None
    on_entry: Callable[[TimelineEntry], None] = lambda _: None
    clock: Clock = field(default_factory=RealClock)
    # E.164; empty = a fresh one for each story, so that no earlier call is known to the agent.
    caller_number: str = ""
