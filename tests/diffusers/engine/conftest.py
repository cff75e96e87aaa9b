"""An engine with the tiny models for the tests that leave it as it is."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers.engine.running_engine import RunningEngine


@pytest.fixture(scope="module")
def running(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEngine]:
    """Return an engine whose default model is sd1."""
    folder = tmp_path_factory.mktemp("loras")
    settings = DiffusersSettings(default_model_id="sd1", model_cache_dir=models, lora_dir=folder, torch_threads=1)
    running = RunningEngine(settings)
    yield running
    running.close()


@pytest.fixture
def start_engine(make_settings: Callable[..., DiffusersSettings]) -> Iterator[Callable[..., RunningEngine]]:
    """Return a function that starts an engine with some settings, which runs until the test's end."""
    engines: list[RunningEngine] = []

    def start(**settings: object) -> RunningEngine:
        engines.append(RunningEngine(make_settings(**settings)))
        return engines[-1]

    yield start
    for running in engines:
        running.close()
