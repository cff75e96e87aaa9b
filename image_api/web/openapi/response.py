"""The response with the OpenAPI document, which is built on first use: few processes are ever asked for it."""

import gzip
import json
from functools import lru_cache, partial

from flask import Flask, Response, current_app, request

from image_api.picture_formats import release_memory
from image_api.services import services
from image_api.web.compression import compressed_response
from image_api.web.responses import base_url
from render_worker.serving.json_text import embeddable

KEY = "image_api.openapi"
"""The key of `app.extensions` that holds the text."""

HEADERS = {"Cache-Control": "no-cache"}


def openapi_response() -> Response:
    """Return the document, with the URL of this service as its server."""
    response = compressed_response(partial(_content, _text(), base_url()), "application/json", HEADERS)
    response.add_etag()
    response.make_conditional(request)
    return response


@lru_cache(2)  # with gzip and without: this service has one address, mostly
def _content(text: str, base: str, zipped: bool) -> bytes:
    servers = json.dumps([{"url": base}])
    content = f'{{"servers":{servers},{text[1:]}\n'.encode()
    return gzip.compress(content, mtime=0) if zipped else content


def _text() -> str:
    """Return the document without its server."""
    if KEY not in current_app.extensions:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # a thread has no current one
        services().picture_thread.call(_build, app)
    text: str = current_app.extensions[KEY]
    return text


def _build(app: Flask) -> None:
    """Set the text, unless a request before this one has had it built."""
    if KEY in app.extensions:
        return
    from image_api.web.openapi.document import document  # of which only this needs pydantic's schemas

    app.extensions[KEY] = embeddable(json.dumps(document(app), ensure_ascii=False, separators=(",", ":")))
    release_memory()
