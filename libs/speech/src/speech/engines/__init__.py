"""One file per engine. Each imports its package when it loads, not before."""
