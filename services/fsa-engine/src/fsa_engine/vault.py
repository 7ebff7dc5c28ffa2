"""What is sensitive in a session, under the session's key."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from chassis import sealing
from chassis.sealing import SealError
from fsa_engine.domain.snapshot import SEALED, Seal, Unseal


class Vault:
    """Seals and opens for one session. Where session gives no key any more, a key that nobody keeps takes its place:
    what is sealed then is lost with this object, and nothing goes out unsealed."""

    def __init__(self, session_id: str, key: bytes = b"") -> None:
        self._session_id = session_id
        self._key = key or sealing.new_key()

    def seal(self, plain: str) -> str:
        """Seal a text."""
        return sealing.seal_text(self._key, self._session_id, plain)

    def unseal(self, sealed: str) -> str | None:
        """Open a text; None where that cannot be done any more."""
        try:
            return sealing.unseal_text(self._key, self._session_id, sealed)
        except SealError:
            return None

    def digit(self, sealed: bytes) -> str:
        """Open a key press of a private caller. Raises SealError."""
        try:
            return sealing.unseal(self._key, self._session_id, sealed).decode("ascii")
        except UnicodeDecodeError:
            raise SealError("not a key press") from None


def sealed_payload(payload: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """Return an intent's payload with the values sealed that it names as sensitive (see `domain.outputs.Intent`)."""

    def close(value: Any) -> Any:
        return {SEALED: seal(orjson.dumps(value).decode())}

    return _with_sensitive(payload, close)


def opened_payload(payload: Mapping[str, Any], unseal: Unseal) -> dict[str, Any]:
    """Undo `sealed_payload`. Raises SealError where the key is gone."""

    def open_(value: Any) -> Any:
        if not isinstance(value, Mapping) or SEALED not in value:
            return value
        text = unseal(value[SEALED])
        if text is None:
            raise SealError("what the intent needs was sealed under a key that is gone")
        return orjson.loads(text)

    return _with_sensitive(payload, open_)


def _with_sensitive(payload: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    made, names = dict(payload), set(payload.get("sensitive") or ())
    for part in ("arguments", "context"):
        if names and isinstance(made.get(part), Mapping):
            made[part] = {name: change(value) if name in names else value for name, value in made[part].items()}
    if isinstance(made.get("lookup"), Mapping):
        made["lookup"] = _with_sensitive(made["lookup"], change)
    return made
