"""Requests to a render worker of an older version, which does not know all parameters."""

import math
from collections.abc import Callable
from fractions import Fraction

from image_api.errors import UnknownToWorker
from image_api.generation import results
from render_worker.contract import AUTO, DIFFUSION_NAMES, GenerateRequest, GenerateResult

Send = Callable[[GenerateRequest], GenerateResult]
"""Asks a render worker for a picture. Raises an ApiError if there is none."""


def send_to_any_version(send: Send, request: GenerateRequest) -> tuple[GenerateResult, float]:
    """Send a request, and return the result, and for how many seconds it may be cached.

    A worker of an older version makes the picture without what it does not know, unless the model is named: then a
    shape in place of an aspect ratio, but nothing else.
    """
    try:
        return send(request), math.inf
    except UnknownToWorker as error:
        known = without_unknown(request, error.names)
        if known is None:
            raise
        result, _ = send_to_any_version(send, known)
        return with_ignored(result, request, error.names), results.DEGRADED_TTL_SECONDS


def without_unknown(request: GenerateRequest, names: list[str]) -> GenerateRequest | None:
    """Return the request without the parameters of these names.

    None if the client wants them and the model: then only an aspect ratio, or a size that is a wish, may be missed.
    """
    of_size = DIFFUSION_NAMES.isdisjoint(names)
    missable = of_size and (not request.exact_size or request.size_optional)
    if request.model != AUTO and not missable:
        return None
    return request.without_size() if of_size else request.without_diffusion()


def with_ignored(result: GenerateResult, request: GenerateRequest, names: list[str]) -> GenerateResult:
    """Return the result of such a request, in which those of the names are ignored that the picture does not have."""
    missed = {name for name in names if not _has(result, name, request)}
    changes = {
        "ignored": sorted(missed.union(result.ignored or ())) or None,
        "aspect_ratio": None if "aspect_ratio" in missed else request.aspect_ratio,
    }
    return result.model_copy(update=changes)


def _has(result: GenerateResult, name: str, request: GenerateRequest) -> bool:
    """Return whether a picture has the aspect ratio, or the exact size, that a parameter of the request gives."""
    if name in DIFFUSION_NAMES:
        return False
    if name == "aspect_ratio":
        return request.proportion == Fraction(result.width, result.height)
    return request.exact_size == (result.width, result.height)
