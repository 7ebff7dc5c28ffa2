"""Conversation tests in dialogue style: a conversing model's stand-in, the relay's real way to it, the real engine.

What is left out is sound: the caller's words travel spelled out in place of his audio. The gateway's end of the bus is
played too, so that nothing waits for speech to be heard out.
"""
