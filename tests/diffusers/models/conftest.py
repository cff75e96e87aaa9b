"""A cache of the tiny models, and the device that they run on."""

from collections.abc import Callable, Iterator

import pytest

from render_worker.engines.diffusers.models.device import Device, choose_device
from render_worker.engines.diffusers.models.model_cache import ModelCache
from render_worker.engines.diffusers.models.registry import ModelRegistry


@pytest.fixture
def device(make_settings) -> Device:
    return choose_device(make_settings())


@pytest.fixture
def make_cache(make_settings) -> Iterator[Callable[..., ModelCache]]:
    """Return a function for caches, of settings with these differences; all are closed in the end."""
    caches: list[ModelCache] = []

    def make(**others: object) -> ModelCache:
        settings = make_settings(**others)
        caches.append(ModelCache(ModelRegistry(settings), choose_device(settings)))
        return caches[-1]

    yield make
    for cache in caches:
        cache.close()
