"""What must hold of Redis and of the pictures' folder once a scene over the queue is over."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from render_worker.contract.queue import AUTO_QUEUE, PREFIX
from tests.chaos.clients import Clients
from tests.chaos.stage import Stage
from tests.fakes.processes import wait_until

QUEUES = (AUTO_QUEUE, "openai")
PRIVATE = ("image", "preview", "lease")
NO_EXPIRY = -1
SETTLED_WITHIN = 15.0


def problems(stage: Stage, clients: Clients) -> list[str]:
    """Return what does not hold; empty if all does."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not [*_left(stage)], "an empty Redis", SETTLED_WITHIN)
    return [*_left(stage), *_lost_pictures(stage, clients)]


def _left(stage: Stage) -> Iterator[str]:
    """Yield what a queue that has carried all still holds."""
    redis = stage.redis.client
    for name in PRIVATE:
        keys = redis.scan_iter(f"{PREFIX}*:{name}", count=1000)
        # A paused API tier may put an image there as it goes on, after its job's end: it expires.
        if found := [key for key in keys if name == "lease" or redis.ttl(key) == NO_EXPIRY]:
            yield f"{len(found)} keys are left in Redis: {found[0]!r}"
    unsettled = [it for it in redis.scan_iter(f"{PREFIX}*:final", count=1000) if redis.hget(it, "line")]
    if unsettled:
        yield f"{len(unsettled)} results are left in Redis: {unsettled[0]!r}"
    for queue in QUEUES:
        waiting = sum(redis.llen(key) for key in redis.scan_iter(f"{queue}*", _type="list"))
        if waiting:
            yield f"{waiting} messages are left in the queue {queue}"


def _lost_pictures(stage: Stage, clients: Clients) -> Iterator[str]:
    kept = {it.name for it in (stage.folder / "images").rglob("*") if it.is_file()}
    for job in clients.jobs:
        for image in (job.finals or [{}])[0].get("images") or []:
            if Path(urlsplit(image["image_url"]).path).name not in kept:
                yield f"a picture is not there: {image['image_url']}"
