"""One exchange with a service over HTTP: its reply whole and bounded, or an EngineError about it."""

import asyncio
import binascii
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from render_worker.errors import BadPicture, EngineUnreachable, NotConnected, PhaseTimeout, UnexpectedReply
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.download import MAX_PICTURE_BYTES, picture_too_large
from render_worker.outbound.replies import is_compressed, json_object, read_body

CONNECT_SECONDS = 10.0
MAX_BASE64 = MAX_PICTURE_BYTES * 4 // 3 + 1024  # characters; some services wrap a data URL around it
MAX_REPLY_BYTES = MAX_BASE64 + 2**20  # a picture may come within the reply, and some JSON around it
DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """A service's reply, whatever its status."""

    service: str
    """The service's name for people."""
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def is_success(self) -> bool:
        """Return whether the status is one of 200 to 299."""
        return httpx.codes.is_success(self.status)

    @property
    def document(self) -> dict[str, object]:
        """Return the JSON object that the body is; an empty one if it is none, as of a refusal by a gateway."""
        return self._object or {}

    def required_document(self) -> dict[str, object]:
        """Return the JSON object that the body is. Raises UnexpectedReply if it is none."""
        if self._object is None:
            raise UnexpectedReply(f"{self.service} answered something else than a JSON object.")
        return self._object

    @cached_property
    def _object(self) -> dict[str, object] | None:
        return json_object(self.body)  # once: it may hold a picture


@dataclass(frozen=True)
class HttpService:
    """A service over HTTP: its name for people, and the limits of an exchange with it."""

    name: str
    seconds: float
    """Of the whole exchange; the connection has CONNECT_SECONDS of it at most."""
    max_reply_bytes: int = MAX_REPLY_BYTES

    def client(self) -> httpx.AsyncClient:
        """Return a client with these limits, for several exchanges."""
        client = http_client(self.seconds)
        client.timeout = httpx.Timeout(self.seconds, connect=min(self.seconds, CONNECT_SECONDS))
        return client

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        client: httpx.AsyncClient | None = None,
        **body: Any,
    ) -> Reply:
        """Send a request and return the reply; no redirect is followed.

        `body` is httpx's `json`, `data`, `files`, `content` or `params`. With no `client` it gets one of its own.
        Raises PhaseTimeout or EngineUnreachable if there is no reply, UnexpectedReply if it is compressed unasked or
        larger than MAX_REPLY_BYTES. Being cancelled closes the connection.
        """
        if client is None:
            async with self.client() as own:
                return await self.exchange(method, url, headers=headers, client=own, **body)
        async with self.opened(method, url, headers=headers, client=client, **body) as reply:
            return await self.whole(reply)

    async def whole(self, reply: httpx.Response) -> Reply:
        """Return a reply with its body. Raises UnexpectedReply if that is larger than MAX_REPLY_BYTES."""
        content = await read_body(reply, self.max_reply_bytes, self.too_large)
        return Reply(self.name, reply.status_code, reply.headers, content)

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, url: str, *, headers: Mapping[str, str] | None, client: httpx.AsyncClient, **body: Any
    ) -> AsyncIterator[httpx.Response]:
        """Send a request and yield the reply, its body unread; errors are those of `exchange`, while reading too."""
        try:
            async with (
                asyncio.timeout(self.seconds),  # the client's own limits each step: a reply may come in drips
                client.stream(
                    method, url, headers={**AS_IT_IS, **(headers or {})}, follow_redirects=False, **body
                ) as reply,
            ):
                if is_compressed(reply):
                    raise UnexpectedReply(f"{self.name}'s reply came compressed unasked.")
                yield reply
        except (TimeoutError, httpx.TimeoutException):
            raise PhaseTimeout(f"{self.name} did not answer within {self.seconds:g} seconds.") from None
        except httpx.ConnectError as error:
            raise NotConnected(f"{self.name} cannot be reached.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EngineUnreachable(f"{self.name} cannot be reached.") from error

    def too_large(self) -> UnexpectedReply:
        """Return the error of a reply that exceeds its bound."""
        return UnexpectedReply(f"{self.name}'s reply is larger than any that is expected.")


def picture_in_base64(text: object, service: str) -> bytes:
    """Return the picture of base64 or of a data URL. Raises BadPicture for anything else."""
    if not isinstance(text, str) or not text:
        raise BadPicture("missing", f"{service}'s reply holds no picture.")
    if len(text) > MAX_BASE64:
        raise picture_too_large()
    prefix = DATA_URL.match(text[:200])
    try:
        return binascii.a2b_base64(text[prefix.end() if prefix else 0 :].encode("ascii"), strict_mode=True)
    except ValueError:  # binascii.Error is one; text that is not ASCII is another
        raise BadPicture("broken", f"{service}'s picture is no base64.") from None
