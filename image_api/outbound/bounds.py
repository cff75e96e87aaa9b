"""Bounds of what a server sends: a body's bytes and time, a header's numbers, a sentence's length and characters."""

from collections.abc import Iterator

from image_api.outbound.reply import Reply
from render_worker.serving.deadline import Deadline

CHUNK_BYTES = 64 * 1024


class BodyTooLarge(Exception):
    """Raised if a body has more bytes than it may."""


class BodyTooLate(Exception):
    """Raised if a body is not complete at its deadline."""


def chunks(reply: Reply, max_bytes: int, deadline: Deadline, *, lenient: bool = False) -> Iterator[bytes]:
    """Yield a body as it comes, in chunks of up to CHUNK_BYTES.

    Raises BodyTooLarge if there are more than `max_bytes`, BodyTooLate if a chunk comes later than the deadline, and
    urllib3's HTTPError or an OSError if the connection fails. If `lenient`, the chunk that exceeds a bound is yielded
    before the error is raised: what it completes is not lost.
    """
    size = 0
    while chunk := reply.raw.read1(CHUNK_BYTES):
        size += len(chunk)
        if lenient:
            yield chunk
        if size > max_bytes:
            raise BodyTooLarge
        if deadline.expired:
            raise BodyTooLate
        if not lenient:
            yield chunk


def whole_number(digits: str | None, maximum: int) -> int | None:
    """Return the number that a header's digits are; None if they are none, or if it is larger than `maximum`."""
    text = digits or ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(maximum))):
        return None  # int() itself refuses thousands of digits, with an exception
    number = int(text)
    return number if number <= maximum else None


def retry_after(reply: Reply, max_seconds: int) -> int:
    """Return the seconds of a Retry-After header, up to `max_seconds`; 0 if there is none, or if it is a date."""
    text = reply.headers.get("Retry-After", "")
    if not (text.isascii() and text.isdigit()):
        return 0
    seconds = whole_number(text, max_seconds)
    return max_seconds if seconds is None else seconds


def printable(text: str, max_characters: int) -> str:
    """Return up to `max_characters` characters of a text on one line, with spaces in place of control characters."""
    return "".join(character if character.isprintable() else " " for character in text[:max_characters]).strip()
