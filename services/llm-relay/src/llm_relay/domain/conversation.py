"""The state of one call's conversation, put together."""

from dataclasses import dataclass, field

from llm_relay.domain.gate import Gate
from llm_relay.domain.outputs import Outputs
from llm_relay.domain.response import ResponseTimer
from llm_relay.domain.silence import Silence
from llm_relay.domain.turns import Floor


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who speaks, what is to be said, what may be, how long it is quiet, how long an answer takes."""

    outputs: Outputs
    gate: Gate
    floor: Floor = field(default_factory=Floor)
    silence: Silence = field(default_factory=Silence)
    response: ResponseTimer = field(default_factory=ResponseTimer)
