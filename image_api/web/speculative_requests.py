"""Requests that must cost no generation: a browser's prefetch or prerender, and a link-preview bot's."""

import re

from flask import Flask, request

from image_api.errors import NotForPreviews, SpeculativeRequest
from image_api.preview_bots import is_preview_bot
from image_api.web.current import current_request

SPECULATIVE = re.compile(r"\b(prefetch|prerender|preview)\b", re.IGNORECASE)
SPECULATIVE_HEADERS = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
NO_PREVIEW = "A link preview makes no picture."
METHODS = ("GET", "HEAD", "OPTIONS")
FREE = re.compile(
    r"/|/(generate|sheet)(\.\w+)?|/(images|p)/[^/]*|/openapi\.json|/(static|vendor)/.*|/(docs|redoc)/?|(/v1)?/health"
    r"|/v1/styles|/status|/badge\.svg|/robots\.txt"
    r"|/favicon\.ico|/apple-touch-icon(-precomposed)?\.png|/manifest\.webmanifest"
)
"""The addresses whose views cost a bot's request neither a generation nor a render worker's cold start."""
FREE_VIEWS = {"job_health.health"}
"""Those of which a setting says where they are."""


def register(app: Flask) -> None:
    """Refuse link-preview bots whatever could cost something."""
    app.before_request(_refuse_costs)


def is_for_preview() -> bool:
    """Return whether the current request is a link-preview bot's."""
    return is_preview_bot(current_request().environ.get("HTTP_USER_AGENT", ""))


def is_speculative() -> bool:
    """Return whether the current request must cost nothing: a HEAD, a prefetch, or a link-preview bot's."""
    return request.method == "HEAD" or _is_prefetch() or is_for_preview()


def refuse_prefetch() -> None:
    """Raise SpeculativeRequest if a browser prefetches or prerenders."""
    if _is_prefetch():
        raise SpeculativeRequest("A prefetch or prerender makes no picture.")


def refuse_preview() -> None:
    """Raise SpeculativeRequest if the request is a link-preview bot's."""
    if is_for_preview():
        raise SpeculativeRequest(NO_PREVIEW)


def refuse_speculation() -> None:
    """Raise SpeculativeRequest for either, before what costs a generation."""
    refuse_prefetch()
    refuse_preview()


def _is_prefetch() -> bool:
    environ = current_request().environ
    return any(SPECULATIVE.search(environ[header]) for header in SPECULATIVE_HEADERS if header in environ)


def _refuse_costs() -> None:
    request = current_request()
    is_free = FREE.fullmatch(request.path) or request.endpoint in FREE_VIEWS
    if request.url_rule and not (request.method in METHODS and is_free) and is_for_preview():
        raise NotForPreviews
