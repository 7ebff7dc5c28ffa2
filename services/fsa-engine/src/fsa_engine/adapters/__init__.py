"""One file per thing outside of the engine."""
