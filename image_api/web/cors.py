"""Cross-origin requests: the origins whose pages may use this service (CORS_ORIGINS), and pictures in any page."""

import re

from flask import Flask, Response, request
from flask_cors import CORS

from image_api.services import services

ANY = "*"
EXPOSED_HEADERS = ["Content-Disposition", "Content-Location", "Idempotency-Replayed", "Link", "Location"]
EXPOSED_HEADERS += ["Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"]
EXPOSED_HEADERS += ["X-Cache", "X-Engine", "X-Ignored", "X-Request-ID", "X-Seed"]
MAX_AGE_SECONDS = 600  # for which a browser keeps the answer to a preflight request
# What an <img> may name: redirects (also of a doubled slash), 304 and errors, too.
PICTURES = re.compile(r"/+(?:generate|sheet|images/|wake\.gif|badge\.svg)")


def register(app: Flask, origins: tuple[str, ...]) -> None:
    """Send CORS headers. Without credentials, so that no page acts in the name of the user that looks at it."""
    CORS(
        app,
        # As patterns of ours: a bracket of an IPv6 address would make one of its own.
        origins=ANY if ANY in origins else [re.compile(re.escape(origin) + r"\Z", re.IGNORECASE) for origin in origins],
        send_wildcard=ANY in origins,
        expose_headers=EXPOSED_HEADERS,
        max_age=MAX_AGE_SECONDS,
    )
    if ANY not in origins:
        app.after_request(_vary_by_origin)
    app.after_request(_allow_embedding)


def _vary_by_origin(response: Response) -> Response:
    """Keep shared caches from giving one origin the response to another."""
    response.vary.add("Origin")
    return response


def _allow_embedding(response: Response) -> Response:
    """Let pages under `Cross-Origin-Embedder-Policy: require-corp` show pictures (fetch.spec.whatwg.org, 3.7)."""
    if PICTURES.match(request.path):
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def is_allowed_origin(origin: str | None) -> bool:
    """Return whether a page of that origin may open a WebSocket, which browsers do not check; None is no browser."""
    allowed = services().settings.cors_origins
    return origin is None or ANY in allowed or origin.lower() in allowed
