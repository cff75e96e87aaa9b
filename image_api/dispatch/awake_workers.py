"""A look at the render workers that are surely awake, which wakes none."""

import contextlib

from image_api.dispatch.render_workers import RenderWorkers
from image_api.errors import ApiError

LOOK_SECONDS = 2.0


def look_at_awake(workers: RenderWorkers) -> None:
    """Have each worker that is surely awake say how it is; what it says, or that it is lost, is in its `recent`."""
    for client in workers.each:
        if client.is_awake:
            with contextlib.suppress(ApiError):
                client.look(LOOK_SECONDS)
