"""The pure core: definitions, rules, understanding and the step. No I/O, no clock, no randomness."""
