"""Requests from Twilio to the application: form fields, a signature, a time limit, one retry when it cannot connect."""

from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from simulator.twilio.account import Account, new_sid

TIMEOUT_S = 15.0
MAX_REDIRECTS = 10


class WebhookError(Exception):
    """The application did not answer as it must; `code` is Twilio's (11200 HTTP failure, 11205 connection failure)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `url` is what relative addresses in it refer to."""

    url: str
    content_type: str
    body: bytes


class Webhooks:
    """Sends them; one per network."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def request(self, url: str, fields: dict[str, str], method: str = "POST") -> Answer:
        """Send one and return the answer. Raises WebhookError for anything but a 2xx within the time limit."""
        token = new_sid("WH")
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(url, fields, method, token)
            if response.has_redirect_location:
                url, method = urljoin(url, response.headers["location"]), "GET"
                continue
            if not response.is_success:
                raise WebhookError("11200", f"{url} answered {response.status_code}")
            return Answer(url, response.headers.get("content-type", ""), response.content)
        raise WebhookError("11200", f"{url} redirects more than {MAX_REDIRECTS} times")

    async def _send(self, url: str, fields: dict[str, str], method: str, token: str) -> httpx.Response:
        url = url.partition("#")[0]
        if method.upper() == "GET":
            url = str(httpx.URL(url).copy_merge_params(fields))
            request = self._client.build_request("GET", url)
            request.headers.update(self._account.signature(url, {}))
        else:
            request = self._client.build_request("POST", url, data=fields)
            request.headers.update(self._account.signature(url, fields))
        request.headers["user-agent"] = "TwilioProxy/1.1"
        request.headers["i-twilio-idempotency-token"] = token
        try:
            return await self._client.send(request)
        except httpx.ConnectError:
            return await self._again(request)
        except httpx.HTTPError as error:
            raise WebhookError("11205", f"{url}: {error or type(error).__name__}") from error

    async def _again(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request)
        except httpx.HTTPError as error:
            raise WebhookError("11205", f"{request.url}: {error or type(error).__name__}") from error
