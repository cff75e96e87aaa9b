"""One attempt at a job: the pictures that it lacks, made by the use case as a request's are."""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal

from image_api.admission import Waiter
from image_api.errors import ApiError, RequestOver, ServiceBusy, Stopping
from image_api.generation.options import GenerationOptions
from image_api.generation.use_case import Generation
from image_api.jobs.errors import DatabaseUnavailable
from image_api.jobs.job import Job, Json
from image_api.jobs.runner.inputs import JobImages, options_of
from image_api.jobs.runner.leases import Lease, Leases
from image_api.jobs.runner.payers import payer_of
from image_api.limits.budgets import Budgets
from image_api.sent_images import Room, SentImage
from render_worker.contract import Progress
from render_worker.serving.deadline import Deadline

POLL_SECONDS = 0.5
BUSY = frozenset({ServiceBusy.code, "worker_busy"})  # codes of admission control, in both tiers

End = Literal["canceled", "taken", "stopped"]
"""The job was cancelled, another process has it now, or this process ends."""

log = logging.getLogger(__name__)


class InternalFault(ApiError):
    """Raised if an attempt fails by a bug of this program; the log has its traceback."""

    def __init__(self) -> None:
        super().__init__("This service failed by its own fault.")


@dataclass(frozen=True)
class Tools:
    """What all attempts of a runner share. Thread-safe."""

    leases: Leases
    generation: Generation
    images: JobImages
    pictures: threading.Semaphore
    """As many as are made at a time for all jobs: what clients wait for comes through between them."""
    budgets: Budgets | None = None
    """Of the keys that submit jobs."""


class Attempt:
    """One attempt at a job, under its lease. `run` blocks; the rest may be called from other threads."""

    def __init__(self, job: Job, tools: Tools, on_progress: Callable[[], None] = lambda: None) -> None:
        self.job = job
        self.lease = Lease.of(job)
        self.progress: Json | None = None
        """The newest."""
        self._begun = time.monotonic()
        self._expected: Deadline | None = None
        self.end: End | None = None
        """Why nothing of it counts any more, if so."""
        self._errors: dict[int, ApiError] = {}
        self._images = {int(it["index"]): it for it in job.images}
        self._tools = tools
        self._on_progress = on_progress
        self._over = threading.Event()
        self._keeping = threading.Lock()
        self._waiters: set[Waiter] = set()
        self._room: Room | None = None  # of the image that it begins with
        self._request_id = secrets.token_hex(16)  # of this attempt alone, so that no client can cancel it as a request

    @property
    def images(self) -> list[Json]:
        """Return what was made, in this attempt and before it."""
        return [self._images[index] for index in sorted(self._images)]

    @property
    def elapsed(self) -> float:
        """Return for how many seconds it runs."""
        return time.monotonic() - self._begun

    @property
    def expected_seconds(self) -> float | None:
        """Return in how many seconds its only picture is there, as the engine said; None if that is not known."""
        return (self._expected.remaining or None) if self._expected and self.job.pictures == 1 else None

    @property
    def errors(self) -> dict[int, ApiError]:
        """Return why pictures were not made, by their places."""
        return {index: error for index, error in self._errors.items() if index not in self._images}

    @property
    def is_complete(self) -> bool:
        """Return whether every picture is made, or was given up before."""
        return len(self._images) + len(self.job.failed) == self.job.pictures

    def run(self) -> None:
        """Make the pictures that the job lacks, and have those of several kept as each is made."""
        missing = self.job.missing
        try:
            with self._image() as image:
                pictures = options_of(self.job, image).series()
                self._make_all({index: pictures[index] for index in missing})
        except Stopping:
            self._end("stopped")
        except ApiError as error:
            self._errors.update(dict.fromkeys(missing, error))
        except Exception:  # a bug of this program is a job's end, and not that of the runner's thread
            log.exception("job %s: unexpected error", self.job.id)
            self._errors.update(dict.fromkeys(missing, InternalFault()))

    def cancel(self) -> None:
        """End what is made for it, at the engine too: its job was cancelled."""
        self._end("canceled")
        with contextlib.suppress(RequestOver):
            self._tools.generation.cancellations.cancel(self._request_id)

    def leave(self, end: "End") -> None:
        """Stop waiting for it, without a word to the render worker: another process sends the same request."""
        self._end(end)
        for waiter in list(self._waiters):
            waiter.evict()

    def _end(self, end: "End") -> None:
        self.end = self.end or end
        self._over.set()

    def _make_all(self, pictures: dict[int, GenerationOptions]) -> None:
        with (
            self._tools.generation.cancellations.hold(self._waiter()),
            ThreadPoolExecutor(max(1, len(pictures)), "job-pictures") as pool,
        ):
            list(pool.map(self._make, pictures, pictures.values()))

    def _make(self, index: int, options: GenerationOptions) -> None:
        """Make one picture, and keep it or its error."""
        try:
            with self._slot():
                result = self._generated(index, options)
            self._keep({**result, "index": index})
        except Stopping:
            self._end("stopped")
        except ApiError as error:
            self._errors[index] = error
        except Exception:  # likewise: the other pictures go on
            log.exception("job %s: unexpected error", self.job.id)
            self._errors[index] = InternalFault()

    def _generated(self, index: int, options: GenerationOptions) -> Json:
        """Return one picture's result. What admission control refuses is asked for again, until the deadline."""
        deadline = self._tools.generation.deadline()
        while True:
            try:
                return self._generated_once(index, options, deadline)
            except ApiError as error:
                pause = error.body().retry_after or 1
                if not self._is_refusal(error) or deadline.remaining <= pause or self._over.wait(pause):
                    raise

    def _is_refusal(self, error: ApiError) -> bool:
        """Return whether admission control refused a picture, and its image has not given way to those of others."""
        return error.body().code in BUSY and not (self._room and self._room.evicted)

    def _generated_once(self, index: int, options: GenerationOptions, deadline: Deadline) -> Json:
        # The same over all attempts: the render worker joins them, and makes no picture twice (idempotency).
        name = f"{self.job.id.hex}-{index}{self._suffix}"
        waiter = self._waiter()
        self._waiters.add(waiter)
        try:
            response = self._tools.generation.generate(options, name, waiter, deadline, partial(self._report, index))
        finally:
            self._waiters.discard(waiter)
        return response.result.model_dump(mode="json", exclude_none=True)

    @property
    def _suffix(self) -> str:
        """Return what tells an attempt from those that failed before, if what these cost is counted already."""
        failures = self.job.attempts - self.job.interruptions - 1
        return f"-{failures}" if self.job.payer and failures > 0 else ""

    def _waiter(self) -> Waiter:
        return Waiter(
            self.job.client,
            gone=self._over.is_set,
            request_id=self._request_id,
            repeated=self.job.is_repeated,
            payer=payer_of(self.job, self._tools.budgets),
        )

    def _report(self, index: int, progress: Progress) -> None:
        news = progress.model_dump(mode="json", exclude={"event", "preview"}, exclude_none=True)
        if progress.expected_seconds is not None:
            self._expected = Deadline.after(progress.expected_seconds)
        self.progress = {**news, "index": index} if self.job.pictures > 1 else news
        self._on_progress()

    def _keep(self, image: Json) -> None:
        """Keep an image, at once in the database if there are others."""
        with self._keeping:
            self._images[image["index"]] = image
            if self.job.pictures == 1:
                return
            try:
                self._tools.leases.keep(self.lease, self.images)
            except DatabaseUnavailable:  # they are kept with the attempt's outcome, or made again at no cost
                log.info("job %s: a picture waits for the jobs' database", self.job.id)
        self._on_progress()

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        """Hold a place among the pictures that are made for jobs. Raises Stopping if the attempt is over."""
        while not self._tools.pictures.acquire(timeout=POLL_SECONDS):
            self._check()
        try:
            self._check()
            yield
        finally:
            self._tools.pictures.release()

    def _check(self) -> None:
        if self._over.is_set():
            raise Stopping

    @contextlib.contextmanager
    def _image(self) -> Iterator[SentImage | None]:
        """Yield the image that the job begins with, in memory as long as it is needed."""
        if not self.job.has_image:
            yield None
            return
        room = self._room = self._taken_room()
        image = self._tools.images.read(self.job, room)
        try:
            yield image
        finally:
            image.release()

    def _taken_room(self) -> Room:
        """Return room for an image, as soon as there is some. Raises ServiceBusy if there is none by the deadline."""
        deadline = self._tools.generation.deadline()
        while True:
            try:
                return self._tools.images.take(self.job, self._over.is_set)
            except ServiceBusy:
                if deadline.expired:
                    raise
            if self._over.wait(POLL_SECONDS):
                raise Stopping
