"""What the gateway decides, without I/O, clock or randomness: wire formats, the state of a call, what is kept of it."""
