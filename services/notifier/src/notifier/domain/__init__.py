"""Decisions of delivery: pure, no I/O."""
