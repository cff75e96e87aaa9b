"""Pictures in the caches of browsers and CDNs (PUBLIC_CACHE_SECONDS), by HTTP's rules for caches (RFC 9111)."""

import hashlib
from collections.abc import Sequence

from flask import Response, request

from image_api.generation.options import GenerationOptions
from image_api.generation.picture_records import name_of
from image_api.generation.results import valid_seconds
from image_api.picture_formats import Variant
from image_api.services import services
from image_api.web.sent_credentials import HEADERS, sends_credential
from image_api.web.signed_links import link_seconds
from image_api.web.speculative_requests import is_for_preview
from render_worker.contract import GenerateResult

METHODS = ("GET", "HEAD")
NEGOTIATED = "Accept, Sec-Fetch-Dest"
"""What decides in which form the response comes if the address does not."""
BY_ADDRESS = "Origin"
"""What decides if the address does: what is kept has the headers of CORS."""


def is_conditional(options: GenerationOptions) -> bool:
    """Return whether the client asks if it still has the right picture, of those that caches may keep."""
    return "HTTP_IF_NONE_MATCH" in request.environ and _may_be_kept(options)


def keep(
    response: Response, options: GenerationOptions, results: Sequence[GenerateResult], variant: Variant | None = None
) -> bool:
    """Let caches keep a response that shows these pictures, and return whether they may.

    It gets an ETag, by which it becomes 304 if the client has the same. `variant`: what the pictures are encoded as, if
    the response has not the stored file. A cache that several clients share keeps nothing that was asked for with a
    credential (RFC 9111, 3.5), and no cache keeps what an engine may make better the next time.
    """
    if not _may_be_kept(options) or (seconds := _seconds(results)) < 1 or not (names := _names(results)):
        return False
    response.set_etag(*_etag(names, variant))
    by_address = "ending" in (request.view_args or {})
    scope, credentials = ("private", HEADERS) if sends_credential() else ("public", ())
    response.headers["Cache-Control"] = f"{scope}, max-age={seconds}"
    response.headers["Vary"] = ", ".join((BY_ADDRESS if by_address else NEGOTIATED, *credentials))
    if "HTTP_IF_MATCH" not in request.environ:  # a cache could give one client's 412 to all
        response.make_conditional(request)
    return True


def unchanged(
    options: GenerationOptions, results: Sequence[GenerateResult], variant: Variant | None = None
) -> Response | None:
    """Return 304 if the client has the response that shows these pictures, as `keep` made it; else None."""
    response = Response(headers={"X-Cache": "HIT"})
    keep(response, options, results, variant)
    return response if response.status_code == 304 else None


def _may_be_kept(options: GenerationOptions) -> bool:
    """Return whether the current request gets the same picture as an identical one, at no cost."""
    allowed = services().settings.public_cache_seconds and request.method in METHODS and not is_for_preview()
    return bool(allowed) and options.seed >= 0 and services().generation.is_repeatable(options)


def _seconds(results: Sequence[GenerateResult]) -> int:
    """Return for how long the pictures are good: no longer than their addresses, nor than a signed link."""
    if any(result.ignored for result in results):
        return 0
    own = services().settings.public_cache_seconds
    return int(min(own, link_seconds(), *map(valid_seconds, results)))


def _names(results: Sequence[GenerateResult]) -> list[str]:
    """Return the names of the pictures' files, which are hashes of their contents; none if one has no name."""
    names = [name for result in results if (name := name_of(result))]
    return names if len(names) == len(results) else []


def _etag(names: Sequence[str], variant: Variant | None) -> tuple[str, bool]:
    """Return an ETag, and whether it is a weak one: another version of this service may encode the same otherwise."""
    if variant is None:
        return names[0], False
    text = "\n".join((*names, variant.media_type, str(variant.quality)))
    return hashlib.sha256(text.encode()).hexdigest(), True
