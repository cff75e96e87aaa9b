"""The models in memory: as many as it holds, and of those the ones that were used last."""

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from enum import StrEnum

from render_worker.engines.diffusers.errors import OutOfMemory
from render_worker.engines.diffusers.models.device import Device
from render_worker.engines.diffusers.models.downloads import Downloads
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.models.loader import free_memory, load, needed_bytes
from render_worker.engines.diffusers.models.registry import ModelRegistry, ModelSource
from render_worker.engines.diffusers.models.task_thread import TaskThread
from render_worker.errors import EngineError, WorkerError

LEASE_SECONDS = 120.0  # for which a load waits for a batch to give its model back: longer than a batch takes on a GPU
STOPS = "The render worker stops."

log = logging.getLogger(__name__)


class ModelState(StrEnum):
    """Whether a model's weights are in memory."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"


class ModelCache:
    """Keeps models in memory. Its methods return at once, and may be called by any thread.

    One thread loads and releases all models. A model that has to leave is not leased any more, and is released as soon
    as the batch that uses it gives it back.
    """

    def __init__(self, registry: ModelRegistry, device: Device) -> None:
        self._registry = registry
        self._device = device
        self._downloads = Downloads(registry.cache, safety_checker=registry.safety_checker)
        self._changed = threading.Condition()
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._leaving: list[LoadedModel] = []
        """Those that are not released yet."""
        self._leases: Counter[LoadedModel] = Counter()
        self._loading: dict[str, Future[LoadedModel]] = {}
        self._downloading: set[str] = set()
        self._is_closed = False
        self._thread = TaskThread("model-loader")

    def state(self, name: str) -> ModelState:
        """Return whether a model is in memory. A model that is loaded anew is loaded meanwhile."""
        name = self._registry.canonical(name)
        with self._changed:
            if name in self._models:
                return ModelState.LOADED
            return ModelState.LOADING if name in self._loading else ModelState.UNLOADED

    def is_loading(self, name: str) -> bool:
        """Return whether a model is being loaded, also if it is loaded anew."""
        with self._changed:
            return self._registry.canonical(name) in self._loading

    def is_downloading(self, name: str) -> bool:
        """Return whether a model that is to be loaded is being downloaded yet; others can be loaded meanwhile."""
        with self._changed:
            return self._registry.canonical(name) in self._downloading

    def loaded(self) -> list[LoadedModel]:
        """Return the models in memory, the one that was used longest ago first."""
        with self._changed:
            return list(self._models.values())

    def ready(self, name: str) -> LoadedModel | None:
        """Return a model if it is in memory, as one that is used now."""
        with self._changed:
            name = self._registry.canonical(name)
            if model := self._models.get(name):
                self._models.move_to_end(name)
            return model

    def lease(self, name: str) -> LoadedModel | None:
        """Return a model that is to be used now, and count its use; None if it is not in memory.

        Give it back with `give_back`: it is not released before that.
        """
        with self._changed:
            if model := self.ready(name):
                self._leases[model] += 1
            return model

    def give_back(self, model: LoadedModel) -> None:
        """End one use of a model."""
        with self._changed:
            self._leases[model] -= 1
            if not self._leases[model]:
                del self._leases[model]
            if model in self._leaving:
                self._thread.submit(self._release_unused)
                self._changed.notify_all()

    def load(self, name: str) -> "Future[LoadedModel]":
        """Return the model of that name, which is loaded if need be: if it is not in memory, or has changed on disk.

        It is loaded once at a time, and cannot be cancelled. It fails with InvalidParameter if there is no such model,
        with an EngineError if it cannot be loaded, or if the cache is closed.
        """
        name = self._registry.canonical(name)
        with self._changed:
            if self._is_closed:
                return _failed(EngineError(STOPS))
            if name not in self._loading:
                future: Future[LoadedModel] = Future()
                future.set_running_or_notify_cancel()  # a caller that stops waiting leaves it to the others
                self._loading[name] = future
                self._thread.submit(lambda: self._begin(name, future))
            return self._loading[name]

    def unload(self, name: str) -> bool:
        """Let a model leave the memory, and return whether it was there."""
        with self._changed:
            model = self._models.pop(self._registry.canonical(name), None)
            if model:
                self._leaving.append(model)
                self._thread.submit(self._release_unused)
            return model is not None

    def close(self, seconds: float = 5.0) -> None:
        """Let all models leave, and end the thread. Waits for a load or download in progress for some seconds only."""
        with self._changed:
            self._is_closed = True
            self._leaving += self._models.values()
            self._models.clear()
            self._changed.notify_all()
        self._downloads.close()
        self._thread.submit(self._release_unused)
        self._thread.close(seconds)
        with self._changed:
            abandoned, self._loading = list(self._loading.values()), {}
        for future in abandoned:  # outside of the lock: what is called then may wait for another one
            future.set_exception(EngineError(STOPS))

    # From here on everything runs on the loader's thread.

    def _begin(self, name: str, future: "Future[LoadedModel]") -> None:
        """Load a model, or have it downloaded first: other models are loaded meanwhile."""

        def find() -> ModelSource:
            return self._registry.find(name, anew=True)

        def give_up(error: BaseException) -> None:
            self._downloading.discard(name)
            self._finish(name, future, lambda: _raise(error))

        def go_on() -> None:
            self._downloading.discard(name)
            self._thread.submit(lambda: self._finish(name, future, lambda: self._load(find())))

        try:
            source = find()
        except WorkerError as error:
            give_up(error)
            return
        if source.folder is None and source.repository:
            self._downloading.add(name)
            self._downloads.start(source.repository, go_on, give_up, halved=self._device.number_bytes == 2)
        else:
            self._finish(name, future, lambda: self._load(source))

    def _finish(self, name: str, future: "Future[LoadedModel]", work: Callable[[], LoadedModel]) -> None:
        """Set the future's result to that of `work`, unless the cache was closed meanwhile."""
        model: LoadedModel | None = None
        error: BaseException | None = None
        try:
            model = work()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, those that wait are told
            error = raised
        with self._changed:
            is_waited_for = self._loading.pop(name, None) is not None
        if is_waited_for and error:
            future.set_exception(error)
        elif is_waited_for and model:
            future.set_result(model)

    def _load(self, source: ModelSource) -> LoadedModel:
        """Load a model, and put it among those in memory."""
        known = self.ready(source.name)
        if known and known.source.stamp == source.stamp:
            return known
        displaced = self._make_room(source)
        try:
            model = load(source, self._device)
        except OutOfMemory:
            if not (others := self._evict(lambda: bool(self._models))):
                raise
            model = load(source, self._device)
            displaced += others
        model.displaced = tuple(displaced)
        with self._changed:
            if self._is_closed:
                self._leaving.append(model)
            else:
                if old := self._models.pop(source.name, None):
                    self._leaving.append(old)
                self._models[source.name] = model
        self._release_unused()
        return model

    def _make_room(self, source: ModelSource) -> list[str]:
        """Let the models leave that were used longest ago, until there is room; return their names."""
        if source.files is None:
            return []
        room = self._device.budget_bytes - needed_bytes(source.files, self._device, self._device.budget_bytes)
        return self._evict(
            lambda: bool(self._models) and _bytes(self._models.values()) > room,
            lambda: _bytes([*self._models.values(), *self._leaving]) <= room,
        )

    def _evict(self, is_needed: Callable[[], bool], is_enough: Callable[[], bool] = lambda: False) -> list[str]:
        """Let models leave while that is needed, and wait until enough of those that are in use are given back."""
        displaced: list[str] = []
        with self._changed:
            while is_needed():
                name, model = self._models.popitem(last=False)
                self._leaving.append(model)
                displaced.append(name)
        self._release_unused()
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_closed or self._all_unused() or is_enough(), LEASE_SECONDS):
                log.warning("A model is still in use; another one is loaded beside it.")
        self._release_unused()
        return displaced

    def _all_unused(self) -> bool:
        return not any(self._leases[model] for model in self._leaving)

    def _release_unused(self) -> None:
        """Release the models that have left and that no batch uses, and give their memory back."""
        with self._changed:
            unused = [model for model in self._leaving if not self._leases[model]]
            self._leaving = [model for model in self._leaving if model not in unused]
        for model in unused:
            log.info("The model %s left the memory.", model.name)
            model.release()
        if unused:
            free_memory()


def _bytes(models: Iterable[LoadedModel]) -> int:
    return sum(model.memory_bytes for model in models)


def _failed(error: EngineError) -> "Future[LoadedModel]":
    future: Future[LoadedModel] = Future()
    future.set_exception(error)
    return future


def _raise(error: BaseException) -> LoadedModel:
    raise error
