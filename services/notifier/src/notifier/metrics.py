"""What the notifier counts."""

from prometheus_client import Counter, Gauge, Histogram

COMMANDS = Counter("opusagent_notifier_commands_total", "Commands by kind and how they ended", ["kind", "outcome"])
ATTEMPTS = Counter("opusagent_notifier_attempts_total", "Attempts at the provider by outcome", ["provider", "outcome"])
LOOKUPS = Counter("opusagent_notifier_lookups_total", "Look-ups after unclear attempts by outcome", ["outcome"])
PENDING = Gauge("opusagent_notifier_pending", "Commands taken in and not ended yet")
SECONDS = Histogram(
    "opusagent_notifier_seconds",
    "From the request to the outcome",
    ["kind"],
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
)
