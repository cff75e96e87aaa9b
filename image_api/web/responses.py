"""Responses as JSON, their common headers, and absolute URLs of pictures."""

import secrets
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response
from pydantic import BaseModel
from werkzeug.routing import RequestRedirect

from image_api.errors import InvalidParameter
from image_api.generation.results import absolute_url
from image_api.services import services
from image_api.web.current import current_globals, current_request
from image_api.web.trusted_proxies import CLIENT_ADDRESS
from render_worker.contract import GenerateResult
from render_worker.serving.json_text import embeddable

R = TypeVar("R", bound=GenerateResult)


def register(app: Flask) -> None:
    """Give every request an id and its client's id, and every response the common headers."""
    app.before_request(_identify_request)
    app.after_request(_add_common_headers)
    app.after_request(_redirect_below_base)


def json_text(body: BaseModel, **changes: Any) -> str:
    """Return a model as JSON without its None values, marked if the outside world is simulated."""
    if services().settings.simulated and "simulated" in type(body).model_fields:
        changes["simulated"] = True
    return embeddable(body.model_copy(update=changes).model_dump_json(exclude_none=True))


def json_response(body: BaseModel, status: int = 200, **changes: Any) -> Response:
    """Return a model as a JSON response that no cache stores."""
    text = json_text(body, **changes)
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, mimetype="application/json")


def set_retry_after(response: Response, seconds: int | None) -> None:
    """Set the Retry-After header, unless `seconds` is None."""
    if seconds is not None:
        response.headers["Retry-After"] = str(seconds)


def add_if_missing(response: Response, name: str, value: str) -> None:
    """Add a header, unless the response has it. Werkzeug's `setdefault` makes an exception of each missing one."""
    if response.headers.get(name) is None:
        response.headers.add(name, value)


def base_url() -> str:
    """Return the URL under which the client reaches this service, without a slash at its end.

    Raises InvalidParameter if the Host header is malformed.
    """
    settings = services().settings
    if configured := settings.public_base_url or settings.render_external_url:
        return configured.rstrip("/")
    request = current_request()
    if not request.host:
        raise InvalidParameter("The Host header must be a host name.")
    return f"{request.scheme}://{request.host}{request.root_path}"


def with_absolute_url(result: R) -> R:
    """Return the result with the URL at which the client of the current request finds the picture."""
    return result.model_copy(update={"image_url": absolute_url(result.image_url, base_url())})


def _identify_request() -> None:
    here = current_globals()
    here.request_id = secrets.token_hex(16)
    here.client = services().client_ids.id_of(current_request().environ.get(CLIENT_ADDRESS))


def _add_common_headers(response: Response) -> Response:
    response.headers.add("X-Request-ID", current_globals().request_id)
    response.headers.add("X-Content-Type-Options", "nosniff")
    add_if_missing(response, "Cache-Control", "no-store")  # of Flask's own responses, as to OPTIONS
    return response


def _redirect_below_base(response: Response) -> Response:
    """Send Werkzeug's own redirects, as from //models to /models, to the URL under which the client reaches us."""
    if response.status_code != RequestRedirect.code:
        return response
    request = current_request()
    if isinstance(redirect := request.routing_exception, RequestRedirect):
        target = urlsplit(redirect.new_url)
        path = target.path.removeprefix(request.root_path)
        response.location = base_url() + target._replace(scheme="", netloc="", path=path).geturl()
        response.data = b""
        del response.headers["Content-Type"]
    return response
