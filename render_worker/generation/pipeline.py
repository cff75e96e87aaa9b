"""From a request to its result: choose an engine, make, encode, keep."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from render_worker.contract import GenerateRequest, GenerateResult, Recipe
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.errors import (
    EngineCircuitOpen,
    EngineError,
    EngineFault,
    InvalidParameter,
    PhaseTimeout,
    QueueFull,
    WorkerBusy,
    WorkerError,
)
from render_worker.generation.admission import Admission
from render_worker.generation.attempt import Attempt, SecondsLeft
from render_worker.generation.latency import Latencies
from render_worker.generation.progress import OnProgress, Reporter, nobody
from render_worker.generation.selection import Candidate, EngineSelector, Selection
from render_worker.imaging import Picture, to_picture
from render_worker.metrics import Metrics
from render_worker.storages.base import SaveOutcome, StorageChain

MOMENT_SECONDS = 0.5  # before the deadline, in which its own end is told apart from others
LOCAL_SAVE_SECONDS = 1.0  # kept back from slower storages, so that the local folder still gets the picture

T = TypeVar("T")

log = logging.getLogger(__name__)


class Pipeline:
    """Everything between a request and its result. It runs on the runtime's loop."""

    def __init__(
        self,
        roster: EngineSelector,
        storage: StorageChain,
        admission: Admission,
        durations: Latencies,
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
        self, request: GenerateRequest, tell: OnProgress = nobody, seconds_left: SecondsLeft | None = None
    ) -> GenerateResult:
        """Make and keep one picture; a WorkerError where that cannot be done.

        With model=auto the next engine is asked where one cannot make it, unless it is the content that is refused.
        """
        started = time.monotonic()
        left = seconds_left or (lambda: started + request.timeout_seconds - time.monotonic())
        self.storage.check()
        choice = self.roster.choose(request)
        await self.storage.refuse(request.output_format)
        failures: list[tuple[Candidate, WorkerError]] = []
        for number, candidate in enumerate(choice.candidates):
            turn = Attempt(request, candidate, choice, choice.candidates[number + 1 :], started, tell, left)
            try:
                return await self._made(turn)
            except (EngineError, InvalidParameter, WorkerBusy) as error:
                failures.append((candidate, error))
                self._note(turn, error)
                if isinstance(error, EngineError) and error.forbids_fallback:
                    break
        raise _told(failures, choice)

    def _note(self, turn: Attempt, error: WorkerError) -> None:
        name = turn.candidate.engine.name
        turn.choice.out.append((turn.candidate, error.code))
        turn.choice.admitted = not isinstance(error, QueueFull)
        if not isinstance(error, WorkerBusy | EngineCircuitOpen):
            self._metrics.engine_failures.labels(name, error.code).inc()
        if turn.later:
            kind = {"kind": f"{name} {error.code}"}
            log.warning("%s %s gives way: %s: %s", turn.request.request_id, name, error.code, error, extra=kind)

    async def _made(self, turn: Attempt) -> GenerateResult:
        """Make the picture by one engine."""
        engine = turn.candidate.engine
        at_a_time = self.admission.at_a_time(engine.slots)
        report = Reporter(turn.request.request_id, engine.name, at_a_time, self._durations, turn.tell)
        room = self._durations.until_room(engine.name, at_a_time)
        end = turn.end()
        async with contextlib.AsyncExitStack() as held:
            waiting = self.admission.place(engine.slots, report.queued, room, again=turn.choice.admitted)
            leave_engine = await _by(
                turn.patience(end),
                held.enter_async_context(waiting),
                WorkerBusy(f"{engine.name} had no free place in time.", room),
            )
            report.begin()
            if turn.is_a_further_one:
                report("starting", turn.handed_on())
            async with self.storage.promised(turn.request.output_format):
                image, picture = await self._asked(turn, end, report, leave_engine)
                kept = await self.storage.save(picture, seconds=turn.left() - LOCAL_SAVE_SECONDS)
        self._count(turn, report.seconds, kept)
        result = self._result(turn, image, picture, kept)
        despite = f", setbacks on the way: {report.setbacks}" if report.setbacks else ""
        log.info("%s %s made in %d ms%s", turn.request.request_id, engine.name, result.duration_ms, despite)
        return result

    async def _asked(
        self, turn: Attempt, end: float | None, report: Reporter, leave_engine: Callable[[], None]
    ) -> tuple[GeneratedImage, Picture]:
        """What the engine makes, until that moment of the loop's clock; what is no picture is its failure too."""
        engine, rest = turn.candidate.engine, self.roster.rests[turn.candidate.engine.name]
        recipe = turn.candidate.recipe(turn.request)
        allowed = "its share of the request's time" if turn.later else "the request's time allows"
        too_late = PhaseTimeout(f"{engine.name} took longer than {allowed}.")
        clock = asyncio.get_running_loop().time
        begun = clock()

        def had_enough() -> bool:
            """Whoever had less time than he usually needs is no slower than ever."""
            return clock() - begun >= turn.candidate.making_seconds

        async def asked() -> tuple[GeneratedImage, Picture]:
            with rest.attempt():
                image = await _without_fault(engine, recipe, report)
                leave_engine()  # what is left needs no engine, but a place among all
                report("saving")
                return image, await asyncio.to_thread(self._encode, engine, image, recipe)

        try:
            return await _by(end, asked(), too_late)
        except PhaseTimeout as error:
            if error is too_late and had_enough():
                rest.failed(error)
            raise
        except asyncio.CancelledError:
            if turn.left() < MOMENT_SECONDS and had_enough():  # else somebody left, or the worker is being stopped
                rest.failed(too_late)
                self._metrics.engine_failures.labels(engine.name, too_late.code).inc()
            raise

    def _count(self, turn: Attempt, seconds: float, kept: SaveOutcome) -> None:
        name = turn.candidate.engine.name
        self._durations.add(name, seconds)
        self._metrics.pictures.labels(name, kept.storage).inc()
        self._metrics.picture_seconds.labels(name).observe(seconds)
        for passed_over in turn.choice.passed_over(turn.candidate) or ():
            self._metrics.fallbacks.labels(passed_over.engine, passed_over.code).inc()
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
        picture = to_picture(image.data, recipe.size, texts_known, recipe.output_format, scale=engine.own_sizes)
        return dataclasses.replace(picture, cheap=engine.cheap)

    def _result(self, turn: Attempt, image: GeneratedImage, picture: Picture, kept: SaveOutcome) -> GenerateResult:
        request, candidate = turn.request, turn.candidate
        return GenerateResult(
            image_url=kept.stored.url,
            prompt=request.prompt,
            seed=image.seed,
            shape=request.shape,
            guidance_scale=image.guidance_scale,
            negative_prompt=candidate.recipe(request).negative_prompt,
            width=picture.width,
            height=picture.height,
            content_type=kept.stored.content_type,
            bytes=len(picture.data),
            sha256=picture.sha256,
            nsfw=image.nsfw,
            engine=candidate.engine.name,
            engine_model=image.model,
            model=request.model,
            fallback_from=turn.choice.passed_over(candidate),
            ignored=candidate.ignored or None,
            expected_seconds=None if request.within is None else candidate.expected_seconds,
            storage=kept.storage,
            storage_error=kept.problem,
            expires_at=kept.stored.expires_at,
            duration_ms=round((time.monotonic() - turn.started) * 1000),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            request_id=request.request_id,
            note=image.note,
            simulated=self.simulated,
        )


def _told(failures: list[tuple[Candidate, WorkerError]], choice: Selection) -> WorkerError:
    """The last failure, or one before it where the last is that a single engine cannot read the request."""
    lasting = [failure for failure in failures if not isinstance(failure[1], InvalidParameter)]
    candidate, told = (lasting or failures)[-1]
    final = isinstance(told, EngineError) and told.forbids_fallback
    told.fallback_from = choice.passed_over(candidate) if final else choice.others(candidate)
    return told


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
