"""A person on the telephone: speaks, listens, and does as he was told to. No language model."""

from simulator.caller.caller import Caller, NotHeardError
from simulator.caller.hearing import Heard
from simulator.caller.replies import Reply
from simulator.caller.voice import Voice

__all__ = ["Caller", "Heard", "NotHeardError", "Reply", "Voice"]
