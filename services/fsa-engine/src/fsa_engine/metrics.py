"""What the engine counts."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("opusagent_fsa_events_total", "Events taken in", ["kind"])
EVENTS_REPEATED = Counter("opusagent_fsa_events_repeated_total", "Events that had been stepped and saved before")
EVENTS_DROPPED = Counter("opusagent_fsa_events_dropped_total", "Events that could not be stepped", ["reason"])
KEYS_UNREADABLE = Counter("opusagent_fsa_keys_unreadable_total", "Key presses of private callers that did not open")
STEP_SECONDS = Histogram(
    "opusagent_fsa_step_seconds",
    "From taking an event up to posting its outputs, saving included",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
CONFLICTS = Counter("opusagent_fsa_save_conflicts_total", "Saves refused since another engine had saved in between")
SESSION_RETRIES = Counter("opusagent_fsa_session_retries_total", "Requests to session that were repeated")
SESSIONS = Gauge("opusagent_fsa_sessions_count", "Sessions held in memory")
AGENTS = Gauge("opusagent_fsa_agents_count", "Agent definitions that are served")
AGENTS_BROKEN = Gauge("opusagent_fsa_agents_broken_count", "Agent definitions that are not served")
RELOADS = Counter("opusagent_fsa_agent_reloads_total", "Times that changed agents were loaded")
TOOL_CALLS = Counter("opusagent_fsa_tool_calls_total", "Tool calls that ended", ["tool", "outcome"])
TOOL_SECONDS = Histogram("opusagent_fsa_tool_seconds", "How long tool calls took", ["tool"])
TOOL_SERVER_RESTARTS = Counter("opusagent_fsa_tool_server_restarts_total", "Lost tool servers", ["server"])
TOOL_SERVERS_UP = Gauge("opusagent_fsa_tool_servers_up_count", "Tool servers that are connected")
INTENTS_ORPHANED = Counter("opusagent_fsa_intents_orphaned_total", "Sessions whose open intents had lost their engine")
TASK_TOOL_CALLS = Counter("opusagent_fsa_task_tool_calls_total", "Calls of tasks over MCP", ["tool", "outcome"])
INTENT_DECISIONS = Counter("opusagent_fsa_intent_decisions_total", "How it was found out what words mean", ["kind"])
EMBEDDING_SECONDS = Histogram(
    "opusagent_fsa_embedding_seconds",
    "How long words were compared with phrases",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
)
EMBEDDINGS_LATE = Counter("opusagent_fsa_embeddings_late_total", "Steps that went on without a comparison")
REASONINGS = Counter("opusagent_fsa_reasonings_total", "Times that a model was asked to reason", ["outcome"])
REASONING_SECONDS = Histogram("opusagent_fsa_reasoning_seconds", "How long models reasoned")
