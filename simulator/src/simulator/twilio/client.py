"""Points the official `twilio` client at another address than https://api.twilio.com."""

from typing import Any
from urllib.parse import urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response


class RedirectedHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """`twilio.rest.Client(sid, token, http_client=RedirectedHttpClient(network.url))`. Blocking, as its parent."""

    def __init__(self, base_url: str, timeout: float | None = None) -> None:
        """`base_url`: scheme, host and port that take the place of Twilio's."""
        super().__init__(timeout=timeout)
        self._base = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """Send the request to the other address."""
        there = urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()
        return super().request(method, there, *args, **kwargs)
