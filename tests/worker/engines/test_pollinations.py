"""Pollinations without an account: its addresses, its pictures, and what it sends in their place."""

import asyncio
import io
import urllib.parse

import pytest
import requests
from PIL import Image

from render_worker.contract import MAX_SEED, GenerateRequest, Recipe
from render_worker.engines.pollinations.address import MAX_LENGTH
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    InvalidParameter,
    PhaseTimeout,
    RequestInvalid,
    UnexpectedReply,
)
from render_worker.imaging import to_picture
from tests.fakes.at_horde import Reported, asked, play
from tests.fakes.at_pollinations import engine, make
from tests.fakes.leaving import left
from tests.fakes.processes import free_port, sandbox, wait_until

A_HALF_HOUR = 1800


@pytest.fixture(scope="module")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    play(running_site)
    return running_site


def sent(site):
    return [entry["body"] for entry in asked(site, "pollinations")]


@pytest.mark.parametrize(
    ("shape", "size"), [("portrait", (512, 768)), ("square", (768, 768)), ("landscape", (768, 512))]
)
def test_it_works(site, shape, size):
    image = make(engine(site), shape=shape, seed=7)
    assert Image.open(io.BytesIO(image.data)).size == size
    assert (image.seed, image.guidance_scale, image.made) == (7, None, None)
    assert "logo" in image.note
    assert sent(site)[0]["query"] == {"width": str(size[0]), "height": str(size[1]), "seed": "7", "private": "true"}


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


@pytest.mark.parametrize(
    "word", ["x402_v1", "x402_v2", "x402_v2_html", "x402_bare", "x402_as_200", "placeholder", "placeholder_qr"]
)
def test_a_demand_for_payment_and_a_placeholder_rest_it_for_half_an_hour(site, word):
    play(site, pollinations=word)
    with pytest.raises(EngineRateLimited) as caught:
        make(engine(site))
    assert (caught.value.retry_after, caught.value.trips_breaker) == (A_HALF_HOUR, True)
    assert len(sent(site)) == 1


def test_a_longer_time_that_it_names_is_kept(site):
    play(site, pollinations="x402_for_a_day")
    with pytest.raises(EngineRateLimited) as caught:
        make(engine(site))
    assert caught.value.retry_after == 86_400


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


@pytest.mark.parametrize(
    ("word", "error", "seconds"),
    [
        ("tunnel_down", EngineUnreachable, 60),
        ("not_configured", EngineBusy, 60),
        ("bad_request", RequestInvalid, None),
        ("bad_page", RequestInvalid, None),
        ("too_many", EngineRateLimited, 60),
        ("too_many_for_90", EngineRateLimited, 90),
        ("forbidden", EngineRateLimited, 3600),
        ("challenge_page", EngineRateLimited, 3600),
        ("unauthorized", EngineUnauthorized, None),
        ("failed", EngineBusy, 60),
        ("odd_json", EngineBusy, 60),
        ("gateway_page", EngineBusy, 60),
        ("page", UnexpectedReply, None),
        ("error_as_200", UnexpectedReply, None),
        ("gone", UnexpectedReply, None),
        ("redirect", UnexpectedReply, None),
        ("404", UnexpectedReply, None),
        ("compressed", UnexpectedReply, None),
        ("oversized", UnexpectedReply, None),
        ("reset", EngineUnreachable, 60),
        ("broken_off", EngineUnreachable, 60),
        ("nsfw", ContentRefused, None),
        ("moderated", ContentRefused, None),
        ("content_refused", ContentRefused, None),
        ("wrong_size", EngineRateLimited, A_HALF_HOUR),
        ("large", EngineRateLimited, A_HALF_HOUR),
    ],
)
def test_each_other_reply_has_its_error_and_is_not_asked_for_again(site, word, error, seconds):
    play(site, pollinations=word)
    with pytest.raises(error) as caught:
        make(engine(site), prompt="a nsfw tree")
    assert type(caught.value) is error
    assert caught.value.retry_after == seconds
    assert "tree" not in str(caught.value)
    assert len(sent(site)) == 1


@pytest.mark.parametrize("word", ["empty", "cut", "not_a_picture", "bomb"])
def test_what_is_no_picture_is_left_to_the_decoder(site, word):
    play(site, pollinations=word)
    one = engine(site)
    image = make(one)
    with pytest.raises(BadPicture):
        to_picture(image.data, one.plan(Recipe(prompt="a tree")), {})


def test_no_fifth_refused_prompt_is_sent(site):
    play(site, pollinations="content_refused")
    one = engine(site)
    for _ in range(4):
        with pytest.raises(ContentRefused):
            make(one)
    play(site)
    with pytest.raises(EngineRateLimited, match="refused 4 prompts") as caught:
        make(one)
    assert 86_000 < caught.value.retry_after <= 86_400
    assert len(sent(site)) == 4
    assert make(engine(site)).data  # the service would still have given one


def test_an_address_that_was_shut_out_is_no_matter_of_the_prompt(site):
    play(site, pollinations="content_refused")
    for _ in range(5):
        with pytest.raises(ContentRefused):
            make(engine(site))
    play(site)
    with pytest.raises(EngineRateLimited, match="shut"):
        make(engine(site))


def test_a_host_that_is_down_or_hangs_is_an_error(site):
    with pytest.raises(EngineUnreachable):
        make(engine(site, pollinations_url=f"http://127.0.0.1:{free_port()}"))
    play(site, pollinations="hang")
    with pytest.raises(PhaseTimeout):
        make(engine(site, pollinations_seconds=0.3))


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
