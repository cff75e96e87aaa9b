"""What the render worker answers, checked like a stranger's: it may be another's, another version, or broken into."""

import re
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from render_worker.contract import (
    IMAGE_NAME,
    IMAGE_TYPES,
    ErrorBody,
    GenerateResult,
    PassedOver,
    Progress,
)

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")  # what engines, storages, models and codes are named by
OURS = re.compile(rf"/images/{IMAGE_NAME}")
ADDRESS = re.compile(r"https?://[!-~]{1,4000}")
QUOTING = re.compile(r"[\"<>\\^`{|}]")  # what no address has unescaped
MOST_SENTENCE = 1000
MOST_SECONDS = 7 * 24 * 3600  # that a failure can be told to last
MOST_PIXELS = 65_535  # of a side, in any of the formats
MOST_NUMBER = 2**63
MOST_PASSED_OVER = 50
FAILURES = range(400, 600)
NUMBERS = ("position", "step", "total", "expected_seconds")  # of a progress

M = TypeVar("M", bound=BaseModel)


def checked_result(result: GenerateResult) -> GenerateResult:
    """Return the result if everything in it that goes into headers, addresses or file names is what it should be.

    Raises ValueError, naming the field, if it is not.
    """
    fit = {
        "image_url": _is_picture_s(result.image_url),
        "content_type": result.content_type in IMAGE_TYPES.values(),
        "width": 0 < result.width <= MOST_PIXELS,
        "height": 0 < result.height <= MOST_PIXELS,
        "bytes": 0 < result.bytes < MOST_NUMBER,
        "duration_ms": 0 <= result.duration_ms < MOST_NUMBER,
        "seed": result.seed is None or -MOST_NUMBER <= result.seed < MOST_NUMBER,
        "engine": WORD.fullmatch(result.engine),
        "storage": WORD.fullmatch(result.storage),
        "model": WORD.fullmatch(result.model),
    }
    for field, is_fit in fit.items():
        if not is_fit:
            raise ValueError(f"{field} is none")
    return result.model_copy(update={"fallback_from": _passed_over(result.fallback_from)})


def checked_error(error: ErrorBody, status: int) -> ErrorBody:
    """Return the failure with what of it can be told to a client.

    Raises ValueError if neither the status is one of a failure nor the code a word.
    """
    if status not in FAILURES or not WORD.fullmatch(error.code):
        raise ValueError("no failure has such a status or code")
    told = {
        "error": printable(error.error) or "The render worker failed.",
        "hint": printable(error.hint or "") or None,
        "retry_after": _up_to(MOST_SECONDS, error.retry_after),
        "expected_seconds": _up_to(MOST_SECONDS, error.expected_seconds),
        "fallback_from": _passed_over(error.fallback_from),
    }
    return error.model_copy(update=told)


def checked_progress(news: Progress) -> Progress:
    """Return the news with a sentence of some length, and without numbers that are none."""
    numbers = {field: _up_to(MOST_SECONDS, getattr(news, field)) for field in NUMBERS}
    return news.model_copy(update={"message": printable(news.message), **numbers})


def printable(words: str) -> str:
    """Return the beginning of some words on one line, without control characters."""
    return "".join(character if character.isprintable() else " " for character in words[:MOST_SENTENCE]).strip()


def number_of(digits: str | None, most: int) -> int | None:
    """Return the number that a header's digits are; None if they are none, or it is larger than `most`."""
    text = digits or ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None  # int() itself refuses thousands of digits, with an exception
    return _up_to(most, int(text))


def _up_to(most: int, number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= most else None


def _passed_over(engines: list[PassedOver] | None) -> list[PassedOver] | None:
    fit = [it for it in engines or () if WORD.fullmatch(it.engine) and WORD.fullmatch(it.code)]
    return fit[:MOST_PASSED_OVER] or None


def _is_picture_s(address: str) -> bool:
    """Whether it is the path of a picture of the worker's, or an address on the web."""
    if OURS.fullmatch(address):
        return True
    if not ADDRESS.fullmatch(address) or QUOTING.search(address):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
