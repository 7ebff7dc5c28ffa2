"""What the gateway counts."""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

CALLS = Gauge("opusagent_gateway_calls", "Live calls", ["channel"])
CALLS_STARTED = Counter("opusagent_gateway_calls_started_total", "Calls taken", ["channel"])
CALLS_REFUSED = Counter("opusagent_gateway_calls_refused_total", "Calls not taken", ["channel", "reason"])
CALLS_ENDED = Counter("opusagent_gateway_calls_ended_total", "Calls ended, by reason", ["reason"])
CALL_SECONDS = Histogram(
    "opusagent_gateway_call_duration_seconds", "Length of calls", buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
)
TRANSFERS = Counter("opusagent_gateway_transfers_total", "Transfers to a human, by outcome", ["channel", "outcome"])
SOCKETS = Gauge("opusagent_gateway_sockets", "Open sockets", ["channel"])
UNSTARTED = Gauge("opusagent_gateway_unstarted_sockets", "Sockets that have not yet said which call they are")
SOCKETS_LOST = Counter("opusagent_gateway_sockets_lost_total", "Sockets that died while their leg lived", ["channel"])
REATTACHED = Counter("opusagent_gateway_calls_reattached_total", "Legs that came back on a new socket", ["channel"])
BAD_MESSAGES = Counter("opusagent_gateway_bad_messages_total", "Messages not as agreed", ["channel", "reason"])
UNKNOWN_MESSAGES = Counter("opusagent_gateway_unknown_messages_total", "Messages of unknown type, ignored", ["channel"])
REJECTED = Counter("opusagent_gateway_rejected_requests_total", "Requests refused before their content", ["reason"])
FRAMES_DROPPED = Counter(
    "opusagent_gateway_frames_dropped_total", "Agent audio not sent because the peer does not read", ["channel"]
)
SEND_QUEUE = Gauge("opusagent_gateway_send_queue_frames", "Agent audio waiting for peers that do not read")
UNDERRUNS = Counter("opusagent_gateway_playout_underruns_total", "Times an item ran dry in its middle", ["channel"])
FLUSHES = Counter("opusagent_gateway_flushes_total", "Barge-ins", ["channel"])
STRAY_ITEMS = Counter("opusagent_gateway_stray_items_total", "Inbox items of calls that are not here")
REST_FAILURES = Counter("opusagent_gateway_rest_failures_total", "Requests to the telephony's REST that failed")


class Traffic:
    """Audio messages and bytes of one channel: plain numbers, for they change with every frame."""

    __slots__ = ("bytes_in", "bytes_out", "frames_in", "frames_out")

    def __init__(self) -> None:
        self.frames_in = 0
        self.bytes_in = 0
        self.frames_out = 0
        self.bytes_out = 0


class TrafficCollector(Collector):
    """Shows the traffic of all channels when it is asked for."""

    def __init__(self) -> None:
        self._channels: dict[str, Traffic] = {}

    def of(self, channel: str) -> Traffic:
        """Return the numbers of a channel."""
        return self._channels.setdefault(channel, Traffic())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return both families."""
        labels = ["channel", "direction"]
        frames = CounterMetricFamily("opusagent_gateway_frames", "Audio messages", labels=labels)
        size = CounterMetricFamily("opusagent_gateway_audio_bytes", "Audio bytes", labels=labels)
        for channel, traffic in list(self._channels.items()):
            frames.add_metric([channel, "in"], traffic.frames_in)
            frames.add_metric([channel, "out"], traffic.frames_out)
            size.add_metric([channel, "in"], traffic.bytes_in)
            size.add_metric([channel, "out"], traffic.bytes_out)
        yield frames
        yield size


TRAFFIC = TrafficCollector()
REGISTRY.register(TRAFFIC)
