"""The models in memory: as many as there is room for, each loaded once, and none taken away from a batch."""

import gc
import shutil
import threading
import weakref

import pytest

from render_worker.engines.diffusers.errors import OutOfMemory
from render_worker.engines.diffusers.models import loader
from render_worker.engines.diffusers.models.model_cache import ModelState
from render_worker.errors import EngineError
from tests.diffusers import tiny
from tests.diffusers.pictures import picture_of
from tests.fakes.processes import wait_until

TWO = 13  # MiB: sd1 and sd2, or either of them and sdxl, hardly more


def states(cache, *names):
    return [str(cache.state(name)) for name in names]


def test_it_forgets_the_model_that_was_used_longest_ago(make_cache):
    cache = make_cache(diffusers_memory_mb=TWO)
    assert cache.lease("sd1") is None
    for name in ("sd1", "sd2"):
        assert cache.load(name).result(60).displaced == ()
    cache.give_back(cache.lease("sd1"))
    assert cache.load("sdxl").result(60).displaced == ("sd2",)
    assert states(cache, "sd1", "sd2", "sdxl") == ["loaded", "unloaded", "loaded"]
    assert [model.name for model in cache.loaded()] == ["sd1", "sdxl"]


def test_loads_of_one_model_are_one(make_cache):
    cache = make_cache()
    barrier = threading.Barrier(8)
    found = []

    def ask():
        barrier.wait()
        found.append(cache.load("sd1").result(60))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert cache.load("diffusers").result(60) is found[0], "the engine's own name means the default model"


def test_the_state_says_that_it_is_being_loaded(make_cache):
    cache = make_cache()
    with loader.LOAD_LOCK:
        future = cache.load("sd1")
        assert cache.state("sd1") is ModelState.LOADING
        assert cache.is_loading("sd1")
        assert not future.cancel(), "others may wait for it"
    future.result(60)
    assert states(cache, "sd1") == ["loaded"]
    assert not cache.is_loading("sd1")


def test_a_model_in_use_leaves_when_it_is_given_back(make_cache):
    cache = make_cache(diffusers_memory_mb=TWO)
    for name in ("sd1", "sd2"):
        cache.load(name).result(60)
    first = cache.lease("sd1")
    assert cache.lease("sd1") is first
    before = picture_of(first.pipe)
    cache.give_back(cache.lease("sd2"))
    future = cache.load("sdxl")
    wait_until(lambda: states(cache, "sd1") == ["unloaded"], "the model's end")
    assert cache.lease("sd1") is None
    assert picture_of(first.pipe) == before, "its weights were taken from a batch"
    cache.give_back(first)
    assert first.pipe is not None
    assert not future.done()
    cache.give_back(first)
    assert future.result(60).displaced == ("sd1",)
    assert first.pipe is None


def test_a_batch_that_never_ends_does_not_keep_the_others_waiting(make_cache, monkeypatch):
    monkeypatch.setattr("render_worker.engines.diffusers.models.model_cache.LEASE_SECONDS", 0.05)
    cache = make_cache(diffusers_memory_mb=7)
    cache.load("sd1").result(60)
    model = cache.lease("sd1")
    assert cache.load("sd2").result(60).displaced == ("sd1",)
    assert picture_of(model.pipe)
    cache.give_back(model)
    wait_until(lambda: model.pipe is None, "the model's end")


def test_unloading_gives_the_weights_back(make_cache):
    cache = make_cache()
    model = cache.load("sdxl").result(60)
    picture_of(model.image_pipe() and model.pipe)
    weights = [weakref.ref(part) for part in (model.pipe.unet, model.pipe.vae, model.pipe.text_encoder)]
    del model
    assert cache.unload("sdxl")
    assert not cache.unload("sdxl")
    wait_until(lambda: not any(it() for it in weights), "the model's end")
    assert states(cache, "sdxl") == ["unloaded"]


def modules() -> list[object]:
    """Return the large parts of models that are in memory."""
    return [it for it in gc.get_objects() if type(it).__name__ in ("UNet2DConditionModel", "AutoencoderKL")]


@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_nothing_of_a_model_is_left_after_it(make_cache, layout):
    others = modules()  # of other tests' fixtures
    cache = make_cache(default_model_id=layout)
    picture_of(cache.load(layout).result(60).pipe)
    alive = weakref.ref(cache.loaded()[0])
    cache.unload(layout)
    wait_until(lambda: alive() is None, "the model's end")
    gc.collect()
    assert [type(it) for it in modules() if not any(it is other for other in others)] == []


def test_a_model_that_has_no_room_at_all_is_refused_before_any_leaves(make_cache):
    cache = make_cache(diffusers_memory_mb=5)
    cache.load("sd1").result(60)
    with pytest.raises(
        OutOfMemory, match=r"The model sdxl needs \d MiB of memory, and 5 MiB are for models\."
    ) as raised:
        cache.load("sdxl").result(60)
    assert raised.value.status == 507
    assert states(cache, "sd1") == ["loaded"]


def test_a_folder_that_has_changed_is_loaded_anew_and_switched_to(models, make_cache, tmp_path):
    shutil.copytree(models / "sd1", tmp_path / "models" / "sd1")
    cache = make_cache(model_cache_dir=tmp_path / "models")
    old = cache.load("sd1").result(60)
    assert cache.load("sd1").result(60) is old
    leased = cache.lease("sd1")
    before = picture_of(leased.pipe)
    tiny.make("sd1", tmp_path / "models" / "sd1", seed=7)
    new = cache.load("sd1").result(60)
    assert new is not old
    assert cache.lease("sd1") is new
    assert picture_of(leased.pipe) == before, "a batch goes on with the weights that it began with"
    assert picture_of(new.pipe) != before
    cache.give_back(leased)
    wait_until(lambda: old.pipe is None, "the model's end")


def test_closing_ends_what_waits_and_gives_everything_back(make_cache):
    cache = make_cache()
    model = cache.load("sd1").result(60)
    with loader.LOAD_LOCK:
        waiting = cache.load("sd2")
        cache.close(0.1)
        with pytest.raises(EngineError, match=r"^The render worker stops\.$"):
            waiting.result(60)
    wait_until(lambda: model.pipe is None, "the model's end")
    assert cache.loaded() == []
    with pytest.raises(EngineError, match=r"^The render worker stops\.$"):
        cache.load("sd1").result(0)
