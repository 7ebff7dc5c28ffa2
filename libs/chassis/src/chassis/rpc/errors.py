"""How a call fails."""

import grpc
import grpc.aio

from chassis.logging import get_logger

StatusCode = grpc.StatusCode

RETRIABLE = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED})

DEADLINE_SECONDS = 2.0
"""Of one attempt of a unary call, unless the caller passes `timeout`. Streams have none of their own."""

_log = get_logger(__name__)


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


def as_rpc_error(error: Exception) -> RpcError:
    """Return what a client shall see of a failure; a servicer's own defect is logged and hidden behind INTERNAL."""
    if isinstance(error, RpcError):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        return RpcError(error.code(), error.details() or "")
    if isinstance(error, TimeoutError):
        return RpcError(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    if isinstance(error, NotImplementedError):
        return RpcError(StatusCode.UNIMPLEMENTED, "Method not implemented!")
    _log.error("a servicer failed", exc_info=error)
    return RpcError(StatusCode.INTERNAL, f"unexpected {type(error).__name__}")
