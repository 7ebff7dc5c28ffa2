"""What holds the conversation: one port, and a folder for each implementation."""
