"""A WebSocket torn by a TCP reset, as when a process is killed or a middlebox forgets a connection."""

import socket
import struct

from websockets.asyncio.client import ClientConnection


def reset(connection: ClientConnection) -> None:
    """Drop the connection at once: the far end reads a reset, no close frame, no FIN."""
    transport = connection.transport
    raw = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
