"""From a recipe to the request of the generation thread, without PyTorch."""

from dataclasses import replace

import pytest

from render_worker.contract import Recipe
from render_worker.engines.diffusers.generation.request import DiffusionPicture, LoraUse
from render_worker.engines.diffusers.generation.translation import to_image, to_request
from render_worker.engines.diffusers.models.registry import ModelRegistry
from render_worker.engines.diffusers.settings import DiffusersSettings
from render_worker.errors import InvalidParameter

SIZE = (768, 512)


def requested(tmp_path, lora=None, **recipe):
    registry = ModelRegistry(DiffusersSettings(model_cache_dir=tmp_path))
    return to_request(Recipe(prompt="a fox", **recipe), registry.find("sd-xl-base"), SIZE, 25, None, lora)


def test_what_is_left_out_is_the_engine_s_choice(tmp_path):
    found = requested(tmp_path)
    assert (found.model, found.steps, found.scheduler, found.lora) == ("sd-xl-base", 25, None, None)
    assert found.seed >= 0
    assert not found.seed_named


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_a_named_seed_is_kept(tmp_path, seed):
    found = requested(tmp_path, seed=seed)
    assert (found.seed, found.seed_named) == (seed, True)


@pytest.mark.parametrize(("scale", "expected"), [(None, 1.0), (0, 0), (1.5, 1.5)])
def test_a_lora_has_its_weight(tmp_path, scale, expected):
    found = requested(tmp_path, lora="ink", lora_path="ink", lora_scale=scale)
    assert found.lora == LoraUse("ink", expected)


@pytest.mark.parametrize(
    ("recipe", "allowed"),
    [
        ({}, True),
        ({"model": "sd-xl-base"}, True),
        ({"width": 768, "height": 512}, True),
        ({"width": 768, "height": 512, "model": "sd-xl-base"}, False),
        ({"width": 768, "height": 512, "model": "sd-xl-base", "size_optional": True}, True),
    ],
)
def test_a_smaller_picture_is_made_unless_the_size_is_required(tmp_path, recipe, allowed):
    assert requested(tmp_path, **recipe).smaller_allowed is allowed


def test_a_scheduler_is_checked_before_the_request_waits(tmp_path):
    assert requested(tmp_path, scheduler="DDIMScheduler").scheduler == "ddim"
    with pytest.raises(InvalidParameter, match="scheduler must be one of"):
        requested(tmp_path, scheduler="nothing")


@pytest.mark.parametrize(("size", "made"), [(SIZE, None), ((384, 256), (384, 256))])
def test_the_picture_says_what_was_made(tmp_path, size, made):
    request = requested(tmp_path)
    found = to_image(
        request, DiffusionPicture(b"", size, 3, "pndm", 21, None, None, 1, 1, "A note."), has_guidance=False
    )
    assert (found.made, found.steps, found.scheduler, found.seed) == (made, 21, "pndm", 3)
    assert (found.guidance_scale, found.note, found.model) == (None, "A note.", "sd-xl-base")


@pytest.mark.parametrize(
    ("negative", "is_guided", "ignored"),
    [("blurry", True, ()), ("blurry", False, ("negative_prompt",)), (None, False, ()), (None, True, ())],
)
def test_a_negative_prompt_without_effect_is_ignored(tmp_path, negative, is_guided, ignored):
    request = requested(tmp_path, negative_prompt=negative)
    picture = DiffusionPicture(b"", SIZE, 3, "pndm", 21, None, None, 1, 1, is_guided=is_guided)
    assert to_image(request, picture, has_guidance=True).ignored == ignored


@pytest.mark.parametrize(("image", "strength", "told"), [(None, None, None), (b"a", None, 0.75), (b"a", 0.4, 0.4)])
def test_the_picture_says_how_far_it_left_its_image(tmp_path, image, strength, told):
    request = replace(requested(tmp_path), image=image, strength=strength)
    picture = DiffusionPicture(b"", SIZE, 3, "pndm", 21, None, None, 1, 1)
    assert to_image(request, picture, has_guidance=True).strength == told
