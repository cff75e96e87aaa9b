"""Requests that are made together: which, and how little their pictures differ from single ones."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from render_worker.engines.diffusers.generation.batches import BatchLimits, Waiting
from render_worker.engines.diffusers.generation.request import LoraUse
from render_worker.engines.diffusers.generation.thread import Crowd, GenerationThread
from tests.diffusers import tiny
from tests.diffusers.engine.requests_of import made, request
from tests.diffusers.engine.running_engine import SECONDS, pixels, source

PROMPTS = ("a red fox", "a lighthouse at sunset by the sea", "portrait of an old woman", "")
LIKE = {"seed": 8}


@pytest.mark.parametrize(
    "common",
    [
        *({"model": layout, "scheduler": None} for layout in tiny.PIPELINES),
        {"scheduler": "euler_a"},
        {"scheduler": "dpmpp_2m_sde"},
        {"model": "sdxl", "image": source(), "strength": 0.6},
        {"model": "sd3", "scheduler": None, "image": source(), "strength": 0.6},
    ],
    ids=str,
)
def test_pictures_of_a_batch_differ_by_at_most_two_of_255_from_single_ones(running, common):
    requests = [request(prompt=prompt or "fox", seed=at, **common) for at, prompt in enumerate(PROMPTS)]
    together = made(running, *requests)
    alone = [made(running, it)[0] for it in requests]
    assert [it.batch for it in together] == [4, 4, 4, 4]
    assert [it.batch for it in alone] == [1, 1, 1, 1]
    assert [it.seed for it in together] == [0, 1, 2, 3]
    differences = [np.abs(pixels(a.data) - pixels(b.data)).max() for a, b in zip(together, alone, strict=True)]
    assert max(differences) <= 2


@pytest.mark.parametrize("model", ["sd1", "sdxl"])
def test_negative_prompts_of_a_batch_may_differ(running, model):
    requests = [request(model=model, negative_prompt=it, seed=at) for at, it in enumerate(("blurry", "low quality"))]
    together, alone = made(running, *requests), [made(running, it)[0] for it in requests]
    assert [it.batch for it in together] == [2, 2]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(pixels(one.data) - pixels(other.data)).max() <= 2


@pytest.mark.parametrize(
    "other",
    [
        {"seed_named": True},
        {"model": "sd2"},
        {"size": (64, 96)},
        {"steps": 5},
        {"scheduler": "ddim"},
        {"guidance_scale": 6.0},
        {"negative_prompt": "blurry"},
        {"image": source(), "strength": 0.6},
    ],
    ids=str,
)
def test_what_differs_is_not_made_together(running, other):
    assert [it.batch for it in made(running, request(), request(**{**LIKE, **other}))] == [1, 1]


def test_more_than_fit_into_a_batch_are_made_in_several(running):
    found = made(running, *(request(seed=at) for at in range(6)))
    assert sorted(it.batch for it in found) == [2, 2, 4, 4, 4, 4]
    assert len({it.data for it in found}) == 6


@pytest.mark.parametrize(
    ("limits", "joined"),
    [
        (BatchLimits(4, 64 * 64), True),
        (BatchLimits(4, 64 * 64 - 1), False),
        (BatchLimits(1, 64 * 64), False),
    ],
)
def test_the_settings_limit_batches(limits, joined):
    assert (limits.key(request()) is not None) == joined


def test_loras_and_their_scales_tell_batches_apart():
    limits = BatchLimits(4, 64 * 64)
    keys = [limits.key(request(lora=lora)) for lora in (None, LoraUse("a", 1), LoraUse("a", 0.5), LoraUse("b", 1))]
    assert len({*keys}) == 4
    assert limits.key(request(lora=LoraUse("a", 1))) == keys[1]


def test_a_lone_request_waits_for_no_others(running):
    backend = running.backend
    thread = GenerationThread(backend.cache, backend.maker.make, BatchLimits(4, 64 * 64, window_seconds=60))
    begun = time.monotonic()
    for seed in range(3):
        assert thread.submit(request(seed=seed)).result(SECONDS).batch == 1
    assert time.monotonic() - begun < 60
    thread.close(SECONDS)


def test_clients_that_ask_in_turn_are_gathered_into_one_batch(running):
    """Two that each ask again once they have their picture would take turns for ever without the window."""
    backend = running.backend
    thread = GenerationThread(backend.cache, backend.maker.make, BatchLimits(4, 64 * 64, window_seconds=3))

    def client(number: int) -> list[int]:
        return [thread.submit(request(seed=10 * number + turn)).result(SECONDS).batch for turn in range(6)]

    with ThreadPoolExecutor(2) as clients:
        sizes = [size for found in clients.map(client, (1, 2)) for size in found]
    thread.close(SECONDS)
    assert len(sizes) == 12
    assert sizes.count(2) >= 6


@pytest.mark.parametrize(("key", "asked_at", "found"), [("a", 0, 3), ("b", 0, 1), (None, 0, 1), ("a", 99, 1)], ids=str)
def test_a_crowd_is_of_one_kind_and_soon_gone(key, asked_at, found):
    assert Crowd(3, "a", until=1).like(Waiting(request(), key), asked_at) == found
