"""What one call's dialogue reaches others by."""

from dataclasses import dataclass

from llm_relay.adapters.engine import EngineLink
from llm_relay.adapters.gateway import GatewayLink
from llm_relay.adapters.timers import Timers
from llm_relay.adapters.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Links:
    """Of one call."""

    engine: EngineLink
    gateway: GatewayLink
    transcript: Transcript
    timers: Timers
