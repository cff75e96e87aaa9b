"""Pictures stay right while models and LoRAs come and go beside them: none is wrong, and none fails."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from render_worker.contract import LoraRequest
from render_worker.engines.diffusers.models.loader import load
from render_worker.engines.diffusers.models.registry import ModelRegistry
from tests.diffusers import tiny
from tests.diffusers.engine.running_engine import RunningEngine, digest
from tests.diffusers.loras import makers

NAMES = ("sd1", "sd2", "sdxl")
TWO_OF_THREE = 13  # MiB
SEEDS = range(4)
CLIENTS, EACH = 4, 20
LOADS, CYCLES, PICTURES = 100, 30, 70


@pytest.fixture
def start(make_settings) -> Callable[..., RunningEngine]:
    """Return a function that starts an engine, which runs until the test's end."""
    engines: list[RunningEngine] = []

    def start(**settings: object) -> RunningEngine:
        engines.append(RunningEngine(make_settings(**settings)))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def in_threads(*works: Callable[[], None]) -> None:
    """Do all of these at the same time; raise what one of them raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


@pytest.mark.timeout(600)
def test_models_that_take_turns_in_the_memory_make_the_right_pictures(start):
    running = start(diffusers_memory_mb=TWO_OF_THREE)
    right = {(name, seed): digest(running.made(model=name, seed=seed)) for name in NAMES for seed in SEEDS}
    assert len(set(right.values())) == len(right)
    loaded: Counter[str] = Counter()
    found: Counter[bool] = Counter()

    def client(number: int) -> Callable[[], None]:
        chance = random.Random(number)

        def ask() -> None:
            for _ in range(EACH):
                name, seed = chance.choice(NAMES), chance.choice(SEEDS)
                loaded[name] += not running.engine.weights_of(name)["loaded"]
                found[digest(running.made(model=name, seed=seed)) == right[name, seed]] += 1

        return ask

    in_threads(*(client(number) for number in range(CLIENTS)))
    assert found == {True: CLIENTS * EACH}
    assert loaded.total() > len(NAMES), "no model left the memory"
    assert 1 <= len(running.backend.loaded()) <= 2


@pytest.mark.timeout(600)
def test_loads_of_models_and_loras_beside_pictures_make_none_wrong(start, make_settings, tmp_path):
    running = start(lora_dir=tmp_path)
    registry, device = ModelRegistry(make_settings()), running.backend.device
    makers.save(makers.peft_tensors(load(registry.find("sd2"), device).pipe, 1), tmp_path / "style.safetensors")
    style = {"model": "sd2", "lora_path": "style.safetensors"}
    right = {seed: digest(running.made(seed=seed)) for seed in SEEDS}
    plain, styled = digest(running.made(model="sd2", seed=1)), digest(running.made(seed=1, **style))
    assert plain != styled
    found: Counter[str] = Counter()

    def count(what: str, picture: str, expected: str) -> None:
        found[what if picture == expected else f"{what}, wrong"] += 1

    def load_models() -> None:
        for number in range(LOADS):
            model = load(registry.find(list(tiny.PIPELINES)[number % 5]), device)
            found["loads"] += not any(tensor.is_meta for tensor in model.pipe.text_encoder.parameters())

    def load_loras() -> None:
        request = LoraRequest(lora_path="style.safetensors", model="sd2")
        for _ in range(CYCLES):
            assert running.run(running.engine.load_lora(request)).loaded
            count("styled", digest(running.made(seed=1, **style)), styled)
            assert not running.run(running.engine.unload_lora(request)).loaded
            count("plain", digest(running.made(model="sd2", seed=1)), plain)

    def make_pictures() -> None:
        for number in range(PICTURES):
            seed = SEEDS[number % len(SEEDS)]
            count("pictures", digest(running.made(seed=seed)), right[seed])

    in_threads(load_models, load_loras, make_pictures)
    assert found == {"loads": LOADS, "styled": CYCLES, "plain": CYCLES, "pictures": PICTURES}
