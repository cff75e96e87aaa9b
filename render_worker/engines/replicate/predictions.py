"""Replicate's API by its client library: create a prediction, poll and cancel it, with retries.

The library's own retries never happen: the transport below it raises before the library would retry.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import httpx

from render_worker.cancellation import run_shielded
from render_worker.engines.base import Reporter
from render_worker.engines.replicate.transport import Transport
from render_worker.errors import (
    EngineBusy,
    EngineError,
    EngineRateLimited,
    EngineUnreachable,
    NotConnected,
    UnexpectedReply,
)

if TYPE_CHECKING:
    from replicate.client import Client
    from replicate.prediction import Prediction

FIRST_POLL_SECONDS, LAST_POLL_SECONDS, POLL_GROWTH = 0.1, 1.0, 1.5  # a fast model needs less than a second
CREATION_SECONDS, CANCEL_SECONDS = 1.1, 0.8  # together less than a cancelled generation may take to clean up
PAUSES = (0.25, 1.0, 2.0)  # seconds before each retry
MAX_PAUSE_SECONDS = 5  # of a longer one the client is told instead
DONE = ("succeeded", "failed", "canceled")
TRANSIENT = (EngineUnreachable, EngineBusy, EngineRateLimited)
NOT_ACCEPTED = (NotConnected, EngineRateLimited)  # a creation that may have arrived is not retried: it costs money

LOGS_END = 4096  # characters, which hold the last line; parsing all of long logs at every poll would block the loop

T = TypeVar("T")


async def run_prediction(
    client: "Client", transport: Transport, model: str, sent: dict[str, object], report: Reporter
) -> "Prediction":
    """Create a prediction and return it when it has ended; cancel it at Replicate if this is left before."""
    pause, ended = FIRST_POLL_SECONDS, False
    try:
        prediction = await _retried(lambda: _created(client, model, sent), NOT_ACCEPTED, report.setback)
        while prediction.status not in DONE:
            _report_progress(prediction, report)
            await asyncio.sleep(pause)
            pause = min(pause * POLL_GROWTH, LAST_POLL_SECONDS)
            ask = functools.partial(client.predictions.async_get, prediction.id)
            prediction = await _retried(ask, TRANSIENT, report.setback)
        ended = True
        return prediction
    except EngineError as error:
        error.unbilled = error.unbilled and not transport.created  # a refused poll or cancellation says nothing of it
        raise
    finally:
        if transport.created and not ended:
            await run_shielded(_cancel(client, transport.created))


async def _created(client: "Client", model: str, sent: dict[str, object]) -> "Prediction":
    """Create and return a prediction; if cancelled meanwhile, wait a moment for the id by which to cancel it too."""
    name, _, version = model.partition(":")
    if version:
        request = client.predictions.async_create(version=version, input=sent)
    else:
        request = client.models.predictions.async_create(model=name, input=sent)
    creation = asyncio.create_task(_parsed(request))
    try:
        return await asyncio.shield(creation)
    except asyncio.CancelledError:
        await run_shielded(_wait_for_id(creation))
        raise


async def _wait_for_id(creation: "asyncio.Task[Prediction]") -> None:
    with contextlib.suppress(EngineError, TimeoutError):
        async with asyncio.timeout(CREATION_SECONDS):
            await creation


async def _cancel(client: "Client", prediction_id: str) -> None:
    """Cancel a prediction at Replicate, if that can be done in a moment."""
    with contextlib.suppress(EngineError, TimeoutError):
        async with asyncio.timeout(CANCEL_SECONDS):
            await _parsed(client.predictions.async_cancel(prediction_id))


async def fetch_schema(client: "Client", model: str, setback: Callable[[str], None]) -> object:
    """Return the OpenAPI description of the model's version; None if it has none."""
    return await _retried(lambda: _request_schema(client, model), TRANSIENT, setback)


async def _request_schema(client: "Client", model: str) -> object:
    from replicate.version import Versions

    name, _, version = model.partition(":")
    if version:
        return (await Versions(client, name).async_get(version)).openapi_schema
    latest = (await client.models.async_get(name)).latest_version
    return latest.openapi_schema if latest else None


def _report_progress(prediction: "Prediction", report: Reporter) -> None:
    """Report the progress, by the numbers that many models print into their logs."""
    if prediction.status == "starting":
        report("starting", "Waiting for a machine at Replicate.")
        return
    with contextlib.suppress(ValueError, OverflowError):  # digits by the thousand
        if progress := prediction.Progress.parse((prediction.logs or "")[-LOGS_END:]):
            percent = min(100, round(progress.percentage * 100))
            report("generating", percent=percent, step=progress.current, total=progress.total)
            return
    report("generating")


async def _retried(
    ask: Callable[[], Awaitable[T]], when: tuple[type[EngineError], ...], setback: Callable[[str], None]
) -> T:
    """Return the library's result, retried after such errors. Raises the error if Replicate names a long pause."""
    for usual_pause in PAUSES:
        try:
            return await _parsed(ask())
        except when as error:
            wait = error.retry_after if isinstance(error, EngineRateLimited) else None
            if wait and wait > MAX_PAUSE_SECONDS:
                raise
            pause = wait or usual_pause
            setback(f"{error} Asking once more in {pause:g} seconds.")
            await asyncio.sleep(pause)
    return await _parsed(ask())


async def _parsed(result: Awaitable[T]) -> T:
    """Return the library's result. Raises UnexpectedReply for the errors that it raises of replies it cannot read."""
    try:
        return await result
    except (ValueError, TypeError, RecursionError, httpx.InvalidURL) as error:
        raise UnexpectedReply("Replicate answered something that its client library cannot read.") from error
