"""That a request is Twilio's, and that a stream is one we asked for.

Signatures cover the *public* URL, so it comes from the settings and never from the request's own headers. On the
WebSocket upgrade Twilio signs the `wss://` URL of the TwiML without parameters. The scheme has no timestamp, so a
stream also carries a nonce: bound to its CallSid and parties, short-lived, and good for one stream per process.

Source: twilio.com/docs/usage/webhooks/webhooks-security, twilio-python `request_validator`.
"""

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from twilio.request_validator import (
    HMAC_SHA1,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from chassis.ids import Clock

MAX_USED = 10_000


class Signatures:
    """Checks `X-Twilio-Signature`; accepts everything where no auth token is configured."""

    def __init__(self, auth_token: str, shared_key: str, public_url: str) -> None:
        self._token = RequestValidator(auth_token) if auth_token else None
        self._shared = RequestValidator(shared_key) if shared_key else None
        self._public_url = public_url

    @property
    def enforced(self) -> bool:
        """Whether requests are checked."""
        return self._token is not None

    def request_ok(self, path_and_query: str, parameters: Any, headers: Mapping[str, str]) -> bool:
        """Check a webhook request; `parameters` are all its form fields."""
        return self._ok([self._public_url + path_and_query], parameters, headers)

    def upgrade_ok(self, path: str, headers: Mapping[str, str]) -> bool:
        """Check a WebSocket upgrade request."""
        base = "ws" + self._public_url.removeprefix("http")
        scheme, _, rest = base.partition("://")
        host, slash, prefix = rest.partition("/")
        urls = [base + path, base + path + "/"]
        if ":" not in host:
            # The SDK's own variant for wss names port 80.
            urls.append(f"{scheme}://{host}:443{slash}{prefix}{path}")
        return self._ok(urls, {}, headers)

    def _ok(self, urls: list[str], parameters: Any, headers: Mapping[str, str]) -> bool:
        if self._token is None:
            return True
        signature = headers.get(SIGNATURE_HEADER, "")
        settings = headers.get(SIGNATURE_SETTINGS_HEADER, "")
        algorithm = get_signature_algorithm(settings)
        validator = self._shared if settings else self._token
        if validator is None or not signature or not signature.isascii():
            return False
        return any(validator.validate(url, parameters, signature, algorithm or HMAC_SHA1) for url in urls)


class Nonces:
    """Makes and checks the nonce that a stream's `start` must carry."""

    def __init__(self, secret: str, clock: Clock, seconds: float) -> None:
        self._key = (secret or secrets.token_hex(32)).encode()
        self._required = bool(secret)
        self._clock = clock
        self._lifetime_ms = int(seconds * 1000)
        self._used: OrderedDict[str, None] = OrderedDict()

    def make(self, call_sid: str, parameters: Mapping[str, str]) -> str:
        """Return a nonce for one stream of a call with these parameters."""
        body = f"{self._clock() + self._lifetime_ms}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign(body, call_sid, parameters)}"

    def take(self, nonce: str, call_sid: str, parameters: Mapping[str, str]) -> bool:
        """Use a nonce up. Without an auth token an absent one is accepted; a wrong one never is."""
        if not nonce and not self._required:
            return True
        body, _, signature = nonce.rpartition(".")
        expires, _, _ = body.partition(".")
        if not nonce.isascii() or not hmac.compare_digest(signature, self._sign(body, call_sid, parameters)):
            return False
        if int(expires) < self._clock() or nonce in self._used:
            return False
        self._used[nonce] = None
        if len(self._used) > MAX_USED:
            self._used.popitem(last=False)
        return True

    def _sign(self, body: str, call_sid: str, parameters: Mapping[str, str]) -> str:
        fields = [body, call_sid, *(f"{name}={parameters.get(name, '')}" for name in SIGNED)]
        return hmac.new(self._key, "\n".join(fields).encode(), hashlib.sha256).hexdigest()


SIGNED = ("from", "to", "direction", "session", "transfer")
"""The stream's parameters; all of them decide who the caller is, which session goes on, and what he comes back from."""
