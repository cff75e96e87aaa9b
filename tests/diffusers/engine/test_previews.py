"""Previews: small pictures of the latents' colours, if a client wishes them, for next to no time."""

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

from render_worker.engines.diffusers.generation.previews import SHARE, LatentColors, Previews, _chart, _jpeg, fitted
from tests.diffusers.engine.requests_of import made, request
from tests.diffusers.engine.running_engine import Reported, digest

LAYOUTS = ("sd1", "sd2", "sdxl", "sd3", "flux")


def size_of(data: bytes) -> tuple[str | None, tuple[int, int]]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.format, image.size


@pytest.mark.parametrize("layout", LAYOUTS)
def test_previews_are_small_pictures_that_change_nothing(running, layout):
    previews: list[bytes] = []
    usual = {"model": layout, "scheduler": None, "steps": 6, "seed": 2, "size": (96, 64)}
    plain, shown = (made(running, request(**usual, **it))[0] for it in ({}, {"on_preview": previews.append}))
    assert shown.data == plain.data
    assert 1 <= len(previews) < shown.steps  # none of the last step, whose picture is on its way
    assert {size_of(it) for it in previews} == {("JPEG", (12, 8))}
    assert max(map(len, previews)) < 4096


def test_only_those_who_wish_for_them_get_any(running):
    reported = Reported()
    running.made(reported, seed=2, steps=6)
    assert reported.previews == []
    reported = Reported(wants_previews=True)
    running.made(reported, seed=2, steps=6)
    assert reported.previews


def test_each_of_a_batch_sees_its_own(running):
    first, second = [], []
    requests = [request(seed=1, steps=6, on_preview=first.append), request(seed=2, steps=6, on_preview=second.append)]
    assert [it.batch for it in made(running, *requests, request(seed=3, steps=6))] == [3, 3, 3]
    assert first[0] != second[0]


def test_a_preview_waits_until_those_before_it_are_a_small_share_of_the_time(running):
    running.made(seed=1)
    model = running.backend.cache.ready("sd1")
    shown: list[bytes] = []
    previews = Previews(model, LatentColors().of(model), [request(on_preview=shown.append)])
    latents = torch.randn(1, 4, 64, 64)
    begun = time.perf_counter()
    for _ in range(200):
        previews.show(model.pipe, latents)
    elapsed, last = time.perf_counter() - begun, previews._spent / len(shown)
    assert shown
    assert previews._spent <= SHARE * elapsed + 20 * last


@pytest.mark.parametrize("layout", ["sd1", "sd3"])
def test_the_map_of_a_vae_is_fitted_once(running, layout):
    running.made(model=layout, seed=1)
    model, colors = running.backend.cache.ready(layout), LatentColors()
    factors = colors.of(model)
    assert factors.shape == (model.pipe.vae.config.latent_channels + 1, 3)
    assert colors.of(model) is factors


def test_latents_that_are_colours_give_them_back():
    picture = _chart()
    small = torch.nn.functional.avg_pool2d(picture[None], 8)[0]
    noise = torch.randn(1, *small.shape[1:], generator=torch.Generator().manual_seed(1))
    latents = torch.cat([1 - small.flip(0), noise])  # in another order, darkest where the picture is brightest
    with Image.open(io.BytesIO(_jpeg(latents, fitted(latents, picture)))) as image:
        found = np.asarray(image).astype(float) / 255
    want = small.permute(1, 2, 0).numpy()
    assert np.abs(found - want).mean() < 0.08  # as a JPEG has half as many colours as pixels
    assert np.abs(found - want[:, :, ::-1]).mean() > 0.2


def test_numbers_that_overflow_have_no_previews(running):
    want = digest(running.made(seed=1))
    model = running.backend.cache.ready("sd1")
    layer = model.pipe.vae.encoder.conv_in
    kept = layer.bias.detach().clone()
    with torch.no_grad():
        layer.bias.fill_(float("inf"))
    assert LatentColors().of(model) is None
    with torch.no_grad():
        layer.bias.copy_(kept)
    assert digest(running.made(seed=1)) == want
