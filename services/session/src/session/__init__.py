"""Keeps sessions, decides when to notify and to dial."""
