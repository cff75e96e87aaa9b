"""The models in memory: as many as it holds, and of those the ones that were used last."""

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum

from render_worker.engines.diffusers.models.device import Device
from render_worker.engines.diffusers.models.loader import LoadedModel, load
from render_worker.engines.diffusers.models.registry import ModelRegistry, ModelSource


class ModelState(StrEnum):
    """Whether a model's weights are in memory."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"


class ModelCache:
    """Keeps models in memory. Its methods return at once, and may be called by any thread.

    A batch that runs keeps its own reference to its model, which is released when the last one is gone.
    """

    def __init__(self, registry: ModelRegistry, device: Device) -> None:
        self._registry = registry
        self._device = device
        self._lock = threading.Lock()
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()
        self._loading: dict[str, Future[LoadedModel]] = {}
        self._loader = ThreadPoolExecutor(1, "model-loader")

    def state(self, name: str) -> ModelState:
        """Return whether a model is in memory."""
        with self._lock:
            if name in self._models:
                return ModelState.LOADED
            return ModelState.LOADING if name in self._loading else ModelState.UNLOADED

    def loaded(self) -> list[LoadedModel]:
        """Return the models in memory, the one that was used longest ago first."""
        with self._lock:
            return list(self._models.values())

    def ready(self, name: str) -> LoadedModel | None:
        """Return a model that is to be used now; None if it is not in memory."""
        with self._lock:
            if model := self._models.get(name):
                self._models.move_to_end(name)
            return model

    def load(self, name: str) -> Future[LoadedModel]:
        """Return the model of that name, which is loaded if need be, each one once at a time.

        It fails with InvalidParameter if there is none, with an EngineError if it cannot be loaded.
        """
        with self._lock:
            if name in self._models:
                self._models.move_to_end(name)
                done: Future[LoadedModel] = Future()
                done.set_result(self._models[name])
                return done
            if name not in self._loading:
                self._loading[name] = self._loader.submit(self._load, name)
            return self._loading[name]

    def unload(self, name: str) -> bool:
        """Forget a model, and return whether it was in memory."""
        with self._lock:
            return self._models.pop(name, None) is not None

    def close(self) -> None:
        """Forget all models, and end the thread that loads them."""
        self._loader.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._models.clear()

    def _load(self, name: str) -> LoadedModel:
        try:
            source = self._registry.find(name)
            self._make_room(source)
            model = load(source, self._device)
            with self._lock:
                self._models[name] = model
            return model
        finally:
            with self._lock:
                del self._loading[name]

    def _make_room(self, source: ModelSource) -> None:
        """Forget the models that were used longest ago until there is room for another one."""
        needed = source.files.parameters * self._device.bytes_per_number if source.files else 0
        with self._lock:
            while self._models and needed + self._held() > self._device.budget_bytes:
                self._models.popitem(last=False)

    def _held(self) -> int:
        return sum(model.memory_bytes for model in self._models.values())
