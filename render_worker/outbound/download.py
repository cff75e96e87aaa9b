"""Fetching a picture from a host that a service names: only from hosts that are expected, and never without bounds."""

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from render_worker.errors import BadPicture, EngineError, EngineUnreachable, PhaseTimeout, UnexpectedReply
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.replies import is_compressed, read_body

MAX_PICTURE_BYTES = 20 * 1024 * 1024  # a 768x768 JPEG has less than 100 KB
HICCUP_PAUSES = (0.25, 1.0)  # seconds before another attempt


@dataclass(frozen=True)
class Source:
    """A service, by its name for people, and the origins from which its pictures may be fetched."""

    name: str
    origins: tuple[str, ...]
    """Like https://replicate.delivery; https://*.replicate.delivery means every host right below that one."""

    def has(self, url: str) -> bool:
        """Whether the address is on one of the origins."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        first, _, rest = parts.netloc.partition(".")
        below = f"{parts.scheme}://*.{rest}" in self.origins and re.fullmatch("[a-z0-9-]+", first)
        return bool(below) or f"{parts.scheme}://{parts.netloc}" in self.origins


async def download(url: str, source: Source, seconds: float, poll_seconds: float | None = None) -> bytes:
    """The bytes behind an address of that source, within a time; with `poll_seconds` a 404 is asked again until then.

    A hiccup is asked again after a pause: that costs nothing, and the picture may be paid already. EngineUnreachable,
    PhaseTimeout, BadPicture or UnexpectedReply where they are not to be had.
    """
    if not source.has(url):
        raise UnexpectedReply("The picture's address is on a host from which none is fetched.")
    failure: EngineError = PhaseTimeout(f"{source.name} did not answer within {seconds:g} seconds while downloading.")
    pauses = iter(HICCUP_PAUSES)
    try:
        async with asyncio.timeout(seconds), http_client(seconds) as client:
            while True:
                try:
                    return await _attempt(client, url)
                except _NotThere:
                    failure, pause = picture_missing(seconds if poll_seconds else 0), poll_seconds
                except _Hiccup as hiccup:
                    failure, pause = hiccup.failure, next(pauses, None)
                if pause is None:
                    raise failure
                await asyncio.sleep(pause)
    except (TimeoutError, httpx.TimeoutException):
        raise failure from None
    except (httpx.InvalidURL, UnicodeError):
        raise UnexpectedReply("The picture's address is none.") from None


class _NotThere(Exception):
    """The host has no such picture, or not yet."""


class _Hiccup(Exception):
    """What the next attempt need not meet."""

    def __init__(self, failure: EngineError) -> None:
        super().__init__(str(failure))
        self.failure = failure


async def _attempt(client: httpx.AsyncClient, url: str) -> bytes:
    """The picture; the timeouts are the caller's."""
    try:
        async with client.stream("GET", url, headers=AS_IT_IS, follow_redirects=False) as reply:
            return await _picture(reply)
    except httpx.TimeoutException:
        raise
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise _Hiccup(BadPicture("broken", "The picture's download broke off.")) from error
    except httpx.HTTPError as error:
        raise _Hiccup(EngineUnreachable("The picture's host cannot be reached.")) from error


async def _picture(reply: httpx.Response) -> bytes:
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise _NotThere
    if reply.status_code != httpx.codes.OK:
        unexpected = UnexpectedReply(f"The picture's host answered HTTP {reply.status_code}.")
        raise _Hiccup(unexpected) if reply.is_server_error else unexpected
    if is_compressed(reply):
        raise BadPicture("unreadable", "The picture came compressed, which nobody asked for.")
    return await read_body(reply, MAX_PICTURE_BYTES, picture_too_large)


def picture_too_large() -> BadPicture:
    """What a file is that no picture of these sizes needs."""
    return BadPicture("too_large", f"The picture is larger than {MAX_PICTURE_BYTES // 2**20} MiB.")


def picture_missing(seconds: float) -> BadPicture:
    """What a picture is that was announced and never came."""
    within = f" within {seconds:g} seconds" if seconds else ""
    return BadPicture("missing", f"The picture was announced, but not to be had{within}.")
