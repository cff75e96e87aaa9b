"""The one thread that runs models.

Pipelines keep the state of a run in themselves: two threads on one of them make wrong pictures, or none.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from render_worker.engines.diffusers.generation.batches import BatchLimits, Waiting, WaitingRequests
from render_worker.engines.diffusers.generation.request import DiffusionPicture, DiffusionRequest, Stopped
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.models.model_cache import ModelCache, ModelState

Make = Callable[[LoadedModel, Sequence[DiffusionRequest]], Sequence[DiffusionPicture | Exception]]
LOOK_SECONDS = 0.2  # while a model is loaded: it may turn out that it has to be downloaded first
RETURN_SECONDS = 0.1  # within which a client that had a picture may ask for the next one

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crowd:
    """How many clients asked lately for pictures that can be made together."""

    clients: int
    key: Hashable
    until: float
    """Of the monotonic clock; one that asks later than that seems to be alone."""

    def like(self, first: Waiting, now: float) -> int:
        """Return how many pictures may be asked for that can be made with this one, itself included."""
        return self.clients if first.key is not None and first.key == self.key and now < self.until else 1


class GenerationThread:
    """Makes pictures, one batch after another; models are loaded meanwhile, one at a time, and downloaded.

    A request for a model that is not loaded waits for it, and those for loaded ones go on. As soon as it is there its
    requests come first, so that each load brings pictures however many models take turns.
    """

    def __init__(self, cache: ModelCache, make: Make, limits: BatchLimits) -> None:
        """`make` returns the pictures of a batch, or what was raised in place of one."""
        self._cache = cache
        self._make = make
        self._limits = limits
        self._changed = threading.Condition()
        self._waiting = WaitingRequests()
        self._running: list[Waiting] = []
        self._tasks: list[Callable[[], None]] = []
        self._loading: dict[str, Future[LoadedModel]] = {}
        self._loaded: LoadedModel | None = None
        self._crowd = Crowd(0, None, 0.0)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="generation", daemon=True)
        self._thread.start()

    def submit(self, request: DiffusionRequest) -> Future[DiffusionPicture]:
        """Return the future of a picture. Its cancellation, or `stop`, ends its work."""
        waiting = Waiting(request, self._limits.key(request))
        with self._changed:
            if self._closed:
                waiting.future.set_exception(Stopped())
                return waiting.future
            self._waiting.add(waiting)
            self._changed.notify_all()
        return waiting.future

    def run_between(self, task: Callable[[], None]) -> None:
        """Call a function on the thread, before its next batch."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify_all()

    def wake(self) -> None:
        """Have the thread look at its requests again, as after one of them was stopped."""
        with self._changed:
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """Return how many requests wait."""
        with self._changed:
            return sum(1 for _ in self._waiting)

    def close(self, seconds: float) -> None:
        """Stop all requests, and end the thread; wait so many seconds for that."""
        with self._changed:
            self._closed = True
            for waiting in (*self._waiting, *self._running):
                waiting.request.stop.set()
            self._waiting.drop_unwanted()
            self._changed.notify_all()
        self._thread.join(seconds)

    def _work(self) -> None:
        while task := self._next():
            try:
                task()
            except Exception:  # the thread lives on for the tasks after it
                log.exception("A task of the generation thread failed.")
            del task  # what is held here would not be freed

    def _make_and_give_back(self, model: LoadedModel, batch: list[Waiting]) -> None:
        try:
            self._run(model, batch)
        finally:
            self._cache.give_back(model)

    def _run(self, model: LoadedModel, batch: list[Waiting]) -> None:
        try:
            outcomes = self._make(model, [it.request for it in batch])
        except Exception as error:  # noqa: BLE001 - the futures hand it on; a bug's traceback is logged by the pipeline
            outcomes = [error, *(copy.copy(error) for _ in batch[1:])]
        with self._changed:  # before a client has its picture, and may ask for the next one
            self._running = []
            self._crowd = self._crowd_after(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                waiting.future.set_exception(outcome)
            else:
                waiting.future.set_result(outcome)

    def _next(self) -> Callable[[], None] | None:
        """Wait for a task, or for a batch whose model is loaded, and return what does it; None at the end."""
        with self._changed:
            while not self._closed:
                if self._tasks:
                    return self._tasks.pop(0)
                self._waiting.drop_unwanted()
                if taken := self._taken():
                    self._ask_for_load()
                    return partial(self._make_and_give_back, *taken)
                if not self._ask_for_load():
                    self._changed.wait(LOOK_SECONDS if self._loading else None)
            return None

    def _taken(self) -> tuple[LoadedModel, list[Waiting]] | None:
        """Take the next batch; None if there is none whose model is loaded."""
        for first in self._in_turn():
            model = self._cache.lease(first.request.model)
            if model is None:
                continue
            batch = self._waiting.take(self._gathered(first))
            self._loaded = None
            if batch:
                self._running = batch
                return model, batch
            self._cache.give_back(model)
        return None

    def _in_turn(self) -> list[Waiting]:
        """Return the waiting requests in their order, those for a model that has just been loaded before the others."""
        loaded = self._loaded.name if self._loaded else None
        return sorted(self._waiting, key=lambda it: it.request.model != loaded)

    def _gathered(self, first: Waiting) -> list[Waiting]:
        """Return the batch of a request, for which it waits a moment if as many may come as came lately."""
        most = min(self._limits.pictures, self._crowd.like(first, time.monotonic()))
        batch = self._waiting.like(first, self._limits.pictures)
        end = time.monotonic() + self._limits.window_seconds
        while len(batch) < most and not self._closed and (remaining := end - time.monotonic()) > 0:
            self._changed.wait(remaining)
            batch = self._waiting.like(first, self._limits.pictures)
        return batch

    def _crowd_after(self, batch: list[Waiting]) -> Crowd:
        """Return how many clients there seem to be after a batch: its own, and those that came while it was made."""
        first = batch[0]
        came = sum(1 for it in self._waiting if it.key == first.key) if first.key is not None else 0
        return Crowd(len(batch) + came, first.key, time.monotonic() + RETURN_SECONDS)

    def _ask_for_load(self) -> bool:
        """Have the model of the request loaded that has waited longest for one, unless one is being loaded.

        Downloads go on beside. Return whether the load has ended already, so that nothing will tell of it any more.
        """
        if not all(self._cache.is_downloading(name) for name in self._loading):
            return False
        for waiting in self._waiting:
            name = waiting.request.model
            if name not in self._loading and self._cache.state(name) is not ModelState.LOADED:
                self._loading[name] = self._cache.load(name)
                self._loading[name].add_done_callback(partial(self._has_loaded, name))
                return name not in self._loading
        return False

    def _has_loaded(self, name: str, future: Future[LoadedModel]) -> None:
        with self._changed:
            del self._loading[name]
            if error := future.exception():
                self._fail(name, error)
            else:
                self._loaded = future.result()
            self._changed.notify_all()

    def _fail(self, name: str, error: BaseException) -> None:
        """Fail the requests for a model that could not be loaded."""
        for waiting in self._waiting.take(self._waiting.of_model(name)):
            waiting.future.set_exception(copy.copy(error))
