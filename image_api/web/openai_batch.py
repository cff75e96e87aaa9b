"""Up to four pictures of one request at the same time, as OpenAI's parameter `n` asks for."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

from flask import g

from image_api.admission import Waiter
from image_api.errors import ApiError, ModelNotFound, Relayed
from image_api.generation.options import GenerationOptions
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.schemas.openai import parameter_named
from render_worker.contract import GenerateResult


def generate_batch(options: GenerationOptions, count: int) -> list[GenerateResult]:
    """Generate `count` pictures, and return their results.

    Raises the first ApiError at once, and ModelNotFound if the render worker knows no such model.
    """
    try:
        return _generate_all(options, count)
    except Relayed as error:
        if parameter_named(error.body()) == "model":
            raise ModelNotFound(error.body().error) from error
        raise


def _generate_all(options: GenerationOptions, count: int) -> list[GenerateResult]:
    # A request with the same id would be answered with the same picture (idempotency).
    ids = [g.request_id if count == 1 else f"{g.request_id}-{number}" for number in range(1, count + 1)]
    over = threading.Event()
    pool = ThreadPoolExecutor(count, "pictures")
    try:
        waiters = _admitted(count, over)
        in_flight = [pool.submit(services().generation.generate, options, *it) for it in zip(ids, waiters, strict=True)]
        for done in as_completed(in_flight):  # each ends by its own deadline, or on a graceful shutdown
            done.result()
        return [done.result().result for done in in_flight]
    finally:
        over.set()
        pool.shutdown(wait=False)


def _admitted(count: int, over: threading.Event) -> list[Waiter]:
    """Return a waiter for each picture. All of them are admitted, or none: one error is the error of all."""
    waiters = [waiter(given_up=over.is_set) for _ in range(count)]
    admission = services().generation.admission
    try:
        for it in waiters:
            admission.admit(it)
    except ApiError:
        for it in waiters:
            admission.release(it)
        raise
    return waiters
