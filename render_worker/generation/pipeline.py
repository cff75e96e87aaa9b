"""From a request to its result: select, then for each attempt acquire a slot, generate, encode, save, or fall back."""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator
from typing import TYPE_CHECKING, TypeVar

from render_worker.budgets.errors import OverMaxPrice
from render_worker.budgets.expense import Expense
from render_worker.contract import GenerateRequest, GenerateResult, Recipe
from render_worker.engines.base import Engine, GeneratedImage
from render_worker.errors import (
    EngineCircuitOpen,
    EngineError,
    EngineFault,
    InvalidParameter,
    PhaseTimeout,
    UpstreamError,
    WorkerBusy,
    WorkerError,
)
from render_worker.generation.admission import CURRENT_CLIENT, Admission
from render_worker.generation.attempt import Attempt, attempts, sent_image
from render_worker.generation.errors import NsfwRefused
from render_worker.generation.file_texts import file_texts
from render_worker.generation.first_picture import load_imaging_meanwhile
from render_worker.generation.hedging import Hedging
from render_worker.generation.latency import Latencies
from render_worker.generation.movable_deadline import MovableDeadline
from render_worker.generation.progress import OnProgress, ProgressReporter, ignore_progress
from render_worker.generation.result import to_result
from render_worker.generation.selector import EngineSelector
from render_worker.metrics import Metrics
from render_worker.outbound.privacy import kept_private
from render_worker.picture import Picture
from render_worker.serving.deadline import Deadline
from render_worker.storages.chain import SaveOutcome, StorageChain

if TYPE_CHECKING:
    from render_worker.imaging import SourcePicture

MOMENT_SECONDS = 0.5  # before the deadline: a cancellation so late is taken for the deadline's
LOCAL_SAVE_SECONDS = 1.0  # kept back from slower storages, so that the local folder still gets the picture

T = TypeVar("T")

log = logging.getLogger(__name__)


class Pipeline:
    """Everything between a request and its result. It runs on the runtime's loop."""

    def __init__(
        self,
        selector: EngineSelector,
        storages: StorageChain,
        admission: Admission,
        latencies: Latencies,
        metrics: Metrics,
        simulated: Container[str],
        *,
        hedged: bool = False,
        refuses_nsfw: bool = False,
    ) -> None:
        """`simulated` names the engines whose pictures are marked so. `hedged`: whether an engine that costs nothing is
        asked beside one that takes longer than usual. `refuses_nsfw`: whether a flagged picture is refused.
        """
        self.selector = selector
        self.storages = storages
        self.admission = admission
        self._latencies = latencies
        self._metrics = metrics
        self.simulated = simulated
        self._refuses_nsfw = refuses_nsfw
        self._hedging = Hedging(hedged, selector, admission, latencies, metrics)

    async def generate(
        self,
        request: GenerateRequest,
        on_progress: OnProgress = ignore_progress,
        deadline: MovableDeadline | None = None,
        expense: Expense | None = None,
    ) -> GenerateResult:
        """Make and save one picture; with model=auto each failed attempt falls back to the next candidate.

        `deadline`: the request's own if None. `expense`: what its attempts count on, a new one if None.
        Raises the WorkerError of a failed attempt, with what all may have cost, if no other succeeds.
        """
        expense = expense or Expense(request.max_price)
        try:
            return await self._first_success(request, on_progress, deadline, expense)
        except WorkerError as error:
            error.cost = expense.cost
            raise

    async def _first_success(
        self, request: GenerateRequest, on_progress: OnProgress, deadline: MovableDeadline | None, expense: Expense
    ) -> GenerateResult:
        self.storages.check()
        selection = self.selector.select(request, expense)
        await self.storages.preflight(request.output_format)
        deadline = deadline or MovableDeadline(Deadline(selection.started + request.timeout_seconds))
        image = sent_image(request)
        for attempt in attempts(selection, deadline, image):
            if result := await self._hedging.run(attempt, self._try_attempt, on_progress):
                return result
        raise selection.error()

    async def _try_attempt(self, attempt: Attempt) -> GenerateResult | None:
        """Return the attempt's result; None if it failed, which is recorded then."""
        try:
            return await self._run_attempt(attempt)
        except (EngineError, InvalidParameter, WorkerBusy) as error:
            if not attempt.lane.overtaken:
                attempt.failed(error)
                self._record_failure(attempt, error)
            return None

    async def _run_attempt(self, attempt: Attempt) -> GenerateResult:
        """Acquire a slot, generate, encode and save."""
        request, engine = attempt.request, attempt.engine
        attempt.selection.expense.check(engine.name, attempt.candidate.price)  # an attempt before may have cost it
        reporter = ProgressReporter(
            request.request_id,
            engine.name,
            self._latencies,
            attempt.lane.report,
            usual=engine.typical_seconds,
            slots=lambda: self.admission.seconds_to_slots(engine.slots),
            wants_previews=bool(request.previews) and not self._refuses_nsfw,  # which would show it unclassified
            time_left=lambda: attempt.time_left,
        )
        async with self._slot(attempt, reporter) as release_engine:
            reporter.begin()
            attempt.lane.begin()
            if message := attempt.fallback_message():
                reporter("starting", message)
            async with self.storages.attempt(request.output_format):
                image, picture = await self._generate_in_time(attempt, reporter, release_engine)
                attempt.lane.win()
                remaining = attempt.request_deadline.remaining
                saved = await self.storages.save(picture, seconds=remaining - LOCAL_SAVE_SECONDS)
        self._record_success(attempt, saved, reporter.seconds)
        result = to_result(attempt, image, picture, saved, simulated=self._is_simulated(attempt.engine, image))
        setbacks = f", setbacks: {reporter.setbacks}" if reporter.setbacks else ""
        log.info("%s generated by %s in %d ms%s", request.request_id, engine.name, result.duration_ms, setbacks)
        return result

    @contextlib.asynccontextmanager
    async def _slot(self, attempt: Attempt, reporter: ProgressReporter) -> AsyncIterator[Callable[[], None]]:
        """Hold a slot; raises WorkerBusy if there is none by the attempt's deadline for that."""
        engine = attempt.engine
        retry_after = self._latencies.seconds_to_slot(engine.name, self.admission.seconds_to_slots(engine.slots))
        admitted = attempt.selection.is_admitted
        async with contextlib.AsyncExitStack() as held:
            yield await _by(
                attempt.slot_deadline,
                held.enter_async_context(
                    self.admission.slot(
                        engine.slots,
                        reporter.queued,
                        retry_after,
                        admitted=admitted,
                        remaining=lambda: reporter.remaining,
                    )
                ),
                WorkerBusy(f"{engine.name} had no free place in time.", retry_after),
            )

    async def _generate_in_time(
        self, attempt: Attempt, reporter: ProgressReporter, release_engine: Callable[[], None]
    ) -> tuple[GeneratedImage, Picture]:
        """Generate and encode by the attempt's deadline; raises PhaseTimeout if that expires."""
        timeout, begun = attempt.timeout_error(), time.monotonic()
        try:
            return await _by(attempt.deadline, self._generate(attempt, reporter, release_engine), timeout)
        except PhaseTimeout as error:
            if error is timeout and not reporter.is_saving:
                self._record_timeout(attempt, error, begun)
            raise
        except asyncio.CancelledError:
            # An earlier cancellation comes from a client that left, or from a shutdown.
            late = attempt.request_deadline.remaining < MOMENT_SECONDS and not reporter.is_saving
            if late and not attempt.lane.overtaken and self._record_timeout(attempt, timeout, begun):
                self._metrics.count_engine_failure(attempt.engine.name, timeout.code)
            raise

    def _record_timeout(self, attempt: Attempt, timeout: PhaseTimeout, begun: float) -> bool:
        """Count the timeout in the circuit breaker only if the engine had at least its p90; return whether it had."""
        had_enough = time.monotonic() - begun >= attempt.candidate.slot_seconds
        if had_enough:
            self.selector.breakers[attempt.engine.name].record_failure(timeout)
            self._latencies.add_outcome(attempt.engine.name, success=False)
        return had_enough

    async def _generate(
        self, attempt: Attempt, reporter: ProgressReporter, release_engine: Callable[[], None]
    ) -> tuple[GeneratedImage, Picture]:
        """Return the engine's image and the picture encoded of it; what is no image is the engine's failure too."""
        engine, recipe = attempt.engine, attempt.candidate.recipe(attempt.request)
        source = await attempt.image.picture() if attempt.image else None  # only now: those that wait keep small files
        async with self.selector.budgets.charged(engine.name, attempt.candidate.price):
            with (
                attempt.selection.expense.charged(engine.name, attempt.candidate.price),
                self.selector.breakers[engine.name].call(),
                self._outcome(engine.name),
            ):
                load_imaging_meanwhile()
                image = await _without_fault(engine, recipe, source, reporter)
                if self._refuses_nsfw and image.nsfw:
                    raise NsfwRefused(f"{engine.name} says that its picture is not safe for work.")
                release_engine()  # encoding and saving need no engine, but one of the slots of all
                reporter("saving")
                picture = await self._encode(engine, image, recipe)
                # Of the request, and not of what this engine honours: another one may make the picture the next time.
                again = attempt.request.with_seed_used(image.seed)
                client = CURRENT_CLIENT.get()
                return image, dataclasses.replace(picture, cheap=engine.cheap, recipe=again, client=client)

    @contextlib.contextmanager
    def _outcome(self, engine: str) -> Iterator[None]:
        """Record whether the engine brings a picture within this; neither a cancellation nor a bad request counts."""
        try:
            yield
        except UpstreamError as error:
            if not error.caused_by_request:
                self._latencies.add_outcome(engine, success=False)
            raise
        self._latencies.add_outcome(engine, success=True)

    async def _encode(self, engine: Engine, image: GeneratedImage, recipe: Recipe) -> Picture:
        from render_worker.imaging import make_picture  # Pillow is not imported before the first picture

        texts = file_texts(engine.name, image, recipe, simulated=self._is_simulated(engine, image))
        plan = engine.plan(recipe)
        return await make_picture(
            image.data,
            plan.reduced_to(image.made) if image.made else plan,
            texts,
            recipe.output_format,
            recipe.output_compression,
            size_required=recipe.size_required,
        )

    def _is_simulated(self, engine: Engine, image: GeneratedImage) -> bool:
        return image.simulated or engine.name in self.simulated

    def _record_success(self, attempt: Attempt, saved: SaveOutcome, seconds: float) -> None:
        """Count a picture, what it took, and what failed before it was saved."""
        name = attempt.engine.name
        self._latencies.add(name, seconds)
        self._metrics.count_picture(name, saved.storage, seconds)
        self._metrics.count_fallbacks(attempt.selection.passed_over(attempt.candidate) or ())
        if saved.problem:
            self._metrics.count_storage_failure(saved.problem)

    def _record_failure(self, attempt: Attempt, error: WorkerError) -> None:
        """Count a failed attempt, and log it if the request falls back."""
        name = attempt.engine.name
        if not isinstance(error, WorkerBusy | EngineCircuitOpen | OverMaxPrice):
            self._metrics.count_engine_failure(name, error.code)
        if attempt.fallbacks:
            kind = {"kind": f"{name} {error.code}"}
            log.warning(
                "%s %s failed, falling back: %s: %s", attempt.request.request_id, name, error.code, error, extra=kind
            )


async def _without_fault(
    engine: Engine, recipe: Recipe, image: "SourcePicture | None", reporter: ProgressReporter
) -> GeneratedImage:
    """Return the engine's image; raises EngineFault if the engine has a bug."""
    try:
        with kept_private(recipe.prompt, recipe.negative_prompt, *engine.secrets):
            return await (engine.edit(recipe, image, reporter) if image else engine.generate(recipe, reporter))
    except WorkerError as error:
        error.unbilled = error.unbilled and not reporter.is_downloading  # then the picture was made
        raise
    except Exception as error:  # so that one engine's bug keeps no other one from answering; the log has it whole
        log.exception("engine %s: unexpected error", engine.name)
        raise EngineFault(f"The engine {engine.name} failed by a fault of this service.") from error


async def _by(deadline: Deadline | None, work: Awaitable[T], timeout: WorkerError) -> T:
    """Return the result of the work; raises `timeout` if it is not done by the deadline."""
    limit = asyncio.timeout(None if deadline is None else deadline.remaining)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise timeout from None
        raise
