"""Metrics that every adapter of the bus feeds."""

from prometheus_client import Counter, Gauge

POSTED = Counter("opusagent_bus_posted_records_total", "Inbox records sent", ["topic"])
DROPPED = Counter(
    "opusagent_bus_dropped_items_total", "Inbox items given up before they were sent", ["topic", "reason"]
)
UNHEARD = Counter("opusagent_bus_unheard_records_total", "Inbox records to a slot that nobody listens to", ["topic"])
APPENDED = Counter("opusagent_bus_appended_records_total", "Log records that became durable", ["topic"])
APPEND_ERRORS = Counter("opusagent_bus_append_errors_total", "Log records not known to be durable", ["topic"])
HANDLER_ERRORS = Counter("opusagent_bus_handler_errors_total", "Records whose handler raised", ["topic"])
RESTARTS = Counter("opusagent_bus_reader_restarts_total", "Readers recreated after an error or a standstill", ["topic"])
CONNECTED = Gauge("opusagent_bus_connected", "1 while the broker answers")
