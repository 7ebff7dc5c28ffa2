"""The load generator: many Twilio Media Streams callers in one process, on real time.

Reports one JSON line on standard output: latency samples summed up, frames lost and the number of live calls. It uses a
C WebSocket client so that it takes little of the machine that it measures.
"""

import argparse
import asyncio
import base64
import json
import statistics
import sys
import time
from dataclasses import dataclass, field

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

FRAME_MS = 20
FRAME_BYTES = 160
MAGIC = b"\x11\x22\x33\x44"
MEDIA = b'{"event":"media"'
PAYLOAD = b'"payload":"'


def stamp(number: int) -> bytes:
    """Return 20 ms of mu-law that carries a frame number."""
    return MAGIC + number.to_bytes(4, "big") + b"\xff" * (FRAME_BYTES - 8)


def numbers_in(audio: bytes) -> list[int]:
    """Return the frame numbers found in audio, which may hold several frames."""
    found, at = [], audio.find(MAGIC)
    while at >= 0:
        found.append(int.from_bytes(audio[at + 4 : at + 8], "big"))
        at = audio.find(MAGIC, at + 8)
    return found


@dataclass
class Call(WSListener):
    """One caller: sends a stamped frame every 20 ms and times its return."""

    number: int
    sent: dict[int, float] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)
    frames_sent: int = 0
    transport: WSTransport | None = None
    measuring: bool = False
    lost_connection: bool = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Open the stream as Twilio does."""
        self.transport = transport
        sid = f"MZ{self.number:032x}"
        start = {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": sid,
            "start": {
                "accountSid": "AC" + "0" * 32,
                "streamSid": sid,
                "callSid": f"CA{time.time_ns():016x}{self.number:016x}",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"from": f"+1555{self.number:07d}", "to": "+15550199"},
            },
        }
        self._send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._send(start)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Match returned audio with what was sent; echo marks as played at once."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        begin = text.find(PAYLOAD)
        if begin < 0:
            if b'"mark"' in text:
                transport.send(WSMsgType.TEXT, text)
            return
        begin += len(PAYLOAD)
        now = time.perf_counter()
        for number in numbers_in(base64.b64decode(text[begin : text.index(b'"', begin)])):
            at = self.sent.pop(number, None)
            if at is not None:
                self.latencies_ms.append((now - at) * 1000)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note a call that the system dropped."""
        self.lost_connection = True
        self.transport = None

    def tick(self) -> None:
        """Send the next frame."""
        if self.transport is None:
            return
        self.frames_sent += 1
        payload = base64.b64encode(stamp(self.frames_sent)).decode()
        media = (
            f'{{"event":"media","sequenceNumber":"{self.frames_sent + 1}","media":{{"track":"inbound","chunk":'
            f'"{self.frames_sent}","timestamp":"{self.frames_sent * FRAME_MS}","payload":"{payload}"}},'
            f'"streamSid":"MZ{self.number:032x}"}}'
        )
        if self.measuring:
            self.sent[self.frames_sent] = time.perf_counter()
        self.transport.send(WSMsgType.TEXT, media.encode())

    def begin_measuring(self) -> None:
        """Forget the warm-up."""
        self.sent.clear()
        self.latencies_ms.clear()
        self.measuring = True

    def _send(self, message: object) -> None:
        assert self.transport is not None
        self.transport.send(WSMsgType.TEXT, json.dumps(message).encode())


async def speak(call: Call, until: float) -> None:
    """Send a frame every 20 ms, without drift, until a moment of the loop's clock."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while due < until:
        call.tick()
        due += FRAME_MS / 1000
        await asyncio.sleep(max(0.0, due - loop.time()))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie."""
    return values[min(len(values) - 1, int(len(values) * share))]


def summary(calls: list[Call]) -> dict[str, float]:
    """Sum up what all callers measured."""
    latencies = sorted(value for call in calls for value in call.latencies_ms)
    unanswered = sum(len(call.sent) for call in calls)
    if not latencies:
        return {"frames": 0, "lost": unanswered, "dropped_calls": sum(c.lost_connection for c in calls)}
    return {
        "frames": len(latencies),
        "lost": unanswered,
        "dropped_calls": sum(call.lost_connection for call in calls),
        "p50_ms": round(statistics.median(latencies), 3),
        "p95_ms": round(percentile(latencies, 0.95), 3),
        "p99_ms": round(percentile(latencies, 0.99), 3),
        "max_ms": round(latencies[-1], 3),
    }


async def run(url: str, count: int, warm_up: float, seconds: float) -> dict[str, float]:
    """Hold `count` calls, measure for `seconds` after `warm_up`; tells on stdout when it starts and stops measuring."""
    loop = asyncio.get_running_loop()
    ramp = count * 0.05
    until = loop.time() + ramp + warm_up + seconds + 0.5
    calls: list[Call] = []
    speaking: list[asyncio.Task[None]] = []
    for number in range(count):
        call = Call(number)
        calls.append(call)
        await ws_connect(lambda call=call: call, url)
        speaking.append(asyncio.create_task(speak(call, until)))
        await asyncio.sleep(0.05)
    await asyncio.sleep(warm_up)
    for call in calls:
        call.begin_measuring()
    print("measuring", flush=True)
    await asyncio.sleep(seconds)
    for call in calls:
        call.measuring = False
    print("measured", flush=True)
    await asyncio.gather(*speaking)
    result = summary(calls)
    for call in calls:
        if call.transport is not None:
            call.transport.disconnect()
    return result


def main() -> None:
    """Command line of the generator process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--warm-up", type=float, default=3.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    args = parser.parse_args()
    result = uvloop.run(run(args.url, args.calls, args.warm_up, args.seconds))
    json.dump(result, sys.stdout)
    print(flush=True)


if __name__ == "__main__":
    main()
