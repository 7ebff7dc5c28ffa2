"""One way to call a gRPC service, whether it lives in this process or behind a channel.

`direct` and `remote` both return an object with the methods of the service's generated `AsyncStub`. Either way a
request is serialised, so nothing is shared by accident, a unary call has a deadline, and a failure is an `RpcError`.
`serve` puts servicers, which raise `RpcError` themselves, behind a port.
"""

from chassis.rpc.direct import direct
from chassis.rpc.errors import RETRIABLE, RpcError, StatusCode
from chassis.rpc.remote import remote
from chassis.rpc.server import Registration, RpcServer, serve

__all__ = [
    "RETRIABLE",
    "Registration",
    "RpcError",
    "RpcServer",
    "StatusCode",
    "direct",
    "remote",
    "serve",
]
