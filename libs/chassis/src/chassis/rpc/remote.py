"""Calls through a channel."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind

from chassis import tracing
from chassis.retry import Backoff, Sleep
from chassis.rpc.errors import DEADLINE_SECONDS, StatusCode, as_rpc_error

RETRY_SECONDS = 5.0
"""How long a unary call is repeated while the service is unavailable."""

Metadata = Sequence[tuple[str, str]]

# Keepalive stays above the 5-minute / 2-pings defaults only because `serve` allows a ping every 5 s.
_OPTIONS = (
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)


def remote(
    stub_class: Callable[[Any], Any],
    target: str,
    *,
    deadline: float = DEADLINE_SECONDS,
    retry_for: float = RETRY_SECONDS,
    sleep: Sleep = asyncio.sleep,
) -> Any:
    """Return a client of the service at `target` (host:port or any gRPC target), balanced over its addresses.

    Unary calls have `deadline` seconds an attempt and are repeated with backoff on UNAVAILABLE for `retry_for` seconds,
    so the service's methods must be idempotent. Await `close()` at the end.
    """
    return _Remote(stub_class, target if ":/" in target else f"dns:///{target}", deadline, retry_for, sleep)


class _Remote:
    def __init__(
        self, stub_class: Callable[[Any], Any], target: str, deadline: float, retry_for: float, sleep: Sleep
    ) -> None:
        self._stub_class = stub_class
        self._target = target
        self._deadline = deadline
        self._retry_for = retry_for
        self._sleep = sleep
        self._channel: grpc.aio.Channel | None = None
        self._stub: Any = None

    async def close(self) -> None:
        """Close the channel; running calls have half a second."""
        channel, self._channel, self._stub = self._channel, None, None
        if channel is not None:
            await channel.close(0.5)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._connected(), name)
        if isinstance(method, grpc.aio.UnaryStreamMultiCallable):
            return lambda request, timeout=None, metadata=None: self._watch(
                method, request, timeout, _with_trace(metadata)
            )

        async def call(request: Message, timeout: float | None = None, metadata: Metadata | None = None) -> Message:
            with tracing.child(name, kind=SpanKind.CLIENT):
                return await self._call(method, request, timeout, _with_trace(metadata))

        return call

    def _connected(self) -> Any:
        if self._stub is None:
            self._channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
            self._stub = self._stub_class(self._channel)
        return self._stub

    async def _call(self, method: Any, request: Message, timeout: float | None, metadata: Metadata) -> Message:
        backoff = Backoff(first=0.05, longest=1.0, sleep=self._sleep)
        give_up = time.monotonic() + self._retry_for
        deadline = self._deadline if timeout is None else timeout
        while True:
            try:
                answer: Message = await method(request, timeout=deadline, metadata=metadata)
                return answer
            except grpc.aio.AioRpcError as error:
                if error.code() is not StatusCode.UNAVAILABLE or time.monotonic() >= give_up:
                    raise as_rpc_error(error) from error
            await backoff.wait()

    async def _watch(
        self, method: Any, request: Message, timeout: float | None, metadata: Metadata
    ) -> AsyncIterator[Message]:
        call = method(request, timeout=timeout, metadata=metadata)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise as_rpc_error(error) from error
        finally:
            call.cancel()


def _with_trace(metadata: Metadata | None) -> Metadata:
    trace = [(name, value.decode()) for name, value in tracing.inject()]
    return [*(metadata or ()), *trace]
