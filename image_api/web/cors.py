"""Cross-origin requests: the origins whose pages may use this service (CORS_ORIGINS), and pictures in any page.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re

from flask import Flask, Request, Response

from image_api.services import services
from image_api.web.current import current_request

ANY = "*"
EXPOSED_HEADERS = ["Content-Disposition", "Content-Location", "Idempotency-Replayed", "Link", "Location"]
EXPOSED_HEADERS += ["Preference-Applied", "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate"]
EXPOSED_HEADERS += ["X-Cache", "X-Engine", "X-Ignored", "X-Request-ID", "X-Seed"]
EXPOSED = ", ".join(EXPOSED_HEADERS)
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
MAX_AGE_SECONDS = 600  # for which a browser keeps the answer to a preflight request
MAX_REQUEST_HEADERS = 1000  # characters of their names in a preflight request
HEADER_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")
# What an <img> may name: redirects (also of a doubled slash), 304 and errors, too.
PICTURES = re.compile(r"/+(?:generate|sheet|images/|wake\.gif|badge\.svg)")


def register(app: Flask, origins: tuple[str, ...]) -> None:
    """Send CORS headers. Without credentials, so that no page acts in the name of the user that looks at it."""
    allows_any, lower_case = ANY in origins, frozenset(origin.lower() for origin in origins)

    def add_cors_headers(response: Response) -> Response:
        request = current_request()
        origin = request.environ.get("HTTP_ORIGIN", "")
        if allows_any:
            _allow(response, request, ANY)
        else:
            if origin.lower() in lower_case:
                _allow(response, request, origin)
            response.vary.add("Origin")  # keeps shared caches from giving one origin the response to another
        if PICTURES.match(request.path):
            # Pages under `Cross-Origin-Embedder-Policy: require-corp` show these (fetch.spec.whatwg.org, 3.7).
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    app.after_request(add_cors_headers)


def _allow(response: Response, request: Request, origin: str) -> None:
    """Let pages of that origin read the response; * means any."""
    response.headers.add("Access-Control-Allow-Origin", origin)
    response.headers.add("Access-Control-Expose-Headers", EXPOSED)
    if request.method == "OPTIONS" and request.headers.get("Access-Control-Request-Method") in METHODS:
        response.headers.add("Access-Control-Allow-Methods", ", ".join(METHODS))
        response.headers.add("Access-Control-Max-Age", str(MAX_AGE_SECONDS))
        if names := _request_headers(request):
            response.headers.add("Access-Control-Allow-Headers", names)


def _request_headers(request: Request) -> str | None:
    """Return the names of the headers that a page wants to send, all of which it may; None if they are none."""
    names: str = request.headers.get("Access-Control-Request-Headers", "").strip()
    return names if len(names) <= MAX_REQUEST_HEADERS and HEADER_NAMES.fullmatch(names) else None


def is_allowed_origin(origin: str | None) -> bool:
    """Return whether a page of that origin may open a WebSocket, which browsers do not check; None is no browser."""
    allowed = services().settings.cors_origins
    return origin is None or ANY in allowed or origin.lower() in allowed
