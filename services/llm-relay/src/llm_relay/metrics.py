"""What the relay counts."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Gauge("opusagent_relay_calls_live", "Live calls")
RESPONSE = Histogram(
    "opusagent_relay_response_seconds",
    "Response time by stage; total: end of the caller's speech to the first agent audio",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0),
)
TURNS = Counter("opusagent_relay_turns_total", "Turns taken", ["speaker"])
UNCLEAR = Counter("opusagent_relay_unclear_turns_total", "Caller turns without words that can be believed")
BARGE_INS = Counter("opusagent_relay_barge_ins_total", "Times the caller stopped the agent")
NO_INPUTS = Counter("opusagent_relay_no_inputs_total", "Silences that lasted longer than a question allowed")
STRAY = Counter("opusagent_relay_stray_items_total", "Items of calls that this relay does not know")
GATED = Counter("opusagent_relay_gated_items_total", "Items of speech that the engine's verdict kept from the caller")
UNREPORTED = Counter("opusagent_relay_unreported_items_total", "Items of speech whose end the gateway never reported")
