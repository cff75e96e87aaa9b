"""The pictures of a request with `n` as one JSON response."""

from flask import Response, g

from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import CacheStatus
from image_api.generation.results import absolute_url
from image_api.web.base64_json import EmbeddedPicture, pictures_json
from image_api.web.batch import Batch, Pictures
from image_api.web.disclosure import visible_error
from image_api.web.responses import base_url
from image_api.web.schemas.pictures import IndexedError, IndexedResult, PicturesResult
from render_worker.contract import GenerateResult


def pictures_response(options: GenerationOptions) -> Response:
    """Generate the pictures, and return those that were made. Raises the first ApiError if there are none."""
    base = base_url()  # first, so that a bad Host header costs no generation
    pictures = Pictures(Batch(options.series()).outcomes())
    opened = pictures.opened() if options.embeds_picture else {}
    result = result_of(pictures, indexed_results(pictures, base, opened))
    response = pictures_json(result, opened.values())
    response.headers["X-Cache"] = cache_status(pictures)
    return response


def indexed_results(pictures: Pictures, base: str, opened: dict[int, EmbeddedPicture]) -> list[IndexedResult]:
    """Return the pictures that were made, in their order, those that are `opened` with their placeholders."""
    return [
        indexed(index, opened[index].result, base, opened[index].placeholder)
        if index in opened
        else indexed(index, response.result, base)
        for index, response in sorted(pictures.made.items())
    ]


def indexed(index: int, result: GenerateResult, base: str, b64_json: str | None = None) -> IndexedResult:
    """Return one of the pictures, with its absolute URL."""
    fields = {**result.model_dump(), "image_url": absolute_url(result.image_url, base)}
    return IndexedResult(**fields, index=index, b64_json=b64_json)


def result_of(pictures: Pictures, images: list[IndexedResult]) -> PicturesResult:
    """Return all pictures as one result, and log those that failed."""
    pictures.log_failures()
    failed = [IndexedError.of(index, it, visible_error(it.body())) for index, it in sorted(pictures.errors.items())]
    return PicturesResult.of(images, failed, g.request_id)


def cache_status(pictures: Pictures) -> CacheStatus:
    """Return HIT if all pictures were cached, MISS if one was made for this request or failed, else JOINED."""
    found = {it.cache_status for it in pictures.made.values()}
    if pictures.errors or "MISS" in found:
        return "MISS"
    return "JOINED" if "JOINED" in found else "HIT"
