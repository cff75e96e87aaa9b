"""Which LoRAs are in memory, and what becomes of them."""

import os
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from render_worker.contract import LoraState
from render_worker.engines.diffusers.errors import LoraInvalid
from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.loras.service import Loras
from render_worker.engines.diffusers.models.loaded_model import LoadedModel
from render_worker.engines.diffusers.settings import DiffusersSettings
from tests.diffusers.loras import makers
from tests.diffusers.loras.conftest import LoadModel, Picture, hooks

MakeLoras = Callable[..., Loras]


@pytest.fixture
def folder(lora_dir: Path, tmp_path: Path) -> Path:
    """Return a folder of LoRAs that a test may change."""
    return Path(shutil.copytree(lora_dir, tmp_path / "loras"))


@pytest.fixture
def make_loras(make_settings: Callable[..., DiffusersSettings], folder: Path) -> MakeLoras:
    """Return a function for the LoRAs of the folder."""
    return lambda **others: Loras(make_settings(lora_dir=folder, **others))


def loaded(loras: Loras, *models: LoadedModel) -> list[str]:
    return [lora.lora_path for lora in loras.listed(models).loras if lora.loaded]


def test_a_list_says_what_fits_and_what_is_broken(make_loras: MakeLoras, folder: Path, load_model: LoadModel) -> None:
    (folder / "cut.safetensors").write_bytes((folder / "sd1.safetensors").read_bytes()[:-9])
    loras, models = make_loras(diffusers_loras="owner/name"), [load_model("sd1"), load_model("sd2")]
    loras.load(models[0], "sd1")
    listed = {lora.lora_path: lora for lora in loras.listed(models).loras}
    assert {name: lora.fits for name, lora in listed.items() if lora.fits} == {
        "sd1.safetensors": ["sd1"],
        "sd1-other.safetensors": ["sd1"],
        "sd2.safetensors": ["sd2"],
        "sd2-other.safetensors": ["sd2"],
    }
    assert [name for name, lora in listed.items() if lora.loaded] == ["sd1.safetensors"]
    assert listed["sd1.safetensors"].size_bytes == (folder / "sd1.safetensors").stat().st_size
    assert listed["cut.safetensors"].problem == "It is cut off: 69,623 of 69,632 bytes of its tensors are there."
    assert listed["owner/name"].model_dump() == {
        "lora_path": "owner/name", "size_bytes": None, "loaded": False, "fits": [], "problem": None,
    }  # fmt: skip


def test_the_one_that_was_used_longest_ago_leaves_first(
    make_loras: MakeLoras, folder: Path, load_model: LoadModel
) -> None:
    for name in ("a", "b", "c"):
        shutil.copy(folder / "sd1.safetensors", folder / f"{name}.safetensors")
    loras, model = make_loras(diffusers_lora_limit=2), load_model("sd1")
    for name in ("a", "b", "a", "c"):
        loras.load(model, name)
    assert loaded(loras, model) == ["a.safetensors", "c.safetensors"]


def test_what_is_unloaded_is_not_used_any_more(make_loras: MakeLoras, load_model: LoadModel, picture: Picture) -> None:
    loras, model = make_loras(), load_model("sd1")
    base = picture(model)
    assert loras.load(model, "sd1") == LoraState(lora_path="sd1.safetensors", loaded=True, model="sd1")
    loras.apply(model, LoraUse("sd1", 1.0))
    with_it = picture(model)
    assert loras.unload("sd1.safetensors") == LoraState(lora_path="sd1.safetensors", loaded=False)
    assert loaded(loras, model) == []
    loras.apply(model, None)
    assert (picture(model), hooks(model)) == (base, 0)
    loras.apply(model, LoraUse("sd1", 1.0))
    assert picture(model) == with_it != base
    loras.clear()
    loras.apply(model, None)
    assert picture(model) == base


@pytest.mark.parametrize("name", ["it", "it.safetensors"])
def test_one_whose_file_is_gone_is_listed_and_unloaded(
    name: str, make_loras: MakeLoras, folder: Path, load_model: LoadModel
) -> None:
    loras, model, path = make_loras(), load_model("sd1"), folder / "it.safetensors"
    shutil.copy(folder / "sd1.safetensors", path)
    loras.load(model, name)
    path.unlink()
    found = {lora.lora_path: lora for lora in loras.listed([model]).loras}
    assert list(found) == sorted(found)
    assert (found["it.safetensors"].loaded, found["it.safetensors"].problem) == (True, "Its file is gone.")
    assert loras.unload(name) == LoraState(lora_path="it.safetensors", loaded=False)
    assert "it.safetensors" not in {lora.lora_path for lora in loras.listed([model]).loras}
    with pytest.raises(LoraInvalid, match="must be the name of a LoRA"):
        loras.unload(name)


def test_one_that_was_unloaded_leaves_the_model_and_the_memory(make_loras: MakeLoras, load_model: LoadModel) -> None:
    loras, model = make_loras(), load_model("sd1")
    loras.apply(model, LoraUse("sd1", 1.0))
    weights = weakref.ref(loras._models[model].active[0])
    loras.load(model, "sd1-other")
    loras.unload("sd1-other")
    loras.detach_unloaded()
    assert hooks(model) > 0, "it was another one"
    loras.unload("sd1")
    loras.detach_unloaded()
    assert (hooks(model), weights()) == (0, None)


def test_an_unknown_one_is_neither_loaded_nor_unloaded(make_loras: MakeLoras, load_model: LoadModel) -> None:
    loras = make_loras()
    for attempt in (
        lambda: loras.load(load_model("sd1"), "none"),
        lambda: loras.unload("none"),
        lambda: loras.prepare("none"),
        lambda: loras.apply(load_model("sd1"), LoraUse("../sd1", 1.0)),
    ):
        with pytest.raises(LoraInvalid, match=r"^lora_path must be the name of a LoRA from /v1/loras/list\.$"):
            attempt()


def test_a_file_that_is_replaced_is_read_again_and_one_that_is_overwritten_does_no_harm(
    make_loras: MakeLoras, folder: Path, load_model: LoadModel, picture: Picture
) -> None:
    loras, model, path = make_loras(), load_model("sd1"), folder / "it.safetensors"
    shutil.copy(folder / "sd1.safetensors", path)
    loras.apply(model, LoraUse("it", 1.0))
    first = picture(model)
    path.write_bytes(b"\0" * path.stat().st_size)
    assert picture(model) == first
    os.truncate(path, 10)
    assert picture(model) == first
    with pytest.raises(LoraInvalid, match=r"it\.safetensors does not: it has a header that is no JSON"):
        loras.apply(model, LoraUse("it", 1.0))
    shutil.copy(folder / "sd1-other.safetensors", path)
    loras.apply(model, LoraUse("it", 1.0))
    assert picture(model) != first
    loras.apply(model, LoraUse("sd1-other", 1.0))
    other = picture(model)
    loras.apply(model, LoraUse("it", 1.0))
    assert picture(model) == other
    loras.apply(model, None)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_values_that_are_no_numbers_are_refused(
    value: float, make_loras: MakeLoras, folder: Path, load_model: LoadModel
) -> None:
    tensors = {name: it.double() for name, it in makers.load(folder / "sd1.safetensors").items()}
    next(iter(tensors.values()))[0, 0] = value
    makers.save(tensors, folder / "it.safetensors")
    with pytest.raises(LoraInvalid, match="has values that are no finite numbers"):
        make_loras().apply(load_model("sd1"), LoraUse("it", 1.0))
    assert hooks(load_model("sd1")) == 0


def test_an_alpha_that_is_no_number_is_refused(make_loras: MakeLoras, folder: Path, load_model: LoadModel) -> None:
    tensors = makers.kohya_tensors(makers.load(folder / "sd1.safetensors"))
    name = next(name for name in tensors if name.endswith(".alpha"))
    makers.save(tensors | {name: torch.tensor(float("nan"))}, folder / "it.safetensors")
    with pytest.raises(LoraInvalid, match=f"its {name} is no finite number"):
        make_loras().load(load_model("sd1"), "it")


def test_models_have_loras_of_their_own(make_loras: MakeLoras, new_model: LoadModel, picture: Picture) -> None:
    loras, first, second = make_loras(), new_model("sd1"), new_model("sd1")
    base = picture(first)
    loras.apply(first, LoraUse("sd1", 1.0))
    assert picture(first) != base
    assert picture(second) == base
    loras.apply(second, LoraUse("sd1-other", 1.0))
    assert len({base, picture(first), picture(second)}) == 3


def test_pictures_of_pictures_have_the_lora_too(make_loras: MakeLoras, new_model: LoadModel, picture: Picture) -> None:
    loras, model = make_loras(), new_model("sd1")
    loras.apply(model, LoraUse("sd1", 1.0))
    assert model.image_pipe().unet is model.pipe.unet
    assert hooks(model) > 0
    loras.apply(model, None)
    assert hooks(model) == 0
