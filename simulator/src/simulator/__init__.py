"""Telephony callers, personalities and stand-ins of the vendors' APIs."""
