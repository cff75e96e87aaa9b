"""One exchange with a storage that is asked by HTTP: within a time, without redirects, and never without bounds."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.replies import json_object, read_body, retry_after
from render_worker.storages.base import Storage
from render_worker.storages.failures import too_late, too_much, unreachable

MAX_REPLY_BYTES = 256 * 1024
LONGEST_REST_SECONDS = 86_400  # no limit of theirs lasts longer


@dataclass(frozen=True)
class Reply:
    """What a service answered."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def retry_after(self) -> int | None:
        """The header's seconds, a day at most; None if it names none."""
        return retry_after(self.headers.get("retry-after"), LONGEST_REST_SECONDS) or None

    @property
    def document(self) -> dict[str, object]:
        """The JSON object of the body; empty where it is none."""
        return json_object(self.body) or {}


async def ask(
    service: type[Storage], method: str, url: str, seconds: float, headers: Mapping[str, str] | None = None, **body: Any
) -> Reply:
    """Send one request; `body` is what httpx takes for one. ServiceFailed where there is no whole reply in time."""
    try:
        async with (
            asyncio.timeout(seconds),
            http_client(seconds) as client,
            client.stream(method, url, headers={**(headers or {}), **AS_IT_IS}, **body) as reply,
        ):
            body_read = await read_body(reply, MAX_REPLY_BYTES, lambda: too_much(service))
            return Reply(reply.status_code, reply.headers, body_read)
    except (TimeoutError, httpx.TimeoutException):
        raise too_late(service, seconds) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(service) from error
