"""A telephone in somebody's hand: places calls, rings, sends and gets text messages."""

import asyncio
from typing import TYPE_CHECKING

from simulator.twilio.leg import TwilioLeg
from simulator.twilio.records import MessageRecord

if TYPE_CHECKING:
    from simulator.twilio.network import PhoneNetwork


class Handset:
    """One subscriber of the network; made by `PhoneNetwork.handset`."""

    def __init__(self, number: str, network: "PhoneNetwork") -> None:
        """`number`: E.164."""
        self.number = number
        self.inbox: list[MessageRecord] = []
        self._network = network
        self._ringing: list[TwilioLeg] = []
        self._rang = asyncio.Event()
        self._arrived = asyncio.Condition()

    def place_call(self, to: str, *, withheld: bool = False) -> TwilioLeg:
        """A call to one of the application's numbers; `await leg.dial()` starts it."""
        return self._network.place_call("anonymous" if withheld else self.number, to)

    async def wait_for_call(self, timeout: float, parent: str = "") -> TwilioLeg:
        """The next call that rings here: `answer` it or `fail` it. Raises TimeoutError.

        `parent`: only one that was placed for this leg of somebody else.
        """
        return await self._network.clock.wait_for(self._rings(parent), timeout)

    async def _rings(self, parent: str) -> TwilioLeg:
        while True:
            self._rang.clear()
            self._ringing = [leg for leg in self._ringing if not leg.ended.done()]
            for leg in self._ringing:
                if parent in ("", leg.call.parent_sid):
                    self._ringing.remove(leg)
                    return leg
            await self._rang.wait()

    def ring(self, leg: TwilioLeg) -> None:
        """A call arrives."""
        self._ringing.append(leg)
        self._rang.set()

    async def deliver(self, message: MessageRecord) -> None:
        """A text message arrives."""
        async with self._arrived:
            self.inbox.append(message)
            self._arrived.notify_all()

    async def wait_for_message(self, timeout: float, after: int = 0) -> MessageRecord:
        """The message at position `after` of the inbox, waiting for it if need be. Raises TimeoutError."""

        async def arrived() -> MessageRecord:
            async with self._arrived:
                await self._arrived.wait_for(lambda: len(self.inbox) > after)
                return self.inbox[after]

        return await self._network.clock.wait_for(arrived(), timeout)

    async def text(self, to: str, body: str) -> MessageRecord:
        """Send a text message to one of the application's numbers."""
        return await self._network.messages.receive(self.number, to, body)
