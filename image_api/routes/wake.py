"""/wake: start a worker that sleeps before somebody asks it for a picture; /wake.gif: the same as a picture."""

from typing import Literal

from flask import Blueprint, Response, g
from pydantic import BaseModel

from image_api.services import services
from image_api.web.responses import as_json

MOMENT_SECONDS = 2.0
# One transparent pixel: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")

routes = Blueprint("wake", __name__)


class Wake(BaseModel):
    """Whether the worker is awake, and how long it is likely to take until it is."""

    status: Literal["awake", "waking"]
    expected_seconds: int
    worker: str | None = None
    """The worker's own word for its state, once it is awake."""
    simulated: bool | None = None


@routes.get("/wake")
def wake() -> Response:
    """200 where the worker is awake, 202 while it is being woken, for as long as it takes."""
    health = services().worker.wake(MOMENT_SECONDS, g.client)
    if health:
        return as_json(Wake(status="awake", expected_seconds=0, worker=health.status))
    expected = services().worker.expected_wake_seconds
    answer = as_json(Wake(status="waking", expected_seconds=expected), 202)
    answer.headers["Retry-After"] = str(expected)
    return answer


@routes.get("/wake.gif")
def pixel() -> Response:
    """One transparent pixel, at once, for a page whose visitor will soon want a picture."""
    services().worker.wake(0, g.client)
    return Response(PIXEL, headers={"Cache-Control": "no-store"}, mimetype="image/gif")
