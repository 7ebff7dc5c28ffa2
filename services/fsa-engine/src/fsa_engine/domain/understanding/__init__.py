"""What callers say, understood: words to values, and values back to words. Deterministic, English, no I/O."""
