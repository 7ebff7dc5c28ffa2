"""What session counts."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("opusagent_session_requests_total", "Requests by method and outcome", ["method", "code"])
SECONDS = Histogram(
    "opusagent_session_request_seconds",
    "Time to answer a request",
    ["method"],
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)
CONFLICTS = Counter("opusagent_session_conflicts_total", "Writes repeated because somebody else had written first")
EVENTS = Counter("opusagent_session_events_total", "Facts taken in from the log", ["fact"])
PUBLISHED = Counter("opusagent_session_published_total", "Records appended to the log from the outbox", ["topic"])
PUBLISH_FAILURES = Counter("opusagent_session_publish_failures_total", "Attempts to publish that will be repeated")
MESSAGES = Counter("opusagent_session_messages_total", "Incoming SMS by what they asked for", ["wish"])
DROPS = Counter(
    "opusagent_session_drops_total", "Drops by what was decided when the grace period was over", ["outcome"]
)
DIALS = Counter("opusagent_session_dials_total", "CALL replies by outcome", ["outcome"])
SLOTS = Gauge("opusagent_session_slots", "Slots held by live holders at the last renewal", ["role"])
STORE_UP = Gauge("opusagent_session_store_up", "Whether the store answered last time")
