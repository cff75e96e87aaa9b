"""One HTTP exchange with a storage's service: within a timeout, without redirects, the response's size bounded."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.replies import json_object, read_body, retry_after
from render_worker.storages.base import Storage
from render_worker.storages.errors import timed_out, too_large_reply, unreachable

MAX_BODY_BYTES = 256 * 1024
MAX_RETRY_AFTER_SECONDS = 86_400  # no limit of these services lasts longer
PICTURE_URL = re.compile(r"https?://[!-~]{1,500}")


@dataclass(frozen=True)
class ServiceResponse:
    """A service's response."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def retry_after(self) -> int | None:
        """Return the header's seconds, a day at most; None if it has no number of seconds."""
        return retry_after(self.headers.get("retry-after"), MAX_RETRY_AFTER_SECONDS) or None

    @property
    def document(self) -> dict[str, object]:
        """Return the JSON object of the body; it is empty if the body is no JSON object."""
        return json_object(self.body) or {}


async def send(
    service: type[Storage], method: str, url: str, seconds: float, headers: Mapping[str, str] | None = None, **body: Any
) -> ServiceResponse:
    """Send one request and return the response; `body` has httpx's keyword arguments for the request's body.

    Raises ServiceFailed if there is no complete response within `seconds`.
    """
    try:
        async with (
            asyncio.timeout(seconds),
            http_client(seconds) as client,
            client.stream(method, url, headers={**(headers or {}), **AS_IT_IS}, **body) as response,
        ):
            data = await read_body(response, MAX_BODY_BYTES, lambda: too_large_reply(service))
            return ServiceResponse(response.status_code, response.headers, data)
    except (TimeoutError, httpx.TimeoutException):
        raise timed_out(service, seconds) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(service) from error
