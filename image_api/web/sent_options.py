"""The options in the body of POST /generate: a JSON object, or, also with an image to begin with, a form."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from flask import Response, request

from image_api.admission import Waiter
from image_api.generation.options import GenerationOptions
from image_api.sent_images import IMAGE_KEY, SentImage
from image_api.uploads import Upload
from image_api.web.bodies import begun_body, parsed, refuse_query
from image_api.web.message_options import MessageOptions
from image_api.web.multipart import Pairs
from image_api.web.request_upload import (
    FORM,
    check_encoding,
    received,
    sent_image,
    upload_stream,
    uploaded,
)
from render_worker.contract import InvalidField

URL_ENCODED = "application/x-www-form-urlencoded"
Options = TypeVar("Options", bound=GenerationOptions)


def response_to_body(
    respond: Callable[[GenerationOptions], Response], model: type[GenerationOptions] = GenerationOptions
) -> Response:
    """Return the response to the options in the request's body, whose image is in memory until the response's end.

    Raises InvalidField if they are invalid, and as `uploaded` if they are a form or have an image.
    """
    refuse_query()
    options = _body_options(model)
    return response_with(options.image, lambda: respond(options))


def response_with(image: SentImage | None, respond: Callable[[], Response]) -> Response:
    """Return a response, at whose end the image is released."""
    if image is None:
        return respond()
    with ExitStack() as held:
        held.callback(image.release)
        response = respond()
        response.call_on_close(held.pop_all().close)  # which may be called twice
    return response


def message_options(message: bytes, here: Waiter) -> MessageOptions:
    """Return the options in a message, whose image is in memory until it is released. Raises as `response_to_body`."""
    if IMAGE_KEY not in message:  # and so it is no longer than MAX_BODY_BYTES
        return MessageOptions.parse_json(message)
    with received(message, here) as pairs:
        return _options(pairs, MessageOptions)


def _body_options(model: type[GenerationOptions]) -> GenerationOptions:
    if request.mimetype == FORM:
        check_encoding()
        with uploaded(list) as pairs:
            return _options(pairs, model)
    begun = begun_body(upload_stream())
    if request.mimetype == URL_ENCODED and begun.strip() and not begun.lstrip().startswith(b"{"):
        raise InvalidField(f"The body is a form in {URL_ENCODED}. It must be one in {FORM}, or a JSON object.")
    if IMAGE_KEY not in begun:
        return parsed(begun, model)
    with uploaded(list, begun) as pairs:
        return _options(pairs, model)


def _options(pairs: Pairs, model: type[Options]) -> Options:
    """Return the options of a body's fields, the image in memory. Raises InvalidField, and as `sent_image`."""
    images: list[SentImage] = []
    try:
        return model.parse([(name, _in_memory(name, value, images)) for name, value in pairs])
    except BaseException:  # also if the greenlet is killed: an image that is not released is kept for ever
        for image in images:
            image.release()
        raise


def _in_memory(name: str, value: object, images: list[SentImage]) -> object:
    """Return the image in memory, and add it to `images`, if a value is one; else the value."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Upload):
        value = value[0]
    if name != "image" or not isinstance(value, Upload):
        return value
    images.append(sent_image(value))
    return images[-1]
