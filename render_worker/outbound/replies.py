"""Reading replies of other services: bounded bodies, JSON objects, Retry-After and printable words.

A reply may be endless, compressed, absurd or hostile. Every engine and storage reads it by these functions, with
bounds and errors of its own.
"""

import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

MAX_WORDS = 200
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What client libraries raise of replies that they do not expect."""
DIGITS = re.compile(r"[0-9]+")  # ASCII alone; `int` reads every script's digits, and refuses thousands of them
MAX_SECONDS_DIGITS = 9  # some gateways write a Unix time, of ten digits, where seconds are due


def is_compressed(reply: "httpx.Response") -> bool:
    """Return whether the reply is compressed, although it was asked for AS_IT_IS."""
    return bool(reply.headers.get("content-encoding", "identity") != "identity")


async def bounded(
    chunks: AsyncIterable[bytes], max_bytes: int, too_large: Callable[[], Exception]
) -> AsyncIterator[bytes]:
    """Yield the chunks of a body. Raises what `too_large` returns when they exceed `max_bytes` together."""
    remaining = max_bytes
    async for chunk in chunks:
        remaining -= len(chunk)
        if remaining < 0:
            raise too_large()
        yield chunk


async def read_body(reply: "httpx.Response", max_bytes: int, too_large: Callable[[], Exception]) -> bytes:
    """Return the body of a reply that is being streamed. Raises what `too_large` returns if it exceeds `max_bytes`."""
    return b"".join([chunk async for chunk in bounded(reply.aiter_raw(), max_bytes, too_large)])


def json_object(body: bytes | str) -> dict[str, object] | None:
    """Return the JSON object that a body is; None if it is anything else."""
    found = _json(body)
    return found if isinstance(found, dict) else None


def json_list(body: bytes | str) -> list[object]:
    """Return the JSON array that a body is; an empty list if it is anything else."""
    found = _json(body)
    return found if isinstance(found, list) else []


def _json(body: bytes | str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def retry_after(value: object, max_seconds: int) -> int | None:
    """Return the whole seconds that a Retry-After value names, `max_seconds` at most.

    `value` is a header's value or a part of a sentence. Returns None if it is anything but a number of seconds: a date,
    a Unix time, a negative or fractional number, other scripts' digits, or no text at all.
    """
    seconds = whole_number(value, MAX_SECONDS_DIGITS)
    return None if seconds is None else min(seconds, max_seconds)


def whole_number(value: object, max_digits: int) -> int | None:
    """Return the whole number that a text is; None if it is none, or has more than `max_digits` digits."""
    if not (isinstance(value, str) and len(value) <= max_digits and DIGITS.fullmatch(value)):
        return None
    return int(value)


def printable(words: object, max_length: int = MAX_WORDS) -> str:
    """Return a service's words so that they can be repeated within a sentence; "" if they are no text."""
    text = words if isinstance(words, str) else ""
    return "".join(character for character in text if character.isprintable()).strip(" .")[:max_length]
