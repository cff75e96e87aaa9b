"""Loading each layout from the disk."""

import pytest
import torch

from render_worker.engines.diffusers.models.device import choose_device
from render_worker.engines.diffusers.models.loader import load
from render_worker.engines.diffusers.models.model_cache import ModelCache, ModelState
from render_worker.engines.diffusers.models.registry import ModelRegistry
from tests.diffusers import tiny


@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_each_layout_is_loaded_and_makes_a_picture(make_settings, layout):
    settings = make_settings()
    model = load(ModelRegistry(settings).find(layout), choose_device(settings))
    assert model.layout == layout
    assert model.size_bytes == pytest.approx(model.memory_bytes, rel=0.1)
    generator = torch.Generator().manual_seed(1)
    picture = model.pipe("a red fox", width=64, height=64, num_inference_steps=2, generator=generator).images[0]
    assert picture.size == (64, 64)


def test_the_cache_forgets_the_model_that_was_used_longest_ago(make_settings):
    settings = make_settings(diffusers_memory_mb=13)
    cache = ModelCache(ModelRegistry(settings), choose_device(settings))
    cache.load("sd1").result(60)
    cache.load("sd2").result(60)
    assert cache.ready("sd1")
    assert cache.load("sdxl").result(60).name == "sdxl"
    assert [cache.state(name) for name in ("sd1", "sd2", "sdxl")] == ["loaded", "unloaded", ModelState.LOADED]
    cache.close()
