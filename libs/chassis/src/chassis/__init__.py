"""What must be identical in every OpusAgent service."""

import os

# gRPC reads it when it is first used. Its handlers for a fork start threads in the child, which can crash before it has
# become the program that was to be run; no child of ours goes on with gRPC.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
