"""Loaded models, LoRA files for each of them, and pictures."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from render_worker.engines.diffusers.loras.module_shapes import components_of
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers.loras import makers

LAYOUTS = ("sd1", "sd2", "sdxl", "sd3", "flux")

LoadModel = Callable[[str], LoadedModel]
Picture = Callable[[LoadedModel], str]


def hooks(model: LoadedModel) -> int:
    """Return how many hooks a model's layers have: those of the LoRA that its pictures are made with."""
    parts = components_of(model.pipe).values()
    return sum(len(module._forward_hooks) for part in parts for _, module in part.named_modules())


@pytest.fixture(scope="session")
def new_model(models: Path) -> LoadModel:
    """Return a function that loads the tiny model of a layout anew."""
    return functools.partial(makers.new_model, models)


@pytest.fixture(scope="session")
def load_model(new_model: LoadModel) -> LoadModel:
    """Return a function for the tiny model of a layout, which tests share: a LoRA leaves no trace in one."""
    return functools.cache(new_model)


@pytest.fixture(scope="session")
def lora_dir(new_model: LoadModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two LoRAs of each layout, such as `sd1.safetensors` and `sd1-other.safetensors`."""
    folder = tmp_path_factory.mktemp("loras")
    for layout in LAYOUTS:
        for name, seed in ((layout, 1), (f"{layout}-other", 2)):
            makers.save(makers.peft_tensors(new_model(layout).pipe, seed), folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def loras(make_settings: Callable[..., DiffusersSettings], lora_dir: Path) -> Loras:
    """Return the LoRAs of the folder."""
    return Loras(make_settings(lora_dir=lora_dir))


@pytest.fixture
def picture() -> Picture:
    """Return a function that makes a picture and returns a digest of its pixels."""

    def make(model: LoadedModel) -> str:
        seed = torch.Generator().manual_seed(7)
        made = model.pipe("a red fox", width=64, height=64, num_inference_steps=2, generator=seed).images[0]
        return hashlib.sha256(made.tobytes()).hexdigest()

    return make
