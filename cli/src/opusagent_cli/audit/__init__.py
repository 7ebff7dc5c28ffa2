"""`opusagent audit` and `opusagent replay`: the decisions of sessions, read from the log."""
