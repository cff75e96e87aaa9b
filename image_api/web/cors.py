"""Which pages of other sites may ask: CORS_ORIGINS."""

import re

from flask import Flask, Response
from flask_cors import CORS

from image_api.services import services

ANY = "*"
EXPOSED = ["Content-Disposition", "Content-Location", "Location", "Retry-After"]
EXPOSED += ["X-Cache", "X-Engine", "X-Request-ID", "X-Seed"]
KEPT_SECONDS = 600


def register(app: Flask, origins: tuple[str, ...]) -> None:
    """Let browsers know. Without credentials, so that no page acts in the name of whoever looks at it."""
    CORS(
        app,
        # As patterns of ours: a bracket of an IPv6 address would make one of its own.
        origins=ANY if ANY in origins else [re.compile(re.escape(origin) + r"\Z", re.IGNORECASE) for origin in origins],
        send_wildcard=ANY in origins,
        expose_headers=EXPOSED,
        max_age=KEPT_SECONDS,
    )
    if ANY not in origins:
        app.after_request(_of_the_origin)


def _of_the_origin(answer: Response) -> Response:
    """A shared cache must not give one origin the answer to another."""
    answer.vary.add("Origin")
    return answer


def may_ask(origin: str | None) -> bool:
    """Whether a page of that origin may open a WebSocket, for which browsers ask nobody. Programs send no origin."""
    allowed = services().settings.cors_origins
    return origin is None or ANY in allowed or origin.lower() in allowed
