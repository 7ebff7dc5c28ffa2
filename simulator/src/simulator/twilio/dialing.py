"""Calls of the network to one of its own subscribers, for a caller who waits: `<Dial>`, or an SBC's transfer."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from typing_extensions import override

from simulator.bridge import Bridge
from simulator.legs import EndedBy, LegEnd
from simulator.line import Line
from simulator.twilio.account import new_sid
from simulator.twilio.leg import TwilioLeg
from simulator.twilio.records import CallRecord
from simulator.twilio.script import Dialed, Dialing, Ending, Platform

if TYPE_CHECKING:
    from simulator.twilio.network import PhoneNetwork


class DialedLeg(TwilioLeg):
    """The human's end: rings a handset; once it is answered, and what is for him alone was said, it is `ready`."""

    def __init__(self, call: CallRecord, platform: Platform, wanted: Dialing) -> None:
        super().__init__(call, platform, wanted.whisper)
        self.headers: Mapping[str, str] = wanted.headers
        self.ready = asyncio.Event()

    @property
    def told(self) -> str:
        """What he was told before he was connected: said to him, or written into the call's headers."""
        return " ".join([*self.script.said, *self.headers.values()])

    @override
    async def _script_ended(self, ending: Ending) -> None:
        if ending.ran_out:
            self.ready.set()
        else:
            await super()._script_ended(ending)

    async def far_end_left(self) -> None:
        """The caller is gone, or nobody waits any more."""
        if self.call.status == "in-progress":
            await self._finish(LegEnd(EndedBy.PLATFORM, "the far end hung up", self.clock.now()))
        else:
            await self.fail("canceled")


async def dial(network: "PhoneNetwork", platform: Platform, wanted: Dialing, line: Line) -> Dialed:
    """Ring a handset for the caller on `line`; returns when the call with it is over, or came to nothing."""
    handset = network.handsets.get(wanted.number)
    if handset is None:
        return Dialed("failed")
    call = CallRecord(new_sid("CA"), network.account.sid, wanted.shown, wanted.number, "outbound-dial")
    call.parent_sid = wanted.parent_sid
    leg = DialedLeg(call, platform, wanted)
    network.legs[call.sid] = leg
    try:
        await leg.ring()
        handset.ring(leg)
        try:
            await network.clock.wait_for(leg.unless_over(leg.answered.wait()), wanted.timeout_s)
        except TimeoutError:
            await leg.fail("no-answer")
        await leg.unless_over(leg.ready.wait())
        if leg.ended.done():
            return Dialed(call.status, call.sid)
        bridge = Bridge(leg.line, line)
        wanted.on_bridged()
        try:
            await leg.ended
        finally:
            bridge.close()
        return Dialed(call.status, call.sid, call.duration_s or 0, bridged=True)
    finally:
        await leg.far_end_left()
