"""Servicers behind a port."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind

from chassis import tracing
from chassis.rpc.errors import as_rpc_error

Registration = tuple[Callable[[Any, Any], None], Any]
"""The generated `add_...Servicer_to_server` and the servicer."""

_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


class RpcServer:
    """A running gRPC server."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self._server = server
        self.port = port

    async def stop(self, grace: float = 1.0) -> None:
        """Accept nothing more; running calls have `grace` seconds."""
        await self._server.stop(grace)


async def serve(registrations: Sequence[Registration], host: str, port: int) -> RpcServer:
    """Serve servicers; port 0 lets the system choose (`.port` tells).

    Raises:
        OSError: the address cannot be had.
    """
    server = grpc.aio.server(interceptors=[_Shell()], options=_OPTIONS)
    for add, servicer in registrations:
        add(servicer, server)
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {host}:{port}: {error}") from error
    await server.start()
    return RpcServer(server, bound)


class _Shell(grpc.aio.ServerInterceptor):
    """Around every method: the caller's trace goes on in it, and what it raises becomes the call's status."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        name = handler_call_details.method
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_unary(name, handler.unary_unary), **codec)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(_stream(name, handler.unary_stream), **codec)
        return handler


def _unary(name: str, method: Callable[[Message, Any], Awaitable[Message]]) -> Callable[[Message, Any], Any]:
    async def call(request: Message, context: Any) -> Message:
        try:
            with tracing.child(name.lstrip("/"), _parent(context), SpanKind.SERVER):
                return await method(request, context)
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await _abort(context, error)
            raise

    return call


def _stream(name: str, method: Callable[[Message, Any], AsyncIterator[Message]]) -> Callable[[Message, Any], Any]:
    async def call(request: Message, context: Any) -> AsyncIterator[Message]:
        try:
            async for answer in method(request, context):
                yield answer
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            await _abort(context, error)

    return call


async def _abort(context: Any, error: Exception) -> None:
    known = as_rpc_error(error)
    await context.abort(known.code, known.message)


def _parent(context: Any) -> Any:
    metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
    return tracing.context_of(metadata)
