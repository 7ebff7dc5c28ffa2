"""One way to call a gRPC service, whether it lives in this process or behind a channel.

`direct` and `remote` both return an object with the methods of the service's generated `AsyncStub`. Either way a request
is serialised, so nothing is shared by accident, and a failure is an `RpcError`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import Message

StatusCode = grpc.StatusCode

RETRIABLE = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED})


class RpcError(Exception):
    """A call failed. `code` says whose fault it is and whether another try is worth it."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in RETRIABLE


def direct(servicer: Any) -> Any:
    """Return a client of a servicer in this process, typed by the caller as the service's `AsyncStub`."""
    return _Direct(servicer)


class _Direct:
    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._servicer, name)

        def call(request: Message, timeout: float | None = None, metadata: Any = None) -> Any:
            answer = method(_copy(request), None)
            return _stream(answer) if hasattr(answer, "__aiter__") else _unary(answer)

        return call


async def _unary(answer: Awaitable[Message]) -> Message:
    return _copy(await answer)


async def _stream(answers: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for answer in answers:
        yield _copy(answer)


def _copy(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())
