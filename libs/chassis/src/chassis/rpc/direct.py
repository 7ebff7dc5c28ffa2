"""Calls within the process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from chassis import tracing
from chassis.rpc.errors import DEADLINE_SECONDS, as_rpc_error


def direct(servicer: Any) -> Any:
    """Return a client of a servicer in this process, typed by the caller as the service's `AsyncStub`."""
    return _Direct(servicer)


class _Direct:
    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer

    async def close(self) -> None:
        """Nothing to close; there for symmetry with a remote client."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._servicer, name)

        def call(request: Message, timeout: float | None = None, metadata: Any = None) -> Any:
            try:
                answer = method(_copy(request), _CONTEXT)
            except Exception as error:
                raise as_rpc_error(error) from error
            if hasattr(answer, "__aiter__"):
                return _stream(answer, timeout)
            return _unary(name, answer, DEADLINE_SECONDS if timeout is None else timeout)

        return call


class _Context:
    """All that the generated methods which nobody wrote ask of a gRPC context."""

    def set_code(self, code: Any) -> None:
        pass

    def set_details(self, details: str) -> None:
        pass


_CONTEXT = _Context()


async def _unary(name: str, answer: Awaitable[Message], timeout: float) -> Message:
    try:
        with tracing.child(name):
            async with asyncio.timeout(timeout):
                return _copy(await answer)
    except Exception as error:
        raise as_rpc_error(error) from error


async def _stream(answers: AsyncIterator[Message], timeout: float | None) -> AsyncIterator[Message]:
    loop = asyncio.get_running_loop()
    until = None if timeout is None else loop.time() + timeout
    try:
        while True:
            try:
                async with asyncio.timeout_at(until):
                    answer = await anext(answers)
            except StopAsyncIteration:
                return
            yield _copy(answer)
    except Exception as error:
        raise as_rpc_error(error) from error
    finally:
        close = getattr(answers, "aclose", None)
        if close is not None:
            await close()


def _copy(message: Message) -> Message:
    return type(message).FromString(message.SerializeToString())
