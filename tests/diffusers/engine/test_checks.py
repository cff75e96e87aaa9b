"""What is no picture: numbers that overflowed, and all black. And what the safety checker flags."""

import contextlib
import copy

import numpy as np
import pytest
import torch

from render_worker.engines.diffusers.generation.checks import TOO_FEW_BITS, WEAKER_LORA, to_images
from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.models.loaded_model import Safety
from render_worker.errors import BadPicture
from tests.diffusers import tiny
from tests.diffusers.engine.requests_of import made, request
from tests.diffusers.engine.running_engine import digest, pixels


@pytest.fixture
def changed(running):
    """Return a context in which the last layer of a model's VAE has other weights."""

    @contextlib.contextmanager
    def change(layout, weight, bias):
        running.made(model=layout, steps=1)
        layer = running.backend.cache.ready(layout).pipe.vae.decoder.conv_out
        kept = copy.deepcopy(layer.state_dict())
        layer.load_state_dict(
            {"weight": torch.full_like(layer.weight, weight), "bias": torch.full_like(layer.bias, bias)}
        )
        yield
        layer.load_state_dict(kept)

    return change


@pytest.mark.parametrize("layout", ["sd1", "sdxl", "flux"])
@pytest.mark.parametrize(
    ("weight", "bias", "code", "words"),
    [
        (float("nan"), 0, "picture_broken", "overflowed"),
        (float("inf"), 0, "picture_broken", "overflowed"),
        (0, -2, "picture_empty", "black"),
    ],
)
def test_no_numbers_and_black_are_errors_and_the_next_picture_is_right(
    running, changed, layout, weight, bias, code, words
):
    want = digest(running.made(model=layout, seed=2))
    with changed(layout, weight, bias), pytest.raises(BadPicture, match=words) as caught:
        running.made(model=layout, seed=2)
    assert caught.value.code == code
    assert digest(running.made(model=layout, seed=2)) == want


@pytest.mark.parametrize(
    ("dtype", "lora", "sentences"),
    [
        (torch.float32, None, ()),
        (torch.bfloat16, None, ()),
        (torch.float16, None, (TOO_FEW_BITS,)),
        (torch.float32, LoraUse("ink", 1.0), (WEAKER_LORA.format("ink"),)),
        (torch.float16, LoraUse("ink", 1.0), (WEAKER_LORA.format("ink"), TOO_FEW_BITS)),
    ],
)
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (float("nan"), "The model's picture is no numbers, as they overflowed."),
        (0, "The model's picture is all black."),
    ],
)
def test_the_error_advises_what_may_be_the_cause_and_nothing_else(number, words, dtype, lora, sentences):
    (found,) = to_images(torch.full((1, 3, 8, 8), number, dtype=dtype), dtype, lora)
    assert isinstance(found, BadPicture)
    assert str(found) == " ".join((words, *sentences))


def test_white_is_a_picture(running, changed):
    with changed("sd1", 0, 2):
        white = running.made(seed=2)
    assert np.unique(pixels(white)).tolist() == [255]


def safety_that(*, flags: bool) -> Safety:
    """Return a tiny checker that flags every picture, or none."""
    checker, extractor = tiny.safety_checker()
    with torch.no_grad():
        checker.concept_embeds_weights.fill_(-1.0 if flags else 1.0)
        checker.special_care_embeds_weights.fill_(1.0)
    return Safety(checker.eval(), extractor)


@pytest.mark.parametrize("layout", ["sd1", "sdxl", "sd3", "flux"])
def test_a_flagged_picture_is_black_and_one_that_passed_is_as_ever(running, monkeypatch, layout):
    unchecked = running.made(model=layout, seed=2)
    model = running.backend.cache.ready(layout)
    monkeypatch.setattr(model, "safety", safety_that(flags=False))
    passed = running.made(model=layout, seed=2)
    monkeypatch.setattr(model, "safety", safety_that(flags=True))
    flagged = running.made(model=layout, seed=2)
    assert (unchecked.nsfw, passed.nsfw, flagged.nsfw) == (None, False, True)
    assert digest(passed) == digest(unchecked)
    assert pixels(flagged).max() == 0


def test_each_picture_of_a_batch_is_checked(running, monkeypatch):
    running.made(seed=1)
    monkeypatch.setattr(running.backend.cache.ready("sd1"), "safety", safety_that(flags=True))
    found = made(running, request(seed=1), request(seed=2))
    assert [(it.batch, it.nsfw) for it in found] == [(2, True), (2, True)]


@pytest.mark.parametrize(
    ("settings", "is_black"),
    [
        ({"nsfw": "flag"}, False),
        ({"nsfw": "refuse"}, False),
        ({"nsfw": "flag", "safety_checker": True}, True),
        ({"safety_checker": True}, True),
    ],
    ids=str,
)
def test_a_picture_that_is_flagged_to_be_told_of_stays_as_it_is(start_engine, monkeypatch, settings, is_black):
    running = start_engine(**settings)
    unchecked = running.made(model="sd1", seed=2)
    monkeypatch.setattr(running.backend.cache.ready("sd1"), "safety", safety_that(flags=True))
    flagged = running.made(model="sd1", seed=2)
    assert flagged.nsfw is True
    assert (pixels(flagged).max() == 0, digest(flagged) == digest(unchecked)) == (is_black, not is_black)
