"""The pictures of one request: side by side as far as admission control allows, the rest as others of them end."""

import contextlib
import logging
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from flask import g

from image_api.admission import Waiter
from image_api.errors import ApiError, Cancelled, InvalidParameter, ModelNotFound, ServiceBusy, TooManyStreams
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import FIRST_SECONDS, HEARTBEAT_SECONDS, GenerationResponse
from image_api.limits.errors import PromptBlocked
from image_api.services import services
from image_api.web.base64_json import EmbeddedPicture
from image_api.web.client_connection import waiter
from render_worker.contract import Progress
from render_worker.serving.deadline import Deadline

BUSY = {ServiceBusy.code, "worker_busy"}  # codes of admission control, in both tiers
RESTING = "engine_resting"  # a half-open circuit breaker takes one of several requests, and closes if that is made
OF_ALL = {
    InvalidParameter.code,
    ModelNotFound.code,
    PromptBlocked.code,
    TooManyStreams.code,
}  # codes of errors that every picture of the request would have


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What one of the pictures came to, or its progress; `index` is its place among them."""

    index: int
    content: GenerationResponse | ApiError | Progress


@dataclass(frozen=True)
class _Attempt:
    index: int
    waiter: Waiter
    ended_before: int
    made_before: int
    """How many of the batch had ended, and of these had been made, when it began."""


class Batch:
    """The pictures of the current request, made by one deadline. It belongs to the request's thread."""

    def __init__(
        self,
        pictures: Sequence[GenerationOptions],
        *,
        stream: bool = False,
        progress: bool = False,
        name: str | None = None,
    ) -> None:
        """Take the pictures on, for a stream or for a response as a whole, with or without their progress.

        `name` is that of the request, unless it is its second batch.
        """
        self._pictures = pictures
        self._stream = stream
        self._progress = progress
        self._generation = services().generation
        self._deadline = self._generation.deadline()
        self._over = threading.Event()
        self._first = self._waiter()
        self._previews: dict[int, str] = {}
        self._lock = threading.Lock()
        self._arrived: queue.Queue[Future[GenerationResponse] | Outcome] = queue.Queue()
        self._in_flight: dict[Future[GenerationResponse], _Attempt] = {}
        self._refused: list[tuple[_Attempt, ApiError]] = []
        self._begun = self._ended = self._made = 0
        self._name = name or g.request_id

    def outcomes(self) -> Generator[Outcome | None]:
        """Yield the outcome of each picture as it ends, and None as a heartbeat: soon, and then every few seconds.

        What admission control refuses is tried again when another picture of the batch has ended, and what a circuit
        breaker refuses when one was made. Raises the ApiError that all would end with, such as that of an invalid
        parameter, TooManyStreams if it is for a stream and the client has too many of those, and RateLimited or
        BudgetSpent, with no picture made, if not all may be.
        """
        admission = self._generation.admission
        counted = admission.stream_of(self._first.client) if self._stream else contextlib.nullcontext()
        with counted, self._generation.cancellations.hold(self._first):
            self._generation.require(self._pictures, self._first)
            yield from self._outcomes()

    def _outcomes(self) -> Iterator[Outcome | None]:
        pool = ThreadPoolExecutor(len(self._pictures), "pictures")
        first = Deadline.after(FIRST_SECONDS)  # by when a stream's client has its headers, also without an event
        try:
            for index in range(len(self._pictures)):
                self._begin(pool, index)
            while self._in_flight:
                yield from self._next(first.remaining or HEARTBEAT_SECONDS)
                self._begin_again(pool)
            for attempt, error in self._refused:
                yield Outcome(attempt.index, error)
        finally:
            self._over.set()
            pool.shutdown(wait=False)

    def _waiter(self) -> Waiter:
        return waiter(given_up=self._over.is_set)

    def _begin(self, pool: ThreadPoolExecutor, index: int) -> None:
        here = self._waiter() if self._begun else self._first
        self._begun += 1
        # The render worker answers a request with the same id with the same picture (idempotency).
        name = self._name if len(self._pictures) == 1 else f"{self._name}-{self._begun}"

        report = partial(self._report, index) if self._progress else None
        future = pool.submit(self._generation.generate, self._pictures[index], name, here, self._deadline, report)
        self._in_flight[future] = _Attempt(index, here, self._ended, self._made)
        future.add_done_callback(self._arrived.put)

    def _report(self, index: int, progress: Progress) -> None:
        """Have a picture's progress yielded: of previews that wait for a slow client the newest alone."""
        with self._lock:
            waits = progress.preview and index in self._previews
            if progress.preview:
                self._previews[index] = progress.preview
        if not waits:
            self._arrived.put(Outcome(index, progress))

    def _newest(self, outcome: Outcome) -> Outcome:
        """Return a progress that has arrived, with the newest preview if it has one."""
        if not (isinstance(outcome.content, Progress) and outcome.content.preview):
            return outcome
        with self._lock:
            newest = self._previews.pop(outcome.index)
        return replace(outcome, content=outcome.content.model_copy(update={"preview": newest}))

    def _next(self, timeout: float) -> Iterator[Outcome | None]:
        """Yield what arrives next, but for an attempt that was refused; None on timeout."""
        try:
            arrived = self._arrived.get(timeout=timeout)
        except queue.Empty:
            yield None
            return
        if isinstance(arrived, Outcome):
            yield self._newest(arrived)
            return
        attempt, content = self._in_flight.pop(arrived), _content_of(arrived)
        if isinstance(content, ApiError) and _is_refusal(content, attempt.waiter):
            self._refused.append((attempt, content))
        else:
            self._ended += 1
            self._made += isinstance(content, GenerationResponse)
            yield Outcome(attempt.index, content)

    def _begin_again(self, pool: ThreadPoolExecutor) -> None:
        """Begin those refused again that may be taken now."""
        if self._first.gone() or self._deadline.expired:
            return
        waiting = [it for it in self._refused if self._may_be_taken(*it)]
        self._refused = [it for it in self._refused if it not in waiting]
        for attempt, _ in waiting:
            self._begin(pool, attempt.index)

    def _may_be_taken(self, attempt: _Attempt, error: ApiError) -> bool:
        """Return whether there may be a slot, or the circuit be closed, since the attempt began."""
        if error.body().code == RESTING:
            return attempt.made_before < self._made
        return attempt.ended_before < self._ended


def _is_refusal(error: ApiError, here: Waiter) -> bool:
    """Return whether it was not taken at all; an eviction is no such case, because another client needs the slot."""
    return error.body().code in (*BUSY, RESTING) and not here.evicted


def _content_of(future: "Future[GenerationResponse]") -> GenerationResponse | ApiError:
    """Return the response of a picture, or its error. Raises an error that all pictures would have."""
    try:
        return future.result()
    except ApiError as error:
        if error.body().code in OF_ALL:
            raise
        return error


class Pictures:
    """What the pictures of a batch came to, by their places."""

    def __init__(self, outcomes: Iterable[Outcome | None] = ()) -> None:
        """Collect the outcomes. Raises the first ApiError if there are some, and no picture."""
        self.made: dict[int, GenerationResponse] = {}
        self.errors: dict[int, ApiError] = {}
        for outcome in outcomes:
            if outcome:
                self.add(outcome)
        if self.errors:
            self.require_any()

    def add(self, outcome: Outcome) -> None:
        """Add an outcome; progress is none."""
        if isinstance(outcome.content, ApiError):
            self.errors[outcome.index] = outcome.content
        elif isinstance(outcome.content, GenerationResponse):
            self.made[outcome.index] = outcome.content

    def add_opened(self, outcome: Outcome) -> EmbeddedPicture | None:
        """Add an outcome, and return its picture, opened; None if it has failed, or fails now."""
        self.add(outcome)
        response = self.made.get(outcome.index)
        try:
            return self._opened(outcome.index, response) if response else None
        except ApiError as error:
            self.fail(outcome.index, error)
            return None

    def _opened(self, index: int, response: GenerationResponse) -> EmbeddedPicture:
        """Return the picture of a response, which is another one if that was lost. Raises as EmbeddedPicture does."""
        picture = EmbeddedPicture(response)
        if picture.result is not response.result:
            self.made[index] = GenerationResponse(picture.result, "MISS")
        return picture

    def fail(self, index: int, error: ApiError) -> None:
        """Have a picture failed that was made, but cannot be read."""
        self.made.pop(index, None)
        self.errors[index] = error

    def require_any(self) -> None:
        """Raise Cancelled, or else the first ApiError, if no picture was made."""
        if not self.made:
            raise min(self.errors.values(), key=lambda error: not isinstance(error, Cancelled))

    def opened(self) -> dict[int, EmbeddedPicture]:
        """Open the pictures, in their order; one that cannot be fails. Raises the first ApiError if none can be."""
        outcomes = [Outcome(index, response) for index, response in sorted(self.made.items())]
        opened = {it.index: picture for it in outcomes if (picture := self.add_opened(it))}
        self.require_any()
        return opened

    def log_failures(self) -> None:
        """Log that pictures failed while others were made."""
        if self.errors:
            codes = ", ".join(sorted({it.body().code for it in self.errors.values()}))
            count = len(self.errors) + len(self.made)
            log.warning("%s: %d of %d pictures failed: %s", g.request_id, len(self.errors), count, codes)
