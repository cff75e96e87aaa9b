"""Tiny models on disk, and PyTorch as these tests want it: on one thread, without the Hub."""

import os

# Each load of a model sets the threads by the settings, which have them of this variable unless a test says otherwise.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TORCH_THREADS": "1",
}

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers import tiny

# Two threads make another picture of the same seed than one, and are slower on a machine that is busy.
torch.set_num_threads(1)

# diffusers' schedulers under NumPy 2.4.
OTHERS_WARNINGS = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    "ignore:__array_wrap__ must accept context and return_scalar arguments:DeprecationWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    for warning in OTHERS_WARNINGS:
        config.addinivalue_line("filterwarnings", warning)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tiny model of each layout, named as it: sd1, sd2, sdxl, sd3, flux. It is only read."""
    folder = tmp_path_factory.mktemp("models")
    for layout in tiny.PIPELINES:
        tiny.make(layout, folder / layout)
    # What is imported by now stays: each time a model leaves the memory, all else is searched for garbage.
    gc.collect()
    gc.freeze()
    return folder


@pytest.fixture
def make_settings(models: Path, tmp_path: Path) -> Callable[..., DiffusersSettings]:
    """Return a function for settings whose models are the tiny ones, sd1 by default; its arguments are further ones."""

    def make(**others: object) -> DiffusersSettings:
        mine = {
            "default_model_id": "sd1",
            "model_cache_dir": models,
            "lora_dir": tmp_path / "loras",
            "torch_threads": 1,
        }
        return DiffusersSettings(**{**mine, **others})

    return make
