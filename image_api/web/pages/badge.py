"""A badge for other people's pages: whether this service is up, and in how many seconds it makes a picture."""

from flask import Response, render_template

from image_api.web.pages.moments import seconds_text
from image_api.web.schemas.status import ServiceStatus

CACHE_CONTROL = "public, max-age=60"
LABEL = "pictures"
# On white text each has a contrast of 4.5 at least, and they stand out from light and dark pages.
COLORS = {"up": "#1b7f3b", "resting": "#9a5b00", "waking": "#9a5b00", "asleep": "#5d6673", "down": "#b3261e"}
WIDTH, NARROW_WIDTH, NARROW = 6.9, 4.2, "il. ·"  # of Verdana at 11 pixels; textLength makes other fonts fit
PADDING = 12


def badge(status: ServiceStatus) -> Response:
    """Return the badge of a state, which may be embedded anywhere and is kept for a minute."""
    message = status.status
    if status.status == "up" and status.median_seconds is not None:
        message = f"up · {seconds_text(status.median_seconds)} s"
    label_width, message_width = (_width(text) for text in (LABEL, message))
    svg = render_template(
        "badge.svg",
        label=LABEL,
        message=message,
        color=COLORS[status.status],
        label_width=label_width,
        message_width=message_width,
        padding=PADDING,
    )
    return Response(svg, headers={"Cache-Control": CACHE_CONTROL}, mimetype="image/svg+xml")


def _width(text: str) -> int:
    return round(sum(NARROW_WIDTH if character in NARROW else WIDTH for character in text))
