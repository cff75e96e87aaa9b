"""What the engine keeps while it runs: the device, the models in memory and the thread that makes pictures.

Importing this imports PyTorch and diffusers, which takes seconds: the engine does it in a thread, behind the first use.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from render_worker.engines.diffusers.generation.batches import BatchLimits
from render_worker.engines.diffusers.generation.run import PictureMaker
from render_worker.engines.diffusers.generation.thread import GenerationThread
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.models.device import choose_device
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.models.loader import free_memory
from render_worker.engines.diffusers.models.memory import MemoryReading, free_memory_of
from render_worker.engines.diffusers.models.model_cache import ModelCache
from render_worker.engines.diffusers.models.registry import ModelRegistry
from render_worker.engines.diffusers.settings import DiffusersSettings

CLOSE_SECONDS = 2.0  # for a run to end at its next layer, and as much for a load
READING_SECONDS = 1.0  # for which a reading of the free memory holds: one takes up to 8 ms

T = TypeVar("T")


class Backend:
    """The device, its models and the generation thread."""

    def __init__(self, settings: DiffusersSettings, registry: ModelRegistry, loras: Loras) -> None:
        self.device = choose_device(settings)
        self._loras = loras
        self.cache = ModelCache(registry, self.device)
        limits = BatchLimits(settings.diffusers_batch, settings.diffusers_batch_pixels)
        free = recent(free_memory_of(self.device.name))
        blackens = (
            settings.safety_checker or settings.nsfw == "allow"
        )  # else what is flagged stays to be seen, or refused
        self.maker = PictureMaker(loras.apply, loras.clear, free, blackens=blackens)
        self.generation = GenerationThread(self.cache, self.maker.make, limits)

    def loaded(self) -> dict[str, LoadedModel]:
        """Return the models in memory, by their names."""
        return {model.name: model for model in self.cache.loaded()}

    def with_model(self, name: str, function: Callable[[LoadedModel], T]) -> T | None:
        """Return what a function returns of a model, which stays in memory meanwhile; None if it is not there."""
        model = self.cache.lease(name)
        if model is None:
            return None
        try:
            return function(model)
        finally:
            self.cache.give_back(model)

    def with_loaded(self, function: Callable[[list[LoadedModel]], T]) -> T:
        """Return what a function returns of all models in memory, which stay there meanwhile."""
        models = [model for name in self.loaded() if (model := self.cache.lease(name))]
        try:
            return function(models)
        finally:
            for model in models:
                self.cache.give_back(model)

    def free_unloaded_loras(self) -> None:
        """Have the memory of LoRAs that were unloaded be free, as soon as no picture is made with them."""

        def free() -> None:
            self._loras.detach_unloaded()
            free_memory()

        self.generation.run_between(free)

    def details(self) -> dict[str, int | str | bool]:
        """Return what the operator may want to know."""
        return {
            "device": self.device.name,
            "precision": self.device.precision,
            "models": ", ".join(self.loaded()),
            "waiting": self.generation.waiting,
        }

    def close(self) -> None:
        """Stop all work and give the memory back."""
        self.generation.close(CLOSE_SECONDS)
        self.cache.close(CLOSE_SECONDS)


def recent(read: MemoryReading) -> MemoryReading:
    """Return a reading that is at most READING_SECONDS old."""
    last, at = 0, -READING_SECONDS

    def reading() -> int:
        nonlocal last, at
        if time.monotonic() - at >= READING_SECONDS:
            last, at = read(), time.monotonic()
        return last

    return reading
