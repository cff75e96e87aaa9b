"""The bytes of a picture as the response, under a file name that says what it shows: the stored file, or a variant."""

from collections.abc import Iterable
from urllib.parse import quote

from flask import Response, g, request

from image_api.errors import PictureDeleted, PictureUnavailable
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import GenerationResponse
from image_api.generation.results import absolute_url
from image_api.picture_formats import Variant
from image_api.remote_pictures import PictureContent
from image_api.services import services
from image_api.web.bodies import content_response
from image_api.web.client_connection import waiter
from image_api.web.file_names import file_names
from image_api.web.public_cache import keep
from image_api.web.speculative_requests import is_for_preview, refuse_preview
from render_worker.contract import IMAGE_TYPES, GenerateResult

ENDINGS = {mimetype: f".{ending}" for ending, mimetype in {**IMAGE_TYPES, "avif": "image/avif"}.items()}


def file_response(response: GenerationResponse, base: str, options: GenerationOptions) -> Response:
    """Return the picture's bytes; Content-Location has the URL at which it is stored."""
    result, content = open_or_regenerate(response)
    http_response = content_response(content, 200, result.content_type)
    http_response.headers["Cache-Control"] = "no-store"
    _describe(http_response, result, base)
    keep(http_response, options, [result])
    return http_response


def variant_response(
    result: GenerateResult, file: bytes, variant: Variant, base: str, options: GenerationOptions, *, lasts: bool
) -> Response:
    """Return the bytes of a picture in another format than the stored one.

    If an identical request gets the same picture (`lasts`), the response has an ETag by which clients may keep it.
    """
    http_response = Response(file, mimetype=variant.media_type)
    http_response.headers["Cache-Control"] = "no-cache" if lasts else "no-store"
    _describe(http_response, result, base)
    if not keep(http_response, options, [result], variant) and lasts:
        http_response.add_etag()
        http_response.make_conditional(request)
    return http_response


def _describe(http_response: Response, result: GenerateResult, base: str) -> None:
    """Set the headers about a picture whose bytes are the response."""
    http_response.headers["Content-Location"] = absolute_url(result.image_url, base)
    http_response.headers["X-Engine"] = result.engine
    if result.seed is not None:
        http_response.headers["X-Seed"] = str(result.seed)
    tell_ignored(http_response, result.ignored or ())
    ending = ENDINGS.get(http_response.mimetype or "", "")
    http_response.headers.set(
        "Content-Disposition", "inline", **disposition(result.alt or result.prompt, result.seed, ending)
    )


def tell_ignored(http_response: Response, names: Iterable[str]) -> None:
    """Set the header that says which of the requested parameters the picture lacks, as `ignored` does in JSON."""
    if given := sorted(set(names)):
        http_response.headers["X-Ignored"] = ", ".join(given)


def disposition(prompt: str, seed: int | None, ending: str) -> dict[str, str]:
    """Return the parameters for a file name: in ASCII, and exactly (https://www.rfc-editor.org/rfc/rfc6266)."""
    name, plain = file_names(prompt, seed, ending)
    return {"filename": plain} if plain == name else {"filename": plain, "filename*": f"UTF-8''{quote(name)}"}


def open_picture(result: GenerateResult, *, wake: bool = True) -> PictureContent:
    """Return the picture's bytes, unread.

    Raises PictureDeleted if the operator has deleted it, which is then dropped from the cache, or PictureUnavailable.
    """
    try:
        return services().pictures.open(result, wake=wake)
    except PictureDeleted:
        services().generation.forget_result(result)
        raise


def open_or_regenerate(response: GenerationResponse) -> tuple[GenerateResult, PictureContent]:
    """Open the picture of a response; one from the cache whose file is gone is generated again.

    Raises as open_picture does, and SpeculativeRequest if a link-preview bot would cost a generation.
    """
    result = response.result
    try:
        return result, open_picture(result, wake=not is_for_preview())
    except PictureUnavailable as error:
        refuse_preview()
        if not (result.cached and error.gone):
            raise
        again = services().generation.regenerate(result.image_url, g.request_id, waiter(), response.image)
        if again is None:
            raise
        return again, open_picture(again)
