"""Holds one speech-to-speech model session per call."""
