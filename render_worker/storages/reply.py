"""One exchange with a storage that is asked by HTTP: within a time, without redirects, and never without bounds."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.replies import json_object
from render_worker.storages.base import Storage
from render_worker.storages.failures import ServiceFailed, too_late, unreachable

MAX_REPLY_BYTES = 256 * 1024
LONGEST_REST_SECONDS = 86_400  # no limit of theirs lasts longer
SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Reply:
    """What a service answered."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def retry_after(self) -> int | None:
        """The header's seconds, a day at most; None if it names none."""
        told = self.headers.get("retry-after", "")
        return min(int(told), LONGEST_REST_SECONDS) or None if SECONDS.fullmatch(told) else None

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
            data = b""
            async for chunk in reply.aiter_raw():
                data += chunk
                if len(data) > MAX_REPLY_BYTES:
                    raise ServiceFailed(
                        service, "unexpected_reply", f"{service.title} answered far more than a result."
                    )
            return Reply(reply.status_code, reply.headers, data)
    except (TimeoutError, httpx.TimeoutException):
        raise too_late(service, seconds) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(service) from error
