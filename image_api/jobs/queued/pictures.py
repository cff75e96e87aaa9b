"""The pictures of jobs that Celery workers make: their options, and what is kept of their ends."""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

from image_api.dispatch.billing import billed_at_worker, in_budget_terms
from image_api.dispatch.queued.request_states import Final, RequestStates, unreadable
from image_api.dispatch.replies import error_of
from image_api.dispatch.validation import checked_cost, checked_result
from image_api.errors import ApiError
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import with_id
from image_api.generation.use_case import Generation
from image_api.jobs.job import Job, Json
from image_api.jobs.queued.picture_ids import PictureId, missing_of
from image_api.jobs.queued.queued_rows import Endings, Failure
from image_api.jobs.runner.inputs import JobImages, options_of
from image_api.jobs.runner.payers import budget_of
from image_api.limits.budgets import Budgets
from image_api.sent_images import SentImage
from render_worker.contract import ErrorLine, GenerateRequest, GenerateResult

log = logging.getLogger(__name__)


class JobPictures:
    """The pictures of jobs, between the queue and the use case. Thread-safe."""

    def __init__(
        self, states: RequestStates, generation: Generation, images: JobImages, budgets: Budgets | None = None
    ) -> None:
        """`budgets` are those of the keys that submit jobs."""
        self._budgets = budgets
        self._states = states
        self._generation = generation
        self._images = images

    @contextlib.contextmanager
    def series(self, job: Job) -> Iterator[list[GenerationOptions]]:
        """Yield the options of each of a job's pictures, while the image that they begin with is in memory.

        Raises JobUnreadable if this version does not understand them, and ServiceBusy if the image has no room.
        """
        with self._image(job) as image:
            yield options_of(job, image).series()

    def present(self, job: Job, index: int, options: GenerationOptions) -> Json | None:
        """Return a picture that the cache has; None if it is to be made."""
        found = self._generation.present(options, str(PictureId(job.id, index)))
        return _as_image(job, index, found) if found else None

    def max_price(self, job: Job, attempt: int, index: int, request: GenerateRequest) -> float | None:
        """Reserve what a picture may cost, and return it; None if the job counts on no budget.

        Raises BudgetSpent if that exceeds the budget, and DatabaseUnavailable.
        """
        budget = budget_of(job, self._budgets)
        return budget.reserve(request, _reservation(job, attempt, index)).max_price if budget else None

    def endings_of(self, jobs: Sequence[Job]) -> list[Endings]:
        """Return how those of the jobs' missing pictures ended that have, with their results kept by the use case.

        Raises redis.RedisError if Redis does not answer, and DatabaseUnavailable if they count on budgets.
        """
        ids = [request_id for job in jobs for request_id in missing_of(job)]
        finals = iter(self._states.finals(ids) if ids else ())
        return [self._endings(job, {index: next(finals) for index in job.missing}) for job in jobs]

    def _endings(self, job: Job, finals: Mapping[int, Final | None]) -> Endings:
        results: dict[int, GenerateResult] = {}
        failures: dict[int, Failure] = {}
        for index, final in finals.items():
            try:
                if final:
                    results[index] = _result_of(final)
            except ApiError as error:
                failures[index] = Failure(final.attempt if final else 0, error)
        kept = self._kept(job, results) if results else {}
        images = {index: _as_image(job, index, result) for index, result in kept.items()}
        self._settle_costs(job, finals)
        made_at = [final.attempt for index, final in finals.items() if final and index in images]
        return Endings(job.id, images, failures, max(made_at, default=0))

    def _settle_costs(self, job: Job, finals: Mapping[int, Final | None]) -> None:
        """Count what pictures did cost; those of attempts that were lost, or cancelled, may have cost all."""
        if job.payer is None or self._budgets is None:
            return
        for index, final in finals.items():
            if final:
                self._budgets.settle(_reservation(job, final.attempt, index), _cost_of(final))

    def _kept(self, job: Job, results: Mapping[int, GenerateResult]) -> Mapping[int, GenerateResult]:
        """Have the use case keep results, and return them as the client asked for them."""
        try:
            with self.series(job) as series:
                return {index: self._generation.keep(series[index], result) for index, result in results.items()}
        except ApiError as error:
            log.info("job %s: its pictures are not kept for other requests: %s", job.id, error)
        except Exception:  # a bug there takes the job's pictures from nothing but the cache
            log.exception("job %s: its pictures are not kept for other requests", job.id)
        return results

    @contextlib.contextmanager
    def _image(self, job: Job) -> Iterator[SentImage | None]:
        if not job.has_image:
            yield None
            return
        image = self._images.read(job, self._images.take(job))
        try:
            yield image
        finally:
            image.release()


def _result_of(final: Final) -> GenerateResult:
    """Return the result of a request's end. Raises its error, as an ApiError."""
    if isinstance(final.line, ErrorLine):
        raise in_budget_terms(error_of(final.line.error, final.line.status))
    try:
        return checked_result(final.line.result)
    except ValueError:
        raise unreadable() from None


def _cost_of(final: Final) -> float | None:
    """Return what an attempt was billed, in US dollars; None if that is not known."""
    if isinstance(final.line, ErrorLine):
        return billed_at_worker(error_of(final.line.error, final.line.status))
    return checked_cost(final.line.result.cost)


def _reservation(job: Job, attempt: int, index: int) -> str:
    """Return the name of what is reserved for a picture at an attempt."""
    return f"{PictureId(job.id, index)}-{attempt}"


def _as_image(job: Job, index: int, result: GenerateResult) -> Json:
    """Return a result as its job keeps it."""
    own = with_id(result, str(PictureId(job.id, index)))
    return {**own.model_dump(mode="json", exclude_none=True), "index": index}
