"""Runs Finite State Agents, whose rules have the last word."""
