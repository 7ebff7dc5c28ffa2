"""A stand-in of the OpenAI Realtime API (GA protocol over WebSocket) that hears, speaks and calls tools without a key.

It exists so that the relay's `openai-realtime` backend runs end to end where there is no account. Every event it sends
validates against the `openai` package's types. Its mind is a handful of rules, see `mind`.
"""
