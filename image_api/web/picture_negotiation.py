"""Negotiation of a picture's format (output_format=auto): AVIF, WebP, the stored one, or its counterpart."""

from collections.abc import Iterable

from flask import request

from image_api.errors import PictureDeleted
from image_api.generation.options import GenerationOptions
from image_api.picture_formats import AVIF, JPEG, PNG, WEBP, Variant, can_encode
from image_api.picture_variants import FAILED
from image_api.services import services
from image_api.web.file_response import open_picture
from image_api.web.speculative_requests import is_for_preview
from render_worker.contract import GenerateResult

COUNTERPARTS = {JPEG: PNG, PNG: JPEG}
# Of PNG and JPEG the one that is not stored: a JPEG is several times as large as PNG, and a PNG loses as JPEG. Old
# browsers prefer PNG by `image/png,image/*;q=0.8`, and are better served by a JPEG that is one.
COUNTERPART_QUALITY = 0.5
ALIASES = {"image/jpg": JPEG}  # of old clients


def negotiated_variant(result: GenerateResult, options: GenerationOptions) -> Variant | None:
    """Return what the client of the current request gets a picture as; None if it gets the stored file.

    A link-preview bot gets that in any case: it is to cost nothing.
    """
    media_type = preferred_type(request.accept_mimetypes, result.content_type, result.width * result.height)
    recompressed = media_type == JPEG and options.output_compression is not None
    if (media_type == result.content_type and not recompressed) or is_for_preview():
        return None
    return Variant(media_type, options.output_compression)


def foreseen_types(options: GenerationOptions, cached: GenerateResult | None) -> list[tuple[str, str]]:
    """Return the types that a picture may be stored in, each with the one that the client gets.

    `cached`: the picture if it is made.
    """
    if cached:
        variant = negotiated_variant(cached, options)
        if variant is None or services().variants.get(cached, variant) == FAILED:
            return [(cached.content_type, cached.content_type)]
        return [(cached.content_type, variant.media_type)]
    width, height = options.exact_size or (0, 0)
    return [(it, preferred_type(request.accept_mimetypes, it, width * height)) for it in (JPEG, PNG)]


def encoded_picture(result: GenerateResult, variant: Variant, *, kept: bool) -> bytes | None:
    """Return a picture as that variant, cached if it is to be `kept`; None if it cannot be encoded.

    Raises PictureDeleted if the operator has deleted it, which is then dropped from the cache.
    """
    variants = services().variants
    found = variants.get(result, variant)
    if found is None:
        found = variants.make(result, variant, lambda: open_picture(result, wake=False), kept=kept)
    elif services().checks.is_deleted(result):
        services().generation.forget_result(result)
        raise PictureDeleted
    return found or None


def preferred_type(accept: Iterable[tuple[str, float]], stored: str, pixels: int) -> str:
    """Return the type that an Accept header prefers for a picture of a stored type; that type if it accepts none.

    AVIF and WebP have to be named, as clients that cannot show them send wildcards too.
    """
    named = ((name.partition(";")[0].strip().lower(), quality) for name, quality in accept)
    qualities = {ALIASES.get(name, name): quality for name, quality in named}
    others = qualities.get("image/*", qualities.get("*/*", 0.0))
    candidates = {AVIF: qualities.get(AVIF, 0.0), WEBP: qualities.get(WEBP, 0.0)}
    candidates[stored] = qualities.get(stored, others)
    if counterpart := COUNTERPARTS.get(stored):
        candidates[counterpart] = qualities.get(counterpart, others) * COUNTERPART_QUALITY
    for media_type in sorted(candidates, key=candidates.__getitem__, reverse=True):  # stable: AVIF before WebP
        if candidates[media_type] and (media_type == stored or can_encode(media_type, pixels)):
            return media_type
    return stored
