"""The bytes of a picture, from the render worker or from the storage outside that its address names."""

import re
from collections.abc import Iterator
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from image_api.dispatch.render_workers import RenderWorkers
from image_api.dispatch.validation import WORKER_PATH
from image_api.errors import PictureDeleted, PictureUnavailable
from image_api.outbound.absence import GONE_STATUSES, is_gone
from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks, printable, whole_number
from image_api.outbound.public_hosts import NotPublic
from image_api.outbound.reply import Reply
from render_worker.contract import IMAGE_NAME, IMAGE_TYPES, GenerateResult
from render_worker.serving.deadline import Deadline

if TYPE_CHECKING:
    from image_api.outbound.pinned_connection import PublicSession

MAX_PICTURE_BYTES = 40 * 1024 * 1024
CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 10.0  # between two chunks
READ_SECONDS = 300.0  # for the whole, which a slow client takes its time for
MAX_LENGTH_CHARACTERS = 20  # of an invalid Content-Length, in the error's sentence
GONE = 410
IMAGE_PATH = re.compile(rf".*/({IMAGE_NAME})")


class RemotePictures:
    """Reads pictures by the addresses in results, behind an SSRF guard. Thread-safe.

    An address comes from the worker, so it is untrusted: requests go to public hosts by https only, and no redirect is
    followed, so that none reaches a host of this network, except at the origins that the operator trusts.
    """

    def __init__(self, worker: RenderWorkers, origins: tuple[str, ...] = ()) -> None:
        self._worker = worker
        self._origins = origins

    @cached_property
    def _session(self) -> "PublicSession":
        from image_api.outbound.pinned_connection import PublicSession  # its library takes 50 ms of CPU to load

        return PublicSession(self._origins)

    def open(self, result: GenerateResult, *, wake: bool = True) -> "PictureContent":
        """Return the picture's bytes, as they come; the caller closes them. Without `wake` no worker is waited for.

        Raises PictureUnavailable if they cannot be read, PictureDeleted if the operator deleted the picture, and
        another ApiError if the render worker cannot be reached.
        """
        stored = WORKER_PATH.fullmatch(result.image_url)
        reply = self._worker.image(stored[1], "GET", {}, wake=wake) if stored else self._from_outside(result.image_url)
        gone = reply.status_code in GONE_STATUSES if stored else is_gone(reply, result.image_url)
        if reply.status_code == HTTPStatus.OK and not gone:
            return PictureContent(reply)
        reply.close()
        unsure = gone or reply.status_code == HTTPStatus.FORBIDDEN
        if unsure and self._is_deleted(reply, result, wake):
            raise PictureDeleted
        answer = "with something else" if reply.status_code == HTTPStatus.OK else f"HTTP {reply.status_code}"
        raise PictureUnavailable(f"The picture was made, but its host answered {answer}.", gone=gone)

    def is_deleted(self, result: GenerateResult) -> bool:
        """Return whether the render worker has a tombstone of the picture. Raises an ApiError if it does not tell."""
        return any(self._has_tombstone(name, wake=False) for name in _names_of(result))

    def _is_deleted(self, reply: Reply, result: GenerateResult, wake: bool) -> bool:
        """Return whether the worker has a tombstone of the picture, which it also has of another storage's."""
        if WORKER_PATH.fullmatch(result.image_url):
            return reply.status_code == GONE
        return any(self._has_tombstone(name, wake) for name in _names_of(result))

    def _has_tombstone(self, name: str, wake: bool) -> bool:
        with self._worker.image(name, "HEAD", {}, wake=wake) as stored:
            return stored.status_code == GONE

    def _from_outside(self, address: str) -> Reply:
        import requests

        if not self._session.urls.allows(address):
            raise PictureUnavailable("The picture was made, but its address is none of a public https host.")
        try:
            return self._session.get(
                address, timeout=(CONNECT_SECONDS, SILENCE_SECONDS), stream=True, allow_redirects=False
            )
        except NotPublic as error:
            raise PictureUnavailable(
                "The picture was made, but its host is no public one, or cannot be reached."
            ) from error
        except (requests.RequestException, ValueError) as error:  # ValueError: an address without a host
            raise PictureUnavailable(
                f"The picture was made, but its host cannot be reached ({type(error).__name__})."
            ) from error


def _names_of(result: GenerateResult) -> list[str]:
    """Return the file names that the picture may have had: its address ends with one, unless the storage names it."""
    if named := IMAGE_PATH.fullmatch(urlsplit(result.image_url).path):
        return [named[1]]
    names = [f"{result.sha256}.{ending}" for ending in IMAGE_TYPES]  # a storage may convert it
    return [name for name in names if re.fullmatch(IMAGE_NAME, name)]


class PictureContent:
    """The bytes of one picture, in chunks. They are never together in memory here."""

    def __init__(self, reply: Reply) -> None:
        """Wait for the first chunk, so that an error can still be told. Raises PictureUnavailable as iteration does."""
        self._reply = reply
        try:
            self.length = length_of(reply)
            """The number of bytes, None if the host does not say it."""
            self._chunks = self._read_chunks()
            self._first = next(self._chunks)
        except PictureUnavailable:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks. Raises PictureUnavailable if they break off, are too many, or come too slowly."""
        yield self._first
        yield from self._chunks

    def close(self) -> None:
        """Close the connection."""
        self._reply.close()

    def _read_chunks(self) -> Iterator[bytes]:
        empty = True
        try:
            for chunk in chunks(self._reply, MAX_PICTURE_BYTES, Deadline.after(READ_SECONDS)):
                empty = False
                yield chunk
        except (BodyTooLarge, BodyTooLate):
            raise PictureUnavailable("The picture is too large, or comes too slowly.") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise PictureUnavailable("The picture was made, but its download broke off.") from error
        if empty:
            raise PictureUnavailable("The picture was made, but its host sent an empty file.")


def length_of(reply: Reply) -> int | None:
    """Return the Content-Length of a picture, None if there is none.

    Raises PictureUnavailable if it is out of range, or if the bytes are encoded.
    """
    if reply.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PictureUnavailable("The picture was made, but its host packed its bytes.")
    text = reply.headers.get("Content-Length")
    length = whole_number(text, MAX_PICTURE_BYTES)
    if text is not None and not length:
        shown = printable(text, MAX_LENGTH_CHARACTERS)
        raise PictureUnavailable(f"The picture was made, but its host says that it has {shown} bytes.")
    return length
