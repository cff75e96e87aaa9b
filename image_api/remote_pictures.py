"""The bytes of a picture that was made, from wherever it is kept: the render worker's folder or a storage outside."""

import ipaddress
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3
from urllib3.connectionpool import HTTPSConnectionPool

from image_api.dispatch.direct import DirectDispatch
from image_api.dispatch.validation import number_of
from image_api.errors import PictureDeleted, PictureUnavailable
from image_api.outbound.guarded_http import GuardedAdapter, GuardedHTTPSConnection, GuardedSession
from render_worker.contract import IMAGE_NAME, GenerateResult

MAX_PICTURE_BYTES = 40 * 1024 * 1024
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 10.0  # between two pieces
READ_SECONDS = 300.0  # for the whole, which a slow reader takes his time for
CHUNK_BYTES = 64 * 1024
MAX_TOLD = 20  # characters of a length that is none
GONE = 410
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # in its last bits is the address that it leads to (RFC 6052)
LAST_BITS = 2**32 - 1
LEADING_ELSEWHERE = [  # Teredo, a site's own, a site's own translator, and IPv4's addresses in forms of before
    ipaddress.IPv6Network(it) for it in ("2001::/32", "fec0::/10", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
]
OURS = re.compile(rf"/images/({IMAGE_NAME})")
NAMED = re.compile(rf".*/({IMAGE_NAME})")
HOST_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*")  # no address, and no name without a dot


class RemotePictures:
    """Reads pictures by the addresses that results have. Thread-safe.

    The worker names the address, and a storage may be anybody's: only public hosts are asked, by https, and no
    redirect is followed, so that nobody inside this network can be reached through it but at the origins that the
    operator named.
    """

    def __init__(self, dispatch: DirectDispatch, origins: tuple[str, ...] = ()) -> None:
        self._dispatch = dispatch
        # With its slash what begins so is at that origin to every reader of addresses.
        self._trusted = tuple(f"{origin}/" for origin in origins)
        self._session = GuardedSession()
        self._session.mount("https://", _PublicAdapter())
        for beginning in self._trusted:
            self._session.mount(beginning, GuardedAdapter())

    def open(self, result: GenerateResult) -> "PictureContent":
        """The picture's bytes, as they come; PictureUnavailable where they cannot be had, PictureDeleted where
        the operator wanted it so, another ApiError where no worker can be had. The caller closes it.
        """
        ours = OURS.fullmatch(result.image_url)
        reply = self._dispatch.image(ours[1], "GET", {}) if ours else self._from_outside(result.image_url)
        if reply.status_code != requests.codes.ok:
            reply.close()
            gone = reply.status_code in (requests.codes.not_found, GONE)
            # S3 answers 403 to a signed link whose key may not list the bucket, where there is nothing.
            unsure = gone or reply.status_code == requests.codes.forbidden
            if unsure and self._was_deleted(reply, result.image_url):
                raise PictureDeleted
            sentence = f"The picture was made, but its host answered HTTP {reply.status_code}."
            raise PictureUnavailable(sentence, gone=gone)
        return PictureContent(reply)

    def _was_deleted(self, reply: requests.Response, address: str) -> bool:
        """Whether the operator deleted the picture. Of one that another storage had, the worker knows it too."""
        if OURS.fullmatch(address):
            return reply.status_code == GONE
        named = NAMED.fullmatch(urlsplit(address).path)
        if not named:
            return False
        with self._dispatch.image(named[1], "HEAD", {}) as answer:
            return answer.status_code == GONE

    def _from_outside(self, address: str) -> requests.Response:
        if not (address.startswith(self._trusted) or _is_outside(address)):
            raise PictureUnavailable("The picture was made, but its address is none of a public https host.")
        try:
            return self._session.get(
                address, timeout=(CONNECT_SECONDS, SILENCE_SECONDS), stream=True, allow_redirects=False
            )
        except _NotPublic as error:
            raise PictureUnavailable("The picture was made, but its host is no public one.") from error
        except (requests.RequestException, ValueError) as error:  # ValueError: an address that names no host
            raise PictureUnavailable(
                f"The picture was made, but its host cannot be reached ({type(error).__name__})."
            ) from error


class _NotPublic(urllib3.exceptions.HTTPError):
    """The host's name leads to an address that is not on the public internet."""


class _PublicConnection(GuardedHTTPSConnection):
    """Ends before a byte is sent where the host is no public one.

    What is looked at is the address that the connection has: a name asked for beforehand may lead elsewhere a moment
    later.
    """

    def _new_conn(self) -> socket.socket:
        found = super()._new_conn()
        if not _is_public(found.getpeername()[0]):
            found.close()
            raise _NotPublic(self.host)
        return found


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicAdapter(GuardedAdapter):
    https_pool = _PublicPool


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(int(found) & LAST_BITS) if found in NAT64 else None
        inner = translated or found.sixtofour or found.ipv4_mapped
        return (inner or found).is_global and not any(found in network for network in LEADING_ELSEWHERE)
    return found.is_global


def _is_outside(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    named = HOST_NAME.fullmatch(parts.hostname or "") is not None
    return parts.scheme == "https" and named and port != 0 and "@" not in parts.netloc


class PictureContent:
    """The bytes of one picture, in pieces of at most CHUNK_BYTES. They are never together in memory here."""

    def __init__(self, reply: requests.Response) -> None:
        """Wait for the first of them: a host that has none can still be told of. PictureUnavailable if it has none."""
        self._reply = reply
        try:
            self.length = length_of(reply)
            """How many there are, if their host says it."""
            self._pieces = self._read()
            self._first = next(self._pieces)
        except PictureUnavailable:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """PictureUnavailable in the middle where they do not come to an end, or to one too late."""
        yield self._first
        yield from self._pieces

    def _read(self) -> Iterator[bytes]:
        size, end = 0, time.monotonic() + READ_SECONDS
        try:
            while chunk := self._reply.raw.read1(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_PICTURE_BYTES or time.monotonic() > end:
                    raise PictureUnavailable("The picture is too large, or comes too slowly.")
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise PictureUnavailable("The picture was made, but its download broke off.") from error
        if not size:
            raise PictureUnavailable("The picture was made, but its host sent an empty file.")

    def close(self) -> None:
        """Let go of the connection."""
        self._reply.close()


def length_of(reply: requests.Response) -> int | None:
    """Return the length that a host tells, if it does.

    Raises PictureUnavailable if it cannot be a picture's, or if the bytes are not sent as they are.
    """
    if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PictureUnavailable("The picture was made, but its host packed its bytes.")
    told = reply.headers.get("Content-Length")
    length = number_of(told, MAX_PICTURE_BYTES)
    if told is not None and not length:
        raise PictureUnavailable(f"The picture was made, but its host says that it has {told[:MAX_TOLD]} bytes.")
    return length
