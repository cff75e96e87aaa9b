"""Downloads of pictures from URLs that a service names, behind an SSRF guard.

Only listed origins are fetched from, no redirect is followed, and size and time are bounded.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import httpx

from render_worker.errors import BadPicture, EngineError, EngineUnreachable, PhaseTimeout, UnexpectedReply
from render_worker.outbound.client import AS_IT_IS, http_client
from render_worker.outbound.replies import is_compressed, read_body

MAX_PICTURE_BYTES = 20 * 1024 * 1024  # a 768x768 JPEG has less than 100 KB
RETRY_PAUSES = (0.25, 1.0)  # seconds before each retry


@dataclass(frozen=True)
class PictureService:
    """A service, by its name for people, and the origins from which its pictures may be fetched (the SSRF guard)."""

    name: str
    origins: tuple[str, ...]
    """Like https://replicate.delivery; https://*.replicate.delivery allows every direct subdomain."""

    def allows(self, url: str) -> bool:
        """Return whether the URL is on one of the origins."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        host = host_of(parts)
        first, _, rest = host.partition(".")
        below = f"{parts.scheme}://*.{rest}" in self.origins and re.fullmatch("[a-z0-9_-]+", first)
        return bool(below) or f"{parts.scheme}://{host}" in self.origins


def host_of(address: SplitResult) -> str:
    """Return an address's host, with its port if that is not the scheme's own."""
    return address.netloc.lower().removesuffix({"https": ":443", "http": ":80"}.get(address.scheme, "?"))


async def download(
    url: str,
    source: PictureService,
    seconds: float,
    poll_seconds: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes at a URL of `source`, within a timeout of `seconds`.

    With `poll_seconds` a 404 is retried at that interval until the timeout. Transient errors are retried after a pause:
    that costs nothing, and the picture may be paid already. Raises EngineUnreachable, PhaseTimeout, BadPicture, or
    UnexpectedReply, also if the origin is not allowed.
    """
    if not source.allows(url):
        raise UnexpectedReply("The picture's address is on a host from which none is fetched.")
    problem: EngineError = PhaseTimeout(f"{source.name} did not answer within {seconds:g} seconds while downloading.")
    pauses = iter(RETRY_PAUSES)
    try:
        async with asyncio.timeout(seconds), http_client(seconds) as client:
            while True:
                try:
                    return await _fetch(client, url, {**AS_IT_IS, **(headers or {})})
                except _NotFound:
                    problem, pause = picture_missing(seconds if poll_seconds else 0), poll_seconds
                except _Transient as transient:
                    problem, pause = transient.error, next(pauses, None)
                if pause is None:
                    raise problem
                await asyncio.sleep(pause)
    except (TimeoutError, httpx.TimeoutException):
        raise problem from None
    except (httpx.InvalidURL, UnicodeError):
        raise UnexpectedReply("The picture's address is none.") from None


class _NotFound(Exception):
    """Raised if the host has no such picture, or not yet."""


class _Transient(Exception):
    """Raised with an error that a retry may not meet."""

    def __init__(self, error: EngineError) -> None:
        super().__init__(str(error))
        self.error = error


async def _fetch(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> bytes:
    """Return the picture. Raises _NotFound or _Transient if it can be retried; timeouts pass through."""
    try:
        async with client.stream("GET", url, headers=headers, follow_redirects=False) as reply:
            return await _read_picture(reply)
    except httpx.TimeoutException:
        raise
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise _Transient(BadPicture("broken", "The picture's download broke off.")) from error
    except httpx.HTTPError as error:
        raise _Transient(EngineUnreachable("The picture's host cannot be reached.")) from error


async def _read_picture(reply: httpx.Response) -> bytes:
    if reply.status_code == httpx.codes.NOT_FOUND:
        raise _NotFound
    if reply.status_code != httpx.codes.OK:
        unexpected = UnexpectedReply(f"The picture's host answered HTTP {reply.status_code}.")
        raise _Transient(unexpected) if reply.is_server_error else unexpected
    if is_compressed(reply):
        raise BadPicture("unreadable", "The picture came compressed, which nobody asked for.")
    return await read_body(reply, MAX_PICTURE_BYTES, picture_too_large)


def picture_too_large() -> BadPicture:
    """Return the error of a picture that exceeds MAX_PICTURE_BYTES."""
    return BadPicture("too_large", f"The picture is larger than {MAX_PICTURE_BYTES // 2**20} MiB.")


def picture_missing(seconds: float) -> BadPicture:
    """Return the error of a picture that was announced and is not there, after `seconds` if any."""
    within = f" within {seconds:g} seconds" if seconds else ""
    return BadPicture("missing", f"The picture was announced, but not to be had{within}.")
