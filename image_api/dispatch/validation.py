"""Validation of the worker's replies as untrusted input: of another service, another version or an intruder."""

import re
from urllib.parse import urlsplit

from pydantic import ValidationError

from image_api.outbound.bounds import printable
from render_worker.contract import (
    IMAGE_NAME,
    IMAGE_TYPES,
    LORA_PATTERN,
    MAX_PREVIEW_BYTES,
    ErrorBody,
    GenerateResult,
    PassedOver,
    Progress,
    Recipe,
)

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")  # a name of an engine, a storage, a model or a code
LORA = re.compile(LORA_PATTERN)
WORKER_PATH = re.compile(rf"/images/({IMAGE_NAME})")
URL = re.compile(r"https?://[!-~]{1,4000}")
BLURHASH = re.compile(r"[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]{6,200}")  # its digits, of base 83
# A JPEG's first three bytes (ITU-T T.81, B.1.1.3) are /9j/ in base64, which has four letters for three bytes.
PREVIEW = re.compile(r"data:image/jpeg;base64,/9j/(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
MAX_PREVIEW_URL = MAX_PREVIEW_BYTES + 100
COLOR = re.compile(r"#[0-9a-f]{6}")
UNESCAPED = re.compile(r"[\"<>\\^`{|}]")  # characters that no URL has unescaped
MAX_SENTENCE = 1000
MAX_SECONDS = 7 * 24 * 3600  # of a Retry-After or an expected duration
MAX_PIXELS = 65_535  # of a side, in any of the formats
MAX_STEPS_TAKEN = 10_000  # a scheduler may take more than were asked for
MAX_NUMBER = 2**63
MAX_PASSED_OVER = 50
MAX_DOLLARS = 1_000_000.0  # of one picture
ERROR_STATUSES = range(400, 600)
NUMBERS = ("position", "step", "total", "expected_seconds")  # of a progress


def checked_result(result: GenerateResult) -> GenerateResult:
    """Return the result if each of its fields is safe in headers, addresses and file names.

    A blurhash or a colour that is none is dropped, because pages put them into their styles, and so is what says how it
    was made and cannot be true. Raises ValueError with the field's name if another one is not safe.
    """
    valid = {
        "image_url": _is_picture_address(result.image_url),
        "content_type": result.content_type in IMAGE_TYPES.values(),
        "width": 0 < result.width <= MAX_PIXELS,
        "height": 0 < result.height <= MAX_PIXELS,
        "bytes": 0 < result.bytes < MAX_NUMBER,
        "duration_ms": 0 <= result.duration_ms < MAX_NUMBER,
        "seed": result.seed is None or -MAX_NUMBER <= result.seed < MAX_NUMBER,
        "engine": WORD.fullmatch(result.engine),
        "storage": WORD.fullmatch(result.storage),
        "model": WORD.fullmatch(result.model),
    }
    for field, is_valid in valid.items():
        if not is_valid:
            raise ValueError(f"{field} is invalid")
    optional = {
        "fallback_from": _valid_passed_over(result.fallback_from),
        "blurhash": _matching(BLURHASH, result.blurhash),
        "steps": _within(MAX_STEPS_TAKEN, result.steps),
        "scheduler": _matching(WORD, result.scheduler),
        "lora_path": _matching(LORA, result.lora_path),
        "dominant_color": _matching(COLOR, result.dominant_color),
        "cost": checked_cost(result.cost),
    }
    return result.model_copy(update=optional)


def checked_error(error: ErrorBody, status: int) -> ErrorBody:
    """Return the error with its fields bounded, so that it can be relayed to a client.

    Raises ValueError if the status is not one of an error, or if the code is not a word.
    """
    if status not in ERROR_STATUSES or not WORD.fullmatch(error.code):
        raise ValueError("no error has such a status or code")
    bounded = {
        "error": printable(error.error, MAX_SENTENCE) or "The render worker failed.",
        "hint": printable(error.hint or "", MAX_SENTENCE) or None,
        "retry_after": _within(MAX_SECONDS, error.retry_after),
        "expected_seconds": _within(MAX_SECONDS, error.expected_seconds),
        "cost": checked_cost(error.cost),
        "fallback_from": _valid_passed_over(error.fallback_from),
    }
    return error.model_copy(update=bounded)


def checked_progress(progress: Progress) -> Progress:
    """Return the progress with its message bounded, and without the numbers and the preview that are out of range."""
    checked: dict[str, object] = {field: _within(MAX_SECONDS, getattr(progress, field)) for field in NUMBERS}
    if progress.preview:
        checked["preview"] = _preview(progress.preview)
    return progress.model_copy(update={"message": printable(progress.message, MAX_SENTENCE), **checked})


def parsed_recipe(text: bytes) -> Recipe | None:
    """Return the recipe that a reply is, each field within its bounds; None if it is none that this version knows."""
    try:
        return Recipe.model_validate_json(text)
    except ValidationError:
        return None


def _preview(url: str) -> str | None:
    """Return a preview if it is a small JPEG in a data URL, so that a page may show it; else None."""
    return url if len(url) <= MAX_PREVIEW_URL and PREVIEW.fullmatch(url) else None


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text and pattern.fullmatch(text) else None


def _within(maximum: int, number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= maximum else None


def checked_cost(cost: float | None) -> float | None:
    """Return a cost in US dollars if it can be one; else None."""
    return cost if cost is not None and 0 <= cost <= MAX_DOLLARS else None  # NaN is not within


def _valid_passed_over(engines: list[PassedOver] | None) -> list[PassedOver] | None:
    valid = [it for it in engines or () if WORD.fullmatch(it.engine) and WORD.fullmatch(it.code)]
    return valid[:MAX_PASSED_OVER] or None


def _is_picture_address(address: str) -> bool:
    """Return whether it is the path of a picture of the worker's, or a URL on the web."""
    if WORKER_PATH.fullmatch(address):
        return True
    if not URL.fullmatch(address) or UNESCAPED.search(address):
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
