"""The `opusagent` command."""
