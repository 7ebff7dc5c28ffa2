"""Black-box measurements of OpusAgent: added latency and CPU per call-second, as ratios to a bare passthrough.

Audio goes caller -> system -> echoing model -> system -> caller. The caller stamps every 20 ms frame; what comes back
bears the stamp, which proves as well that G.711 passed untranscoded. Everything runs on loopback.
"""

import os

# gRPC looks at it when it is imported; else it tells of every process that the bench starts.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
