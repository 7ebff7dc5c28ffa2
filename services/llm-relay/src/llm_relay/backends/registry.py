"""The backends by name."""

from collections.abc import Callable, Mapping

from llm_relay.backends.local.backend import LocalBackend
from llm_relay.backends.openai_realtime.backend import RealtimeBackend
from llm_relay.backends.port import Backend
from llm_relay.settings import BackendName, RelaySettings

Backends = Mapping[BackendName, Callable[[RelaySettings], Backend]]

BACKENDS: Backends = {
    BackendName.LOCAL: LocalBackend.of,
    BackendName.OPENAI_REALTIME: RealtimeBackend.of,
}
