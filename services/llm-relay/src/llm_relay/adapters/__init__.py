"""What the relay talks to: the engine, the gateway, session, the event loop's timers."""
