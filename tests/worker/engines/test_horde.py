"""AI Horde: the requests that it gets, and the errors that its replies mean."""

import asyncio
import io
import time

import pytest
from PIL import Image
from pydantic import SecretStr

from render_worker.contract import VERSION, Recipe
from render_worker.engines.horde.client import HordeClient
from render_worker.errors import (
    BadPicture,
    ContentRefused,
    EngineBusy,
    EngineError,
    EngineRateLimited,
    EngineUnauthorized,
    EngineUnreachable,
    InvalidParameter,
    PhaseTimeout,
    QuotaExhausted,
    RequestInvalid,
    UnexpectedReply,
)
from tests.fakes.at_horde import Reported, asked, engine, make, play
from tests.fakes.processes import free_port

KEY = "a-key-of-the-horde"


@pytest.mark.parametrize(
    ("shape", "size"), [("portrait", (512, 768)), ("square", (768, 768)), ("landscape", (768, 512))]
)
def test_it_works(site, shape, size):
    play(site)
    image = make(site, recipe=Recipe(prompt="a tree", shape=shape, seed=7, guidance_scale=5.25))
    assert Image.open(io.BytesIO(image.data)).size == size
    assert (image.seed, image.guidance_scale, image.model, image.nsfw) == (7, 5.25, "stable_diffusion", False)
    assert asked(site, "horde_cancel") == []


def test_the_parameters_are_the_services_own(site):
    play(site)
    recipe = Recipe(prompt="a tree", negative_prompt="leaves", guidance_scale=7.126, shape="landscape", seed=5)
    make(site, recipe=recipe, horde_models=("Deliberate", "AlbedoBase XL (SDXL)"), horde_steps=30)
    wish = asked(site, "horde")[0]["body"]
    assert wish["prompt"] == "a tree ### leaves"
    assert wish["models"] == ["Deliberate", "AlbedoBase XL (SDXL)"]
    assert (wish["nsfw"], wish["censor_nsfw"], wish["r2"]) == (False, True, True)
    params = wish["params"]
    assert (params["width"], params["height"], params["steps"], params["n"]) == (768, 512, 30, 1)
    assert (params["cfg_scale"], params["seed"]) == (7.13, "5")


@pytest.mark.parametrize(
    ("changes", "contact"),
    [
        ({}, "The Image Generation API authors"),
        ({"horde_contact": "https://pictures.example"}, "https://pictures.example"),
    ],
)
def test_the_client_agent_names_the_program_and_a_contact(site, changes, contact):
    play(site)
    make(site, **changes)
    assert asked(site, "horde")[0]["body"]["client_agent"] == f"image-generation-api:{VERSION}:{contact}"


@pytest.mark.parametrize("contact", ["", "a\nb", "é", "x" * 101])
def test_a_contact_that_fits_no_header_is_refused(site, contact):
    with pytest.raises(ValueError, match="horde_contact"):
        engine(site, horde_contact=contact)


def test_a_random_seed_is_reported(site):
    play(site)
    image = make(site)
    assert str(image.seed) == asked(site, "horde")[0]["body"]["params"]["seed"]


def test_an_own_key_is_sent_and_a_wrong_one_refused(site):
    play(site)
    assert make(site, horde_api_key=SecretStr(KEY)).data
    with pytest.raises(EngineUnauthorized) as caught:
        make(site, horde_api_key=SecretStr("not-the-key"))
    assert "not-the-key" not in str(caught.value)


def test_the_queue_and_the_expected_wait_are_reported(site):
    play(site, delay=1)
    reported = Reported()
    make(site, reported)
    phases = list(dict.fromkeys(phase for phase, _ in reported.news))
    assert phases == ["starting", "queued", "generating", "downloading"]
    waiting = next(numbers for phase, numbers in reported.news if phase == "queued")
    assert waiting == {"position": 3, "expected_seconds": 1}


@pytest.mark.parametrize(
    ("word", "error", "sentence"),
    [
        ("corrupt_prompt", ContentRefused, "does not accept this prompt"),
        ("censored", ContentRefused, "censored"),
        ("maintenance", EngineBusy, "no requests"),
        ("kudos_upfront", QuotaExhausted, "kudos"),
        ("timeout_ip", EngineRateLimited, "shut this server's address out"),
        ("html_502", EngineBusy, "HTTP 502"),
        ("no_id", UnexpectedReply, "id"),
        ("no_workers", EngineBusy, "No machine"),
        ("faulted", EngineError, "failed"),
        ("expired", EngineError, "any more"),
        ("broken_look", EngineBusy, "HTTP 500"),
        ("nothing", UnexpectedReply, "no picture"),
        ("elsewhere", UnexpectedReply, "host"),
    ],
)
def test_each_refusal_has_its_own_error(site, word, error, sentence):
    play(site, horde=word)
    with pytest.raises(error, match=sentence) as caught:
        make(site)
    assert isinstance(caught.value, error)
    assert caught.value.code == error.code
    assert "horde" in str(caught.value).lower() or "picture" in str(caught.value)


def test_a_picture_within_the_answer_is_taken(site):
    play(site, horde="inline")
    assert Image.open(io.BytesIO(make(site).data)).size == (768, 768)


@pytest.mark.parametrize(
    ("upload", "error"), [("404", BadPicture), ("broken_off", BadPicture), ("reset", (BadPicture, EngineUnreachable))]
)
def test_a_picture_that_cannot_be_had_is_an_error(site, upload, error, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.engine.DOWNLOAD_SECONDS", 0.5)
    play(site, upload=upload)
    with pytest.raises(error):
        make(site)


def test_a_host_that_is_down_is_an_error(site):
    with pytest.raises(EngineUnreachable):
        make(site, horde_url=f"http://127.0.0.1:{free_port()}/api/v2")


def test_a_host_that_hangs_is_a_timeout(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.client.EXCHANGE_SECONDS", 0.5)
    play(site, horde="hang")
    with pytest.raises(PhaseTimeout):
        make(site)


def test_the_dividing_mark_is_refused_in_a_prompt(site):
    with pytest.raises(InvalidParameter, match="negative_prompt"):
        make(site, recipe=Recipe(prompt="a tree", negative_prompt="a ### b"))
    assert asked(site, "horde") == []


def test_a_parameter_that_it_does_not_take_is_caused_by_the_request(site):
    assert RequestInvalid.caused_by_request
    play(site)
    with pytest.raises(RequestInvalid, match="decimal"):
        asyncio.run(_submit_raw(site))


async def _submit_raw(site):
    async with HordeClient.open(engine(site)._settings, Reported()) as client:
        params = {"width": 512, "height": 512, "steps": 20, "cfg_scale": 7.126}
        await client.submit({"prompt": "a tree", "params": params})


def test_many_at_a_time_get_a_picture_each(site):
    play(site, delay=3)

    async def many():
        one = engine(site)
        recipes = [Recipe(prompt="a tree", seed=seed) for seed in range(4)]
        return await asyncio.gather(*(one.generate(recipe, Reported()) for recipe in recipes))

    begun = time.monotonic()
    assert [image.seed for image in asyncio.run(many())] == [0, 1, 2, 3]
    assert time.monotonic() - begun < 9  # one after the other takes 12


@pytest.mark.parametrize("image", ["*", "é", "abc"])
def test_a_picture_within_the_reply_that_is_no_base64_is_broken(site, image):
    with pytest.raises(BadPicture, match="no base64"):
        asyncio.run(engine(site)._data(image))
