"""LoRAs of the engine: requests with different ones at the same time, and loading by request."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from render_worker.contract import LoraRequest
from render_worker.engines.diffusers.errors import LoraInvalid
from render_worker.errors import BadPicture
from tests.diffusers.engine.conftest import start_engine  # noqa: F401 - a fixture
from tests.diffusers.engine.running_engine import RunningEngine, digest
from tests.diffusers.loras import makers
from tests.diffusers.loras.conftest import hooks
from tests.fakes.processes import wait_until

StartEngine = Callable[..., RunningEngine]

USES = ({}, {"lora_path": "sd1"}, {"lora_path": "sd1", "lora_scale": 0.5}, {"lora_path": "sd1-other.safetensors"})


@pytest.fixture
def running(start_engine: StartEngine, lora_dir: Path, tmp_path: Path) -> RunningEngine:  # noqa: F811
    """Return an engine with the LoRAs of a folder that a test may change."""
    return start_engine(lora_dir=shutil.copytree(lora_dir, tmp_path / "own"))


def test_requests_with_different_loras_at_the_same_time_get_their_own(running: RunningEngine) -> None:
    recipes = [{"seed": 7, "steps": 2, **use} for use in USES]
    alone = [digest(running.made(**recipe)) for recipe in recipes]
    assert len(set(alone)) == len(USES)
    together = running.made_together(*recipes * 3)
    assert [digest(picture) for picture in together] == alone * 3


def test_a_wrong_lora_fails_its_own_request_and_no_other(running: RunningEngine) -> None:
    good = {"seed": 7, "steps": 2}
    alone = digest(running.made(**good))
    first, wrong, unknown, last = running.made_together(
        good, {**good, "lora_path": "flux"}, {**good, "lora_path": "none"}, good
    )
    assert digest(first) == digest(last) == alone
    assert "flux.safetensors does not: the model has no transformer." in str(wrong)
    assert str(unknown) == "lora_path must be the name of a LoRA from /v1/loras/list."
    assert isinstance(wrong, LoraInvalid)
    assert isinstance(unknown, LoraInvalid)


def test_a_lora_is_loaded_and_unloaded_by_request(running: RunningEngine) -> None:
    request = LoraRequest(lora_path="sd1", model="sd1")
    base = digest(running.made(seed=7, steps=2))
    assert running.run(running.engine.load_lora(request)).loaded
    listed = {lora.lora_path: lora for lora in running.run(running.engine.loras()).loras}
    assert (listed["sd1.safetensors"].loaded, listed["sd1.safetensors"].fits) == (True, ["sd1"])
    assert not listed["sd2.safetensors"].loaded
    assert digest(running.made(seed=7, steps=2)) == base
    assert not running.run(running.engine.unload_lora(request)).loaded
    assert not any(lora.loaded for lora in running.run(running.engine.loras()).loras)
    with pytest.raises(LoraInvalid, match="wants 48 there, the LoRA has 32"):
        running.run(running.engine.load_lora(LoraRequest(lora_path="sd1", model="sd2")))


@pytest.mark.parametrize("is_gone", [False, True])
def test_the_last_picture_s_lora_leaves_the_model_without_another_picture(
    running: RunningEngine, tmp_path: Path, is_gone: bool
) -> None:
    recipe = {"seed": 7, "steps": 2}
    base = digest(running.made(**recipe))
    running.made(**recipe, lora_path="sd1")
    model = running.backend.cache.ready("sd1")
    assert hooks(model) > 0
    if is_gone:
        (tmp_path / "own" / "sd1.safetensors").unlink()
    state = running.run(running.engine.unload_lora(LoraRequest(lora_path="sd1")))
    assert (state.lora_path, state.loaded) == ("sd1.safetensors", False)
    wait_until(lambda: hooks(model) == 0, "the model without the LoRA")
    assert digest(running.made(**recipe)) == base


def test_a_task_that_fails_ends_no_thread(running: RunningEngine, caplog: pytest.LogCaptureFixture) -> None:
    running.backend.generation.run_between(lambda: 1 / 0)
    assert running.made(seed=7).model == "sd1"
    assert "A task of the generation thread failed." in caplog.text


def test_a_model_that_leaves_before_its_lora_is_loaded_is_loaded_again(
    running: RunningEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.made(seed=1)
    cache, left = running.backend.cache, []
    lease = cache.lease

    def lease_late(name: str) -> object:
        if not left:
            left.append(cache.unload(name))
        return lease(name)

    monkeypatch.setattr(cache, "lease", lease_late)
    state = running.run(running.engine.load_lora(LoraRequest(lora_path="sd1", model="sd1")))
    assert left == [True]
    assert (state.loaded, state.model) == (True, "sd1")
    assert "sd1" in {name for it in running.run(running.engine.loras()).loras for name in it.fits}


def test_one_whose_weights_overflow_is_told_of_and_the_next_picture_is_right(
    start_engine: StartEngine,  # noqa: F811
    lora_dir: Path,
    tmp_path: Path,
) -> None:
    tensors = {name: tensor * 1e18 for name, tensor in makers.load(lora_dir / "sd1.safetensors").items()}
    makers.save(tensors, tmp_path / "large.safetensors")
    running = start_engine(lora_dir=tmp_path)
    base = digest(running.made(seed=7, steps=2))
    with pytest.raises(BadPicture, match=r"overflowed\. Without the LoRA large\.safetensors, or .* whole ones\.$"):
        running.made(seed=7, steps=2, lora_path="large")
    assert digest(running.made(seed=7, steps=2)) == base
