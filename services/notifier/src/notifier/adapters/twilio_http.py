"""The HTTP client under the official Twilio client: any base URL, and failures by whether the request can have arrived.

No connection is kept alive: a request on a connection that the other side is just closing would be lost without an
answer, and every such loss costs a look-up.
"""

import asyncio
import logging
from typing import Any

import httpx
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from notifier.domain.outcomes import NotNow, Unclear

TWILIO = "https://api.twilio.com"

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class HttpxClient(AsyncHttpClient):  # type: ignore[misc]
    """Sends what is meant for api.twilio.com to `base_url`; `timeout` in seconds bounds each request."""

    def __init__(self, base_url: str, timeout: float) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True, timeout=timeout)
        self._base_url = base_url.rstrip("/")
        self._seconds = timeout
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(timeout, connect=timeout / 2), limits=limits)

    async def request(  # noqa: PLR0917 - the official client calls it so
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Make one request.

        Raises:
            NotNow: it did not reach the provider.
            Unclear: it may have reached the provider, whose answer did not come.
        """
        url = self._base_url + uri.removeprefix(TWILIO) if self._base_url else uri
        options: dict[str, Any] = {"params": params, "data": data, "headers": headers, "auth": auth}
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.request(method.upper(), url, follow_redirects=allow_redirects, **options)
        except _NOT_SENT as error:
            raise NotNow(f"Twilio cannot be reached: {type(error).__name__}") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unclear(f"no answer from Twilio: {type(error).__name__}") from error
        return Response(answer.status_code, answer.text, answer.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
