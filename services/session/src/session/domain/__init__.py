"""Decisions about sessions: pure, on records that are passed in; no I/O, no clock, no randomness."""
