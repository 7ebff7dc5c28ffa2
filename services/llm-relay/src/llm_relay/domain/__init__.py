"""What a conversation is, without I/O and without a clock: time comes in as milliseconds."""
