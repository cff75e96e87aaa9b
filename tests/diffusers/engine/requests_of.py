"""Requests to the generation thread, as the engine makes them of recipes."""

import threading
from concurrent.futures import Future
from typing import Any

from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest
from tests.diffusers.engine.running_engine import SECONDS, SIDE, RunningEngine


def request(**changes: Any) -> DiffusionRequest:
    """Return a request for a small picture of few steps, whose seed the client did not name."""
    usual: dict[str, Any] = {
        "model": "sd1",
        "prompt": "a red fox in the snow",
        "negative_prompt": None,
        "size": (SIDE, SIDE),
        "steps": 4,
        "guidance_scale": 7.0,
        "scheduler": "euler",
        "seed": 7,
        "seed_named": False,
    }
    return DiffusionRequest(**{**usual, **changes})


def submitted(running: RunningEngine, *requests: DiffusionRequest) -> list["Future[DiffusionPicture]"]:
    """Return the futures of requests that come while the generation thread makes another picture."""
    thread = running.backend.generation
    is_busy, may_end = threading.Event(), threading.Event()

    def hold(step: int, total: int) -> None:
        is_busy.set()
        may_end.wait(SECONDS)

    before = thread.submit(request(model="sd2", seed_named=True, steps=1, on_step=hold))
    assert is_busy.wait(SECONDS)
    futures = [thread.submit(it) for it in requests]
    may_end.set()
    before.result(SECONDS)
    return futures


def made(running: RunningEngine, *requests: DiffusionRequest) -> list[Any]:
    """Return the pictures of requests that wait at the same time, or what was raised in place of one."""
    return [future.exception(SECONDS) or future.result() for future in submitted(running, *requests)]
