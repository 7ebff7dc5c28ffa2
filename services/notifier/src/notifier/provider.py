"""Who carries messages and places calls, as a port."""

from abc import ABC, abstractmethod

from opusagent.notify.v1.notify_pb2 import NotifyCommand


class Provider(ABC):
    """A provider of SMS and outbound calls. Commands carry `send_sms` or `place_call`."""

    name: str

    async def start(self) -> None:  # noqa: B027
        """Get ready."""

    async def stop(self) -> None:  # noqa: B027
        """Let go of connections."""

    @abstractmethod
    async def attempt(self, command: NotifyCommand) -> str:
        """Carry a command out, once; return the provider's id of the message or the call.

        Raises:
            Refused: not carried out, and it never would be.
            NotNow: not carried out; worth another try.
            Unclear: may have been carried out.
        """

    @abstractmethod
    async def find(self, command: NotifyCommand) -> str | None:
        """Look up whether a command was carried out; return the provider's id, or None when nothing is found.

        Raises:
            NotNow: the provider cannot tell now.
        """
