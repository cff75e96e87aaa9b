"""The search for a stored picture among several render workers: first at the one that is known to have it.

Of the others those that are up are asked first, and only then one that sleeps is woken. What one of them has deleted is
deleted, and a picture is missing only if every worker says so.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol, TypeVar

from image_api.dispatch.cold_start import WorkerStarting
from image_api.dispatch.pool.pooled_worker import PooledWorker
from image_api.dispatch.worker_client import WorkerClient
from image_api.errors import ApiError, DeadlinePassed
from image_api.outbound.reply import WorkerReply
from render_worker.contract import Recipe

FOUND_STATUSES = (200, 206, 304, 416)

T = TypeVar("T")


class Verdict(Enum):
    """What a worker's reply means for the search."""

    FOUND = auto()
    DELETED = auto()
    UNSURE = auto()
    MISSING = auto()


class Locations(Protocol):
    """Which worker has a picture, by the picture's name and the worker's identity. Thread-safe."""

    def get(self, name: str) -> str | None:
        """Return the identity of the worker; None if it is not known."""

    def put(self, name: str, worker: str) -> None:
        """Remember the worker that has a picture."""


class PictureSearch:
    """Asks one worker after the other. Thread-safe."""

    def __init__(self, workers: tuple[PooledWorker, ...], locations: Locations) -> None:
        self._workers = workers
        self._locations = locations

    def image(
        self, name: str, method: str, headers: Mapping[str, str], client: str | None, *, wake: bool
    ) -> WorkerReply:
        """Return the response with a picture; of one that is found nowhere the response that says most.

        Without `wake` no cold start is begun or awaited. Raises the ApiError of a worker that may have the picture.
        """

        def ask(worker: WorkerClient, waits: bool) -> WorkerReply:
            return worker.image(name, method, headers, client, wake=waits)

        replies: list[tuple[WorkerReply, Verdict]] = []
        chosen: WorkerReply | None = None
        try:
            replies.extend(self._replies(name, ask, _of_response, wake))
            chosen = min(replies, key=lambda it: it[1].value)[0]
            return chosen
        finally:
            for reply, _ in replies:
                if reply is not chosen:
                    reply.close()

    def recipe(self, name: str, address: str, client: str | None, *, wake: bool) -> Recipe | None:
        """Return the recipe that a worker keeps of a picture, None if none does. For the rest see `image`."""

        def ask(worker: WorkerClient, waits: bool) -> Recipe | None:
            return worker.kept_recipe(address, client, wake=waits)

        return list(self._replies(name, ask, _of_recipe, wake))[-1][0]

    def _replies(
        self, name: str, ask: Callable[[WorkerClient, bool], T], verdict_on: Callable[[T], Verdict], wake: bool
    ) -> Iterator[tuple[T, Verdict]]:
        """Yield the workers' replies until one holds. Raises the first error of those that did not answer at last."""
        located = self._located(name)
        errors: dict[PooledWorker, ApiError] = {}
        done: set[PooledWorker] = set()
        for worker, waits in self._order(located, done, wake):
            try:
                reply = ask(worker.client, waits)
            except ApiError as error:
                errors[worker] = error
                if _note_error(worker, error) or waits:
                    done.add(worker)
                continue
            done.add(worker)
            errors.pop(worker, None)
            verdict = verdict_on(reply)
            if verdict is Verdict.FOUND and worker is not located:
                self._locations.put(name, worker.client.identity)
            yield reply, verdict
            if verdict in (Verdict.FOUND, Verdict.DELETED):
                return
        if errors:
            raise next(iter(errors.values()))

    def _order(
        self, located: PooledWorker | None, done: set[PooledWorker], wake: bool
    ) -> Iterator[tuple[PooledWorker, bool]]:
        """Yield the worker that is asked next, and whether its cold start is waited for; the lost ones last."""
        steps: tuple[tuple[Callable[[PooledWorker], bool], bool], ...] = (
            (lambda it: it is located and not it.is_lost, wake),
            (lambda it: it.is_up, False),
            (lambda it: it is located, wake),
            (lambda it: not it.is_lost, wake),
            (lambda _: True, False),
        )
        for is_next, waits in steps:
            yield from ((worker, waits) for worker in self._workers if worker not in done and is_next(worker))

    def _located(self, name: str) -> PooledWorker | None:
        identity = self._locations.get(name)
        return next((worker for worker in self._workers if worker.client.identity == identity), None)


def _note_error(worker: PooledWorker, error: ApiError) -> bool:
    """Take note of a worker that does not answer. Returns whether it holds connections: it is not asked again."""
    if isinstance(error, WorkerStarting):
        worker.client.mark_lost()
    return isinstance(error.__cause__, DeadlinePassed)


def _of_response(reply: WorkerReply) -> Verdict:
    if reply.status_code in FOUND_STATUSES:
        return Verdict.FOUND
    known: dict[int, Verdict] = {HTTPStatus.GONE: Verdict.DELETED, HTTPStatus.NOT_FOUND: Verdict.MISSING}
    return known.get(reply.status_code, Verdict.UNSURE)


def _of_recipe(recipe: Recipe | None) -> Verdict:
    return Verdict.FOUND if recipe else Verdict.MISSING
