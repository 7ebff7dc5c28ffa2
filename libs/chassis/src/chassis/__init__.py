"""What must be identical in every OpusAgent service."""
