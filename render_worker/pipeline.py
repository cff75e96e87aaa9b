"""From a request to its result: choose an engine, make, encode, keep."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from render_worker.admission import Admission
from render_worker.contract import GenerateRequest, GenerateResult, PassedOver, Recipe
from render_worker.durations import Durations
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.errors import EngineError, EngineFault, InvalidParameter, PhaseTimeout, WorkerBusy, WorkerError
from render_worker.imaging import Picture, to_picture
from render_worker.metrics import Metrics
from render_worker.progress import Reporter, Tell, nobody
from render_worker.roster import Candidate, Roster
from render_worker.storages.base import Kept, Storages

LOCAL_SAVE_SECONDS = 1.0  # kept back from slower storages, so that the local folder still gets the picture
SHARE = 2 / 3  # of the time left, that an engine gets which has another one behind it

T = TypeVar("T")
SecondsLeft = Callable[[], float]

log = logging.getLogger(__name__)


class Pipeline:
    """Everything between a request and its result. It runs on the runtime's loop."""

    def __init__(
        self,
        roster: Roster,
        storage: Storages,
        admission: Admission,
        durations: Durations,
        metrics: Metrics,
        simulated: bool,
    ) -> None:
        self.roster = roster
        self.storage = storage
        self.admission = admission
        self.simulated = simulated or None  # left out of answers where it is not so
        self._durations = durations
        self._metrics = metrics

    async def start(self) -> None:
        """Start the engines that answer model=auto, side by side; one that cannot start says so in its health."""
        await asyncio.gather(*(self._start(name) for name in self.roster.auto))

    async def _start(self, name: str) -> None:
        try:
            await self.roster.engines[name].start()
        except EngineError as error:
            log.warning("engine %s could not start: %s", name, error)
        except Exception:  # the worker must come up and tell, whatever keeps an engine from starting
            log.exception("engine %s could not start", name)

    async def stop(self) -> None:
        """Stop every engine."""
        for engine in self.roster.engines.values():
            await engine.stop()

    async def generate(
        self, request: GenerateRequest, tell: Tell = nobody, seconds_left: SecondsLeft | None = None
    ) -> GenerateResult:
        """Make and keep one picture; a WorkerError where that cannot be done.

        With model=auto the next engine is asked where one cannot make it, unless it is the content that is refused.
        """
        started = time.monotonic()
        left = seconds_left or (lambda: started + request.timeout_seconds - time.monotonic())
        self.storage.check()
        choice = self.roster.choose(request)
        for passed_over in choice.passed_over:
            self._metrics.fallbacks.labels(passed_over.engine, passed_over.code).inc()
        for candidate in choice.candidates:
            work = _Work(request, candidate, choice.passed_over, started, tell, left)
            others = candidate is not choice.candidates[-1]
            try:
                return await self._made(work, left() * SHARE if others else None)
            except (EngineError, InvalidParameter, WorkerBusy) as error:
                self._failed(work, error, others)
        raise AssertionError("the last candidate's failure is raised")

    def _failed(self, work: "_Work", error: WorkerError, others: bool) -> None:
        """Note a failure, and raise it where no other engine is to be asked."""
        name = work.candidate.engine.name
        self._metrics.engine_failures.labels(name, error.code).inc()
        if not others or (isinstance(error, EngineError) and error.final):
            error.fallback_from = work.passed_over or None
            raise error
        self._metrics.fallbacks.labels(name, error.code).inc()
        log.warning("%s %s gives way: %s: %s", work.request.request_id, name, error.code, error)
        work.passed_over.append(PassedOver(engine=name, code=error.code))

    async def _made(self, work: "_Work", share: float | None) -> GenerateResult:
        """Make the picture by one engine, which has so many seconds for it where another one comes after it."""
        request, engine, recipe = work.request, work.candidate.engine, work.candidate.recipe(work.request)
        at_a_time = self.admission.at_a_time(engine.places)
        report = Reporter(request.request_id, engine.name, at_a_time, self._durations, work.tell)
        room = self._durations.until_room(engine.name, at_a_time)
        end = None if share is None else asyncio.get_running_loop().time() + share
        async with contextlib.AsyncExitStack() as held:
            place = held.enter_async_context(self.admission.place(engine.places, report.queued, room))
            leave_engine = await _by(end, place, WorkerBusy(f"{engine.name} had no free place in time.", room))
            report.begin()
            if work.passed_over:
                before = work.passed_over[-1]
                report("starting", f"{before.engine} cannot make it now ({before.code}); asking {engine.name}.")
            with self.roster.rests[engine.name].attempt():
                making = _without_fault(engine, recipe, report)
                image = await _by(end, making, PhaseTimeout(f"{engine.name} took longer than its share of the time."))
            leave_engine()  # what is left needs no engine, but a place among all
            report("saving")
            picture = await asyncio.to_thread(self._encode, engine, image, recipe)
            kept = await self.storage.save(picture, seconds=work.left() - LOCAL_SAVE_SECONDS)
        self._count(engine, report.seconds, kept)
        result = self._result(work, image, picture, kept)
        despite = f", setbacks on the way: {report.setbacks}" if report.setbacks else ""
        log.info("%s %s made in %d ms%s", request.request_id, engine.name, result.duration_ms, despite)
        return result

    def _count(self, engine: Engine, seconds: float, kept: Kept) -> None:
        self._durations.add(engine.name, seconds)
        self._metrics.pictures.labels(engine.name, kept.storage).inc()
        self._metrics.picture_seconds.labels(engine.name).observe(seconds)
        if kept.problem:
            self._metrics.storage_failures.labels(kept.problem.storage, kept.problem.code).inc()

    def _encode(self, engine: Engine, image: GeneratedImage, recipe: Recipe) -> Picture:
        texts = {
            "prompt": recipe.prompt,
            "negative_prompt": recipe.negative_prompt,
            "seed": None if image.seed is None else str(image.seed),
            "guidance_scale": None if image.guidance_scale is None else f"{image.guidance_scale:g}",
            "shape": recipe.shape,
            "engine": engine.name,
            "model": image.model,
            "note": image.note,
            "simulated": "true" if self.simulated else None,
        }
        texts_known = {name: text for name, text in texts.items() if text is not None}
        return to_picture(image.data, recipe.size, texts_known, recipe.output_format, scale=engine.own_sizes)

    def _result(self, work: "_Work", image: GeneratedImage, picture: Picture, kept: Kept) -> GenerateResult:
        request, candidate = work.request, work.candidate
        return GenerateResult(
            image_url=kept.stored.url,
            prompt=request.prompt,
            seed=image.seed,
            shape=request.shape,
            guidance_scale=image.guidance_scale,
            negative_prompt=request.negative_prompt,
            width=picture.width,
            height=picture.height,
            content_type=kept.stored.content_type,
            bytes=len(picture.data),
            sha256=picture.sha256,
            nsfw=image.nsfw,
            engine=candidate.engine.name,
            engine_model=image.model,
            model=request.model,
            fallback_from=work.passed_over or None,
            ignored=candidate.ignored or None,
            expected_seconds=None if request.within is None else candidate.expected_seconds,
            storage=kept.storage,
            storage_error=kept.problem,
            expires_at=kept.stored.expires_at,
            duration_ms=round((time.monotonic() - work.started) * 1000),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            request_id=request.request_id,
            note=image.note,
            simulated=self.simulated,
        )


@dataclass(frozen=True)
class _Work:
    """One engine's turn at a request."""

    request: GenerateRequest
    candidate: Candidate
    passed_over: list[PassedOver]
    """Who had a turn before, or none."""
    started: float
    tell: Tell
    left: SecondsLeft


async def _without_fault(engine: Engine, recipe: Recipe, report: Reporter) -> GeneratedImage:
    try:
        return await engine.generate(recipe, report)
    except WorkerError:
        raise
    except Exception as error:  # so that one engine's bug keeps no other one from answering; the log has it whole
        log.exception("engine %s failed unforeseen", engine.name)
        raise EngineFault(f"The engine {engine.name} failed by a fault of this service.") from error


async def _by(end: float | None, work: Awaitable[T], too_late: WorkerError) -> T:
    """What the work brings, or `too_late` where it is not done by that time of the loop's clock."""
    limit = asyncio.timeout_at(end)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise too_late from None
        raise
