"""Contact sheets as responses: one picture of several seeds, or JSON with the single ones."""

from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from flask import Response, g, request

from image_api.contact_sheet import ContactSheet, UnreadablePicture
from image_api.errors import ApiError, PictureUnavailable
from image_api.generation.progress_stream import GenerationResponse
from image_api.picture_formats import Variant, release_memory
from image_api.services import services
from image_api.web.base64_json import pictures_json
from image_api.web.batch import Batch, Outcome, Pictures
from image_api.web.client_connection import waiter
from image_api.web.content_negotiation import refuse_fields, wants_redirect
from image_api.web.disclosure import visible_error
from image_api.web.file_response import disposition, tell_ignored
from image_api.web.pages.link_previews import preview_page
from image_api.web.pictures_response import cache_status, indexed_results, result_of
from image_api.web.public_cache import NEGOTIATED, is_conditional, keep, unchanged
from image_api.web.responses import base_url
from image_api.web.schemas.openai import parameter_named
from image_api.web.schemas.sheet import SheetOptions, SheetResult
from image_api.web.signed_links import is_signed
from image_api.web.speculative_requests import is_for_preview
from render_worker.contract import IMAGE_TYPES

NOT_MADE = "Open the link, and the pictures of this contact sheet are made."
ENDING = "png"
PATIENCE_SECONDS = 60.0  # nine pictures of 4096x4096 take up to 8


def sheet_options(ending: str | None = None) -> SheetOptions:
    """Return the query's options. Raises InvalidField if they are invalid, or are none of a file with that ending."""
    if ending:
        refuse_fields({"response_format"}, ending)
    return SheetOptions.parse_query(request.query_string)


def sheet_json(options: SheetOptions) -> Response:
    """Return the pictures of a sheet as JSON, and its address; a client that shows only pictures is led to that.

    By a signed link it gets the sheet itself: the link is not for the other address.
    """
    if is_for_preview() or request.method == "HEAD":
        return _costless(options, "application/json")
    base = base_url()  # first, so that a bad Host header costs no generation
    if wants_redirect(options):
        if is_signed():
            return sheet_response(options, ENDING, IMAGE_TYPES[ENDING])
        return Response(status=302, headers={"Location": sheet_url(options, ENDING, base), "Vary": NEGOTIATED})
    options, pictures = _generated(options)
    opened = pictures.opened() if options.embeds_picture else {}
    result = result_of(pictures, indexed_results(pictures, base, opened))
    url = sheet_url(options, ENDING, base) if options.seed >= 0 else None
    sheet = SheetResult(**result.model_dump(), sheet_url=url, columns=options.columns, rows=options.columns)
    response = pictures_json(sheet, opened.values())
    response.headers.update({"X-Cache": cache_status(pictures), "Vary": NEGOTIATED})
    return response


def sheet_response(options: SheetOptions, ending: str, mimetype: str) -> Response:
    """Return a sheet as one picture. Raises the first ApiError if no picture of it was made."""
    if is_for_preview() or request.method == "HEAD":
        return _costless(options, mimetype)
    base = base_url()  # first, so that a bad Host header costs no generation
    if kept := _kept_sheet(options, mimetype):
        return kept
    options, pictures = _generated(options)
    response = Response(_composed(options, pictures, mimetype), mimetype=mimetype)
    pictures.log_failures()
    response.headers.update({"Cache-Control": "no-store", "Vary": NEGOTIATED, "X-Cache": cache_status(pictures)})
    seed = options.seed if options.seed >= 0 else None
    if seed is not None:
        response.headers["Content-Location"] = sheet_url(options, ending, base)
        if any(it.result.seed is not None for it in pictures.made.values()):
            response.headers["X-Seed"] = str(seed)
    tell_ignored(response, (name for it in pictures.made.values() for name in it.result.ignored or ()))
    response.headers.set("Content-Disposition", "inline", **disposition(options.prompt, seed, f"-sheet.{ending}"))
    if not (pictures.errors or options.seed_drawn):
        keep(response, options, [it.result for _, it in sorted(pictures.made.items())], Variant(mimetype))
    return response


def _kept_sheet(options: SheetOptions, mimetype: str) -> Response | None:
    """Return 304 if the client has the sheet of the cached pictures, at no cost; else None."""
    if options.seed_drawn or not is_conditional(options):
        return None
    cached = [services().generation.cached(it) for it in options.series()]
    results = [it for it in cached if it]
    return unchanged(options, results, Variant(mimetype)) if len(results) == len(cached) else None


def sheet_url(options: SheetOptions, ending: str, base: str) -> str:
    """Return the address of the sheet of exactly these seeds."""
    names = SheetOptions.public_fields().keys() - {"seed", "response_format", "cache"}
    query = request.query_string.decode(errors="surrogateescape")  # which a tracker may need
    given = [(name, text) for name, text in parse_qsl(query) if name in names]
    return f"{base}/sheet.{ending}?{urlencode([*given, ('seed', options.seed)])}"


def _costless(options: SheetOptions, mimetype: str) -> Response:
    """Return a page to a link-preview bot, and the head of the response to another: neither costs a generation."""
    cached = services().generation.cached(options)
    if is_for_preview():
        return preview_page(options.prompt, cached, None if cached else NOT_MADE)
    response = Response(headers={"Cache-Control": "no-store", "Vary": NEGOTIATED}, mimetype=mimetype)
    response.automatically_set_content_length = False  # it would be that of no body
    return response


def _generated(options: SheetOptions) -> tuple[SheetOptions, Pictures]:
    """Generate the pictures; with random seeds if the model takes none, and the client gave none."""
    with services().generation.cancellations.hold(waiter()):  # one request, also between its two batches
        try:
            return _without_drawn_seed(options, Pictures(Batch(options.series()).outcomes()))
        except ApiError as error:
            if not (options.seed_drawn and parameter_named(error.body()) == "seed"):
                raise
        options = options.model_copy(update={"seed": -1})
        return options, Pictures(Batch(options.series(), name=f"{g.request_id}-random").outcomes())


def _without_drawn_seed(options: SheetOptions, pictures: Pictures) -> tuple[SheetOptions, Pictures]:
    """Return both as they are if no seed is drawn, if an engine ignored the one that was: the client named none."""
    results = {index: it.result for index, it in pictures.made.items()}
    if not (options.seed_drawn and any("seed" in (it.ignored or ()) for it in results.values())):
        return options, pictures
    for index, result in results.items():
        ignored = [name for name in result.ignored or () if name != "seed"] or None
        made = replace(pictures.made[index], result=result.model_copy(update={"ignored": ignored}))
        pictures.made[index] = made
    return options.model_copy(update={"seed": -1}), pictures


def _composed(options: SheetOptions, pictures: Pictures, mimetype: str) -> bytes:
    """Return the file of the sheet. Raises the first ApiError if none of its pictures can be shown."""
    here, slots, sheet = waiter(), services().sheet_slots, ContactSheet(options.columns)
    slots.admit_soon(here, PATIENCE_SECONDS)
    try:
        for index, it in enumerate(options.series()):
            here.check()
            _add(sheet, index, it.seed, pictures)
        pictures.require_any()
        return services().picture_thread.call(sheet.encoded, mimetype)
    finally:
        services().picture_thread.call(release_memory)
        slots.release(here)


def _add(sheet: ContactSheet, index: int, seed: int, pictures: Pictures) -> None:
    """Add one picture to a sheet, or a cell that says why there is none."""
    response = pictures.made.get(index)
    seed_used = response.result.seed if response else seed
    caption = "" if seed_used is None or seed_used < 0 else f"seed {seed_used}"
    try:
        if response:
            services().picture_thread.call(sheet.add, _file_of(index, response, pictures), caption)
            return
    except (UnreadablePicture, PictureUnavailable) as error:
        pictures.fail(index, error if isinstance(error, ApiError) else PictureUnavailable(str(error)))
    sheet.add_blank(visible_error(pictures.errors[index].body()).error, caption)


def _file_of(index: int, response: GenerationResponse, pictures: Pictures) -> bytes:
    """Return a picture's file. Raises the ApiError why it cannot be read."""
    picture = pictures.add_opened(Outcome(index, response))
    if picture is None:
        raise pictures.errors[index]
    with closing(picture):
        return b"".join(picture)
