"""The bus within one process: what `opusagent up` runs on, and what tests run on."""

from chassis.bus_inprocess.bus import InProcessBus
from chassis.bus_inprocess.faults import Faults

__all__ = ["Faults", "InProcessBus"]
