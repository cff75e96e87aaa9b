"""The pictures of one request: side by side as far as admission control allows, the rest as others of them end."""

import contextlib
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from flask import g

from image_api.admission import Waiter
from image_api.errors import ApiError, InvalidParameter, ModelNotFound, Relayed, ServiceBusy, TooManyStreams
from image_api.generation.options import GenerationOptions
from image_api.generation.progress_stream import FIRST_SECONDS, HEARTBEAT_SECONDS, GenerationResponse
from image_api.services import services
from image_api.web.client_connection import waiter
from image_api.web.schemas.openai import parameter_named

BUSY = {ServiceBusy.code, "worker_busy"}  # codes of admission control, in both tiers
RESTING = "engine_resting"  # a half-open circuit breaker takes one of several requests, and closes if that is made
OF_ALL = {
    InvalidParameter.code,
    ModelNotFound.code,
    TooManyStreams.code,
}  # codes of errors that every picture of the request would have


@dataclass(frozen=True)
class Outcome:
    """What one of the pictures came to; `number` is its place among them."""

    number: int
    content: GenerationResponse | ApiError


@dataclass(frozen=True)
class _Attempt:
    number: int
    waiter: Waiter
    ended_before: int
    made_before: int
    """How many of the batch had ended, and of these had been made, when it began."""


class Batch:
    """The pictures of the current request, made by one deadline. It belongs to the request's thread."""

    def __init__(self, pictures: list[GenerationOptions], *, stream: bool) -> None:
        """Take the pictures on, for a stream or for a response as a whole."""
        self._pictures = pictures
        self._stream = stream
        self._generation = services().generation
        self._deadline = self._generation.deadline()
        self._over = threading.Event()
        self._first = self._waiter()
        self._in_flight: dict[Future[GenerationResponse], _Attempt] = {}
        self._refused: list[tuple[_Attempt, ApiError]] = []
        self._begun = self._ended = self._made = 0
        self._request_id = g.request_id

    def outcomes(self) -> Generator[Outcome | None]:
        """Yield the outcome of each picture as it ends, and None as a heartbeat: soon, and then every few seconds.

        What admission control refuses is tried again when another picture of the batch has ended, and what a circuit
        breaker refuses when one was made. Raises the ApiError that all would end with, such as that of an invalid
        parameter, and TooManyStreams if it is for a stream and the client has too many of those.
        """
        admission = self._generation.admission
        with admission.stream_of(self._first.client) if self._stream else contextlib.nullcontext():
            yield from self._outcomes()

    def _outcomes(self) -> Iterator[Outcome | None]:
        pool = ThreadPoolExecutor(len(self._pictures), "pictures")
        timeout = FIRST_SECONDS
        try:
            for number in range(len(self._pictures)):
                self._begin(pool, number)
            while self._in_flight:
                done, _ = wait(self._in_flight, timeout, FIRST_COMPLETED)
                yield from self._end(done) if done else (None,)
                self._begin_again(pool)
                timeout = HEARTBEAT_SECONDS
            for attempt, error in self._refused:
                yield Outcome(attempt.number, error)
        finally:
            self._over.set()
            pool.shutdown(wait=False)

    def _waiter(self) -> Waiter:
        return waiter(given_up=self._over.is_set)

    def _begin(self, pool: ThreadPoolExecutor, number: int) -> None:
        here = self._waiter() if self._begun else self._first
        self._begun += 1
        # The render worker answers a request with the same id with the same picture (idempotency).
        name = self._request_id if len(self._pictures) == 1 else f"{self._request_id}-{self._begun}"
        future = pool.submit(self._generation.generate, self._pictures[number], name, here, self._deadline)
        self._in_flight[future] = _Attempt(number, here, self._ended, self._made)

    def _end(self, done: "set[Future[GenerationResponse]]") -> Iterator[Outcome]:
        """Yield the outcomes of these attempts, but for those that were refused."""
        for future in done:
            attempt, content = self._in_flight.pop(future), _content_of(future)
            if isinstance(content, ApiError) and _is_refusal(content, attempt.waiter):
                self._refused.append((attempt, content))
            else:
                self._ended += 1
                self._made += isinstance(content, GenerationResponse)
                yield Outcome(attempt.number, content)

    def _begin_again(self, pool: ThreadPoolExecutor) -> None:
        """Begin those refused again that may be taken now."""
        if self._first.gone() or self._deadline.expired:
            return
        waiting = [it for it in self._refused if self._may_be_taken(*it)]
        self._refused = [it for it in self._refused if it not in waiting]
        for attempt, _ in waiting:
            self._begin(pool, attempt.number)

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
        body = error.body()
        if isinstance(error, Relayed) and parameter_named(body) == "model":
            raise ModelNotFound(body.error) from error
        if body.code in OF_ALL:
            raise
        return error
