"""Replicate's API in the words of its client library: what is asked, what is asked again, and what is ended.

The library's own repeating never comes into play: the transport below it raises where it would repeat.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import httpx

from render_worker.cancellation import run_shielded
from render_worker.engines.base import Report
from render_worker.engines.replicate.transport import NotConnected, Transport
from render_worker.errors import EngineBusy, EngineError, EngineRateLimited, EngineUnreachable, UnexpectedReply

if TYPE_CHECKING:
    from replicate.client import Client
    from replicate.prediction import Prediction

FIRST_POLL_SECONDS, LAST_POLL_SECONDS, POLL_GROWTH = 0.1, 1.0, 1.5  # a fast model needs less than a second
KNOWN_SECONDS, CANCEL_SECONDS = 1.1, 0.8  # together less than a cancelled generation may take to let go
PAUSES = (0.25, 1.0, 2.0)  # seconds before a request is repeated
LONGEST_PAUSE = 5  # seconds; whoever is to wait longer than that is better told
DONE = ("succeeded", "failed", "canceled")
REPEATABLE = (EngineUnreachable, EngineBusy, EngineRateLimited)
NOT_ACCEPTED = (NotConnected, EngineRateLimited)  # a creation whose fate is unknown is not repeated: it costs money

LOGS_END = 4096  # characters, in which the last line lies; all of long logs would take the loop's time at every look

T = TypeVar("T")


async def made(
    client: "Client", transport: Transport, model: str, sent: dict[str, object], report: Report
) -> "Prediction":
    """The prediction when it has ended; whoever leaves before that ends it, even where its creation was unreadable."""
    pause, ended = FIRST_POLL_SECONDS, False
    try:
        prediction = await _repeated(lambda: _created(client, model, sent), NOT_ACCEPTED, report.setback)
        while prediction.status not in DONE:
            _tell(prediction, report)
            await asyncio.sleep(pause)
            pause = min(pause * POLL_GROWTH, LAST_POLL_SECONDS)
            ask = functools.partial(client.predictions.async_get, prediction.id)
            prediction = await _repeated(ask, REPEATABLE, report.setback)
        ended = True
        return prediction
    finally:
        if transport.created and not ended:
            await run_shielded(_cancelled(client, transport.created))


async def _created(client: "Client", model: str, sent: dict[str, object]) -> "Prediction":
    """A new prediction. Who leaves while Replicate still answers waits a moment, for the id by which to cancel it."""
    name, _, version = model.partition(":")
    if version:
        request = client.predictions.async_create(version=version, input=sent)
    else:
        request = client.models.predictions.async_create(model=name, input=sent)
    creation = asyncio.create_task(_understood(request))
    try:
        return await asyncio.shield(creation)
    except asyncio.CancelledError:
        await run_shielded(_known(creation))
        raise


async def _known(creation: "asyncio.Task[Prediction]") -> None:
    with contextlib.suppress(EngineError, TimeoutError):
        async with asyncio.timeout(KNOWN_SECONDS):
            await creation


async def _cancelled(client: "Client", prediction_id: str) -> None:
    """End a prediction at Replicate, if that can be done in a moment."""
    with contextlib.suppress(EngineError, TimeoutError):
        async with asyncio.timeout(CANCEL_SECONDS):
            await _understood(client.predictions.async_cancel(prediction_id))


async def schema(client: "Client", model: str, setback: Callable[[str], None]) -> object:
    """The OpenAPI description of the model's version; None where it has none."""
    return await _repeated(lambda: _schema(client, model), REPEATABLE, setback)


async def _schema(client: "Client", model: str) -> object:
    from replicate.version import Versions

    name, _, version = model.partition(":")
    if version:
        return (await Versions(client, name).async_get(version)).openapi_schema
    latest = (await client.models.async_get(name)).latest_version
    return latest.openapi_schema if latest else None


def _tell(prediction: "Prediction", report: Report) -> None:
    """Tell how far it is; the numbers are those that many models print into their logs."""
    if prediction.status == "starting":
        report("starting", "Waiting for a machine at Replicate.")
        return
    with contextlib.suppress(ValueError, OverflowError):  # digits by the thousand
        if progress := prediction.Progress.parse((prediction.logs or "")[-LOGS_END:]):
            percent = min(100, round(progress.percentage * 100))
            report("generating", percent=percent, step=progress.current, total=progress.total)
            return
    report("generating")


async def _repeated(
    ask: Callable[[], Awaitable[T]], when: tuple[type[EngineError], ...], setback: Callable[[str], None]
) -> T:
    """An answer of Replicate's, asked for again after such failures, unless that means a long wait."""
    for usual_pause in PAUSES:
        try:
            return await _understood(ask())
        except when as error:
            told = error.retry_after if isinstance(error, EngineRateLimited) else None
            if told and told > LONGEST_PAUSE:
                raise
            pause = told or usual_pause
            setback(f"{error} Asking once more in {pause:g} seconds.")
            await asyncio.sleep(pause)
    return await _understood(ask())


async def _understood(answer: Awaitable[T]) -> T:
    """The library's answer; it raises all kinds of errors where Replicate's is not what it expects."""
    try:
        return await answer
    except (ValueError, TypeError, RecursionError, httpx.InvalidURL) as error:
        raise UnexpectedReply("Replicate answered something that its client library cannot read.") from error
