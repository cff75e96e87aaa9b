"""The response with the OpenAPI document, which is built on first use: few processes are ever asked for it."""

import json

from flask import Flask, Response, current_app, request

from image_api.picture_formats import release_memory
from image_api.services import services
from image_api.web.responses import base_url
from render_worker.serving.json_text import embeddable

KEY = "image_api.openapi"
"""The key of `app.extensions` that holds the text."""


def openapi_response() -> Response:
    """Return the document, with the URL of this service as its server."""
    servers = json.dumps([{"url": base_url()}])
    text = f'{{"servers":{servers},{_text()[1:]}\n'
    response = Response(text, headers={"Cache-Control": "no-cache"}, mimetype="application/json")
    response.add_etag()
    response.make_conditional(request)
    return response


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
    from image_api.web.openapi_document import document  # of which only this needs pydantic's schemas

    app.extensions[KEY] = embeddable(json.dumps(document(app), ensure_ascii=False, separators=(",", ":")))
    release_memory()
