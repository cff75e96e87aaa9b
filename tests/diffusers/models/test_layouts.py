"""Each kind of model is loaded from each form in which its files may be, and makes the picture of its weights."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import diffusers
import pytest
import torch

from render_worker.engines.diffusers.models.device import TYPES, choose_device
from render_worker.engines.diffusers.models.loader import load
from render_worker.engines.diffusers.models.registry import ModelRegistry
from tests.diffusers import tiny
from tests.diffusers.pictures import picture_of

ABSENT = {"sd3": {"text_encoder_3": None, "tokenizer_3": None}}


def as_it_is(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder)


def with_half_numbers_alone(source: Path, folder: Path) -> None:
    pipe = diffusers.DiffusionPipeline.from_pretrained(source, **ABSENT.get(source.name, {}))
    pipe.save_pretrained(folder, variant="fp16")


def with_half_numbers_beside(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder)
    with_half_numbers_alone(source, folder)


def with_half_numbers_of_one_part(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder)
    whole = folder / "text_encoder" / "model.safetensors"
    whole.rename(whole.with_name("model.fp16.safetensors"))


def in_shards(source: Path, folder: Path) -> None:
    pipe = diffusers.DiffusionPipeline.from_pretrained(source, **ABSENT.get(source.name, {}))
    pipe.save_pretrained(folder, max_shard_size="100KB")


def in_shards_with_half_numbers(source: Path, folder: Path) -> None:
    pipe = diffusers.DiffusionPipeline.from_pretrained(source, **ABSENT.get(source.name, {}))
    pipe.save_pretrained(folder, max_shard_size="100KB", variant="fp16")


def with_tokenizers_as_at_the_hub(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder)
    for whole in folder.glob("tokenizer*/tokenizer.json"):
        model = json.loads(whole.read_text())["model"]
        if model["type"] != "BPE":
            continue
        whole.unlink()
        lines = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        whole.with_name("vocab.json").write_text(json.dumps(model["vocab"]))
        whole.with_name("merges.txt").write_text("\n".join(["#version: 0.2", *lines, ""]))


FORMS = [
    as_it_is,
    with_half_numbers_alone,
    with_half_numbers_beside,
    with_half_numbers_of_one_part,
    in_shards,
    in_shards_with_half_numbers,
    with_tokenizers_as_at_the_hub,
]


@pytest.fixture(scope="module")
def pictures(models):
    """Return the picture of each layout, by diffusers alone."""
    return {
        name: picture_of(diffusers.DiffusionPipeline.from_pretrained(models / name, **ABSENT.get(name, {})))
        for name in tiny.PIPELINES
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_each_form_of_each_layout_makes_the_same_picture(models, make_settings, tmp_path, pictures, layout, form):
    form(models / layout, tmp_path / "models" / layout)
    settings = make_settings(model_cache_dir=tmp_path / "models", default_model_id=layout)
    model = load(ModelRegistry(settings).find(layout), choose_device(settings))
    assert (model.layout, model.name) == (layout, layout)
    assert picture_of(model.pipe) == pictures[layout]
    numbers = sum(tensor.numel() for part in model.pipe.components.values() for tensor in numbers_of(part))
    assert 4 * numbers <= model.memory_bytes <= 4.04 * sum(model.files.parameters.values())


def numbers_of(part):
    return part.parameters() if isinstance(part, torch.nn.Module) else ()


@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_a_model_is_the_same_in_every_process_and_small(models, layout):
    assert tiny.digest(tiny.make(layout, models.parent / "again" / layout)) == tiny.digest(models / layout)
    assert sum(path.stat().st_size for path in (models / layout).rglob("*") if path.is_file()) < 6 * 2**20


@pytest.mark.parametrize("precision", TYPES)
@pytest.mark.parametrize("layout", tiny.PIPELINES)
def test_pictures_of_texts_and_of_pictures_share_their_weights(make_settings, layout, precision):
    settings = make_settings()
    device = replace(choose_device(settings), dtype=TYPES[precision])
    model = load(ModelRegistry(settings).find(layout), device)
    before = types_of(model)
    assert device.dtype in before.values()
    assert model.image_pipe() is model.image_pipe()
    for name, part in model.pipe.components.items():
        if isinstance(part, torch.nn.Module):
            assert getattr(model.image_pipe(), name) is part
    assert types_of(model) == before


def types_of(model):
    """Return the kinds of the numbers of a model's weights."""
    parts = {name: part for name, part in model.pipe.components.items() if isinstance(part, torch.nn.Module)}
    return {(name, key): tensor.dtype for name, part in parts.items() for key, tensor in part.named_parameters()}
