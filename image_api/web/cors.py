"""Cross-origin requests: the origins whose pages may use this service (CORS_ORIGINS), and pictures in any page."""

import re
from functools import lru_cache
from typing import Any

from flask import Flask, Response
from flask_cors.core import get_cors_headers, get_cors_options
from werkzeug.datastructures import Headers

from image_api.services import services
from image_api.web.current import current_request
from image_api.web.wsgi_names import wsgi_name

ANY = "*"
EXPOSED_HEADERS = ["Content-Disposition", "Content-Location", "Idempotency-Replayed", "Link", "Location"]
EXPOSED_HEADERS += ["Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"]
EXPOSED_HEADERS += ["X-Cache", "X-Engine", "X-Ignored", "X-Request-ID", "X-Seed"]
MAX_AGE_SECONDS = 600  # for which a browser keeps the answer to a preflight request
READ = (
    *("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"),
    "Access-Control-Request-Private-Network",
)
"""The headers of a request by which the library decides."""
OF_WSGI = tuple(map(wsgi_name, READ))
MAX_MEMOISED = 128  # answers of the library
# What an <img> may name: redirects (also of a doubled slash), 304 and errors, too.
PICTURES = re.compile(r"/+(?:generate|sheet|images/|wake\.gif|badge\.svg)")


def register(app: Flask, origins: tuple[str, ...]) -> None:
    """Send CORS headers. Without credentials, so that no page acts in the name of the user that looks at it."""
    choices: Any = {
        # As patterns of ours: a bracket of an IPv6 address would make one of its own.
        "origins": ANY if ANY in origins else [re.compile(re.escape(it) + r"\Z", re.IGNORECASE) for it in origins],
        "send_wildcard": ANY in origins,
        "expose_headers": EXPOSED_HEADERS,
        "max_age": MAX_AGE_SECONDS,
    }
    options = get_cors_options(app, choices)

    # By the library's own hook each response would cost a fourteenth of a cached one, and nearly all are the same.
    @lru_cache(maxsize=MAX_MEMOISED)
    def headers_of(method: str, *values: str | None) -> list[tuple[str, str]]:
        sent = Headers([(name, value) for name, value in zip(READ, values, strict=True) if value is not None])
        headers: Any = get_cors_headers(options, sent, method)  # type: ignore[arg-type]  # so the library itself
        return [(name, str(value)) for name, value in headers.items(multi=True)]

    def add_cors_headers(response: Response) -> Response:
        request = current_request()
        for name, value in headers_of(request.method, *map(request.environ.get, OF_WSGI)):
            response.headers.add(name, value)
        return response

    app.after_request(add_cors_headers)
    if ANY not in origins:
        app.after_request(_vary_by_origin)
    app.after_request(_allow_embedding)


def _vary_by_origin(response: Response) -> Response:
    """Keep shared caches from giving one origin the response to another."""
    response.vary.add("Origin")
    return response


def _allow_embedding(response: Response) -> Response:
    """Let pages under `Cross-Origin-Embedder-Policy: require-corp` show pictures (fetch.spec.whatwg.org, 3.7)."""
    if PICTURES.match(current_request().path):
        response.headers.add("Cross-Origin-Resource-Policy", "cross-origin")
    return response


def is_allowed_origin(origin: str | None) -> bool:
    """Return whether a page of that origin may open a WebSocket, which browsers do not check; None is no browser."""
    allowed = services().settings.cors_origins
    return origin is None or ANY in allowed or origin.lower() in allowed
