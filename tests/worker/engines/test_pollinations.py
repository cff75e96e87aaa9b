"""Pollinations without an account: its addresses, its pictures and its placeholders."""

import asyncio
import io
import urllib.parse

import pytest
from PIL import Image

from render_worker.contract import MAX_SEED, GenerateRequest, Recipe
from render_worker.engines.pollinations.address import MAX_LENGTH
from render_worker.errors import (
    BadPicture,
    EngineRateLimited,
    InvalidParameter,
)
from render_worker.imaging import to_picture
from tests.fakes.at_horde import Reported, asked, play
from tests.fakes.at_pollinations import engine, make, sent
from tests.fakes.leaving import left
from tests.fakes.processes import wait_until


@pytest.mark.parametrize(
    ("shape", "size"), [("portrait", (512, 768)), ("square", (768, 768)), ("landscape", (768, 512))]
)
def test_it_works(site, shape, size):
    image = make(engine(site), shape=shape, seed=7)
    assert Image.open(io.BytesIO(image.data)).size == size
    assert (image.seed, image.guidance_scale, image.made) == (7, None, None)
    assert "logo" in image.note
    assert sent(site)[0]["query"] == {"width": str(size[0]), "height": str(size[1]), "seed": "7", "private": "true"}


@pytest.mark.parametrize(("nsfw", "safe"), [("allow", None), ("flag", None), ("refuse", "true")])
def test_it_refuses_itself_what_is_not_to_be_made(site, nsfw, safe):
    assert make(engine(site, nsfw=nsfw)).nsfw is None
    assert sent(site)[0]["query"].get("safe") == safe


def test_each_picture_has_a_seed_of_its_own_which_is_told(site):
    one = engine(site)
    seeds = [make(one).seed for _ in range(2)]
    assert [body["query"]["seed"] for body in sent(site)] == [str(seed) for seed in seeds]
    assert seeds[0] != seeds[1]
    assert all(0 < seed <= MAX_SEED for seed in seeds)


PROMPTS = [
    "a/b//c/../d",
    "/etc",
    "../../models",
    "what? a #tag & 100% of it; x=1+1 %41 %2F",
    "two\nlines\tand a tab",
    "ein Bär, 熊, 🐻" * 20,
    "...",
    ". .",
    '"quoted" <b>\\ back|slash ^ ` {}',
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_prompt_arrives_as_it_is(site, prompt):
    make(engine(site), prompt=prompt)
    body = sent(site)[0]
    assert body["prompt"] == prompt
    assert body["raw"] == "/pollinations/prompt/" + urllib.parse.quote(prompt, safe="")
    assert set(body["query"]) == {"width", "height", "seed", "private"}


@pytest.mark.parametrize("prompt", [".", "..", "🐻" * 2000, "熊" * 900, "a" * 500 + "é" * 1500])
def test_a_prompt_that_fits_no_address_is_refused_by_name(site, prompt):
    with pytest.raises(InvalidParameter, match=r"prompt must|prompt is too long"):
        make(engine(site), prompt=prompt)
    assert sent(site) == []


def test_the_longest_prompt_in_ascii_letters_arrives(site):
    make(engine(site), prompt="a tree " * 285)
    assert len(sent(site)[0]["raw"]) < MAX_LENGTH


def test_the_second_picture_may_cost_what_the_first_did_not(site):
    play(site, pollinations="one_free")
    one = engine(site)
    assert make(one).data
    with pytest.raises(EngineRateLimited, match="paid"):
        make(one)


def test_the_bytes_of_another_picture_are_a_placeholder(site):
    play(site, pollinations="same_bytes")
    one = engine(site)
    assert make(one).data  # nothing tells it from a picture yet
    with pytest.raises(EngineRateLimited, match="placeholder"):
        make(one)
    make(one, shape="portrait")  # the first of its size
    for shape in ("portrait", "square"):
        with pytest.raises(EngineRateLimited, match="placeholder"):
            make(one, shape=shape)


def test_the_same_picture_for_the_same_address_is_its_cache(site):
    play(site, pollinations="same_bytes")
    one = engine(site)
    assert make(one, seed=5).data == make(one, seed=5).data
    with pytest.raises(EngineRateLimited, match="placeholder"):
        make(one, seed=6)


@pytest.mark.parametrize(
    ("fields", "size", "required"),
    [
        ({"shape": "landscape"}, (624, 416), False),
        ({"aspect_ratio": "16:9"}, (680, 382), False),
        ({"width": 1024, "height": 576}, (680, 384), False),
        ({"width": 512, "height": 288, "model": "pollinations"}, (512, 288), True),
    ],
)
def test_a_picture_that_is_merely_scaled_down_is_kept(site, fields, size, required):
    play(site, pollinations="scaled_down")
    one, recipe = engine(site), GenerateRequest.parse({"prompt": "a tree", **fields}.items())
    image = asyncio.run(one.generate(recipe, Reported()))
    assert recipe.size_required is required or not recipe.exact_size
    picture = to_picture(image.data, one.plan(recipe), {}, "jpeg", size_required=recipe.size_required)
    assert (picture.width, picture.height) == size


def test_a_required_size_that_was_scaled_down_is_a_failure(site):
    play(site, pollinations="scaled_down")
    one = engine(site)
    recipe = GenerateRequest.parse({"prompt": "a tree", "width": 1024, "height": 576, "model": "pollinations"}.items())
    image = asyncio.run(one.generate(recipe, Reported()))
    with pytest.raises(BadPicture) as caught:
        to_picture(image.data, one.plan(recipe), {}, "jpeg", size_required=True)
    assert caught.value.code == "picture_wrong_size"


def test_nothing_of_its_metadata_is_kept(site):
    one = engine(site)
    image = make(one, prompt="a secret tree")
    for output_format in ("jpeg", "png", "webp"):
        picture = to_picture(image.data, one.plan(Recipe(prompt="x")), {"prompt": None}, output_format)
        assert b"secret" not in picture.data
        assert b"dreamshaper" not in picture.data


def test_being_cancelled_hangs_up_and_the_next_one_waits_for_its_end(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.pollinations.engine.ABANDONED_SECONDS", 1.0)
    play(site, delay=1)
    one, reported = engine(site), Reported()
    assert left(one.generate(Recipe(prompt="a tree"), Reported()), lambda: sent(site), 2)
    wait_until(lambda: asked(site, "pollinations")[0]["outcome"] == "aborted", "the request's end")
    assert make(one, reported).data
    assert [phase for phase, _ in reported.news] == ["queued", "generating"]
    first, second = asked(site, "pollinations")
    assert second["at"] - first["at"] >= 1


def test_a_second_one_beside_the_first_meets_its_queue(site):
    play(site, delay=1)

    async def both():
        work = [engine(site).generate(Recipe(prompt="a tree"), Reported()) for _ in range(2)]
        return await asyncio.gather(*work, return_exceptions=True)

    assert sorted(type(found).__name__ for found in asyncio.run(both())) == ["EngineRateLimited", "GeneratedImage"]
    assert engine(site).slots.size == 1


@pytest.mark.parametrize(
    "fields", [{"negative_prompt": "leaves"}, {"guidance_scale": 9}, {"width": 1024, "height": 1024}]
)
def test_what_it_does_not_honour_is_named(site, fields):
    recipe = GenerateRequest.parse({"prompt": "a tree", **fields}.items())
    assert engine(site).cannot_honour(recipe) == sorted(fields, reverse="width" in fields)


def test_it_costs_nothing(site):
    assert engine(site).price(Recipe(prompt="a tree")) == 0
