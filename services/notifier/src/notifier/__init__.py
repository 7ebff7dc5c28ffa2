"""Delivers SMS and places calls."""
