"""The far end of every measurement: an echoing stand-in of the Realtime API, and a plain echo for the floor.

`/v1/realtime` speaks enough of the GA protocol to hold a session and returns each appended frame of audio at once as a
`response.output_audio.delta`, after the first second, so that what piled up while the session opened does not become
standing delay. Any other path echoes text frames as they are.
"""

import argparse
import asyncio
import contextlib
import json
import time

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

APPEND = b'"input_audio_buffer.append"'
AUDIO = b'"audio":'
QUIET_FRAMES = 50


class PlainEcho(WSListener):
    """Returns every text frame."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Echo."""
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())


class EchoingModel(WSListener):
    """A Realtime session that says back what it hears."""

    def __init__(self) -> None:
        self._heard = 0
        self._events = 0
        self._speaking = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Greet with session.created."""
        self._send(transport, {"type": "session.created", "session": self._session({})})

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Echo audio; answer the few other events that a client sends."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        if APPEND in text[:80] or APPEND in text[-80:]:
            self._echo(transport, text)
            return
        event = json.loads(text)
        if event["type"] == "session.update":
            self._send(transport, {"type": "session.updated", "session": self._session(event["session"])})
        elif event["type"] == "response.create":
            self._send(transport, {"type": "response.created", "response": self._response("in_progress")})
            self._send(transport, {"type": "response.done", "response": self._response("completed")})

    def _echo(self, transport: WSTransport, text: bytes) -> None:
        self._heard += 1
        if self._heard < QUIET_FRAMES:
            return
        if not self._speaking:
            self._speaking = True
            self._send(transport, {"type": "response.created", "response": self._response("in_progress", "resp_echo")})
            item = {"id": "item_echo", "object": "realtime.item", "type": "message", "role": "assistant", "content": []}
            self._send(
                transport,
                {"type": "response.output_item.added", "response_id": "resp_echo", "output_index": 0, "item": item},
            )
        begin = text.index(b'"', text.index(AUDIO) + len(AUDIO)) + 1
        audio = text[begin : text.index(b'"', begin)]
        self._events += 1
        transport.send(
            WSMsgType.TEXT,
            b'{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_echo",'
            b'"item_id":"item_echo","output_index":0,"content_index":0,"delta":"%b"}' % (self._events, audio),
        )

    def _send(self, transport: WSTransport, event: dict[str, object]) -> None:
        self._events += 1
        transport.send(WSMsgType.TEXT, json.dumps({"event_id": f"event_{self._events}", **event}).encode())

    @staticmethod
    def _session(update: dict[str, object]) -> dict[str, object]:
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_echo",
            "model": "echo",
            "expires_at": int(time.time()) + 3600,
            **update,
        }

    @staticmethod
    def _response(status: str, response_id: str = "resp_0") -> dict[str, object]:
        return {"id": response_id, "object": "realtime.response", "status": status, "output": [], "metadata": {}}


def listener(request: WSUpgradeRequest) -> WSListener:
    """Choose by path."""
    return EchoingModel() if b"/realtime" in request.path else PlainEcho()


async def serve(port: int) -> None:
    """Serve until terminated; prints the port."""
    server = await ws_create_server(listener, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await server.serve_forever()


def main() -> None:
    """Command line of the echo process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
