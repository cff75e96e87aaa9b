"""AI Horde: what is asked of it, what its answers mean, and that nothing is left behind there."""

import asyncio
import io
import time

import pytest
import requests
from PIL import Image
from pydantic import SecretStr

from render_worker.contract import Recipe
from render_worker.engines.horde import HordeEngine
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
from render_worker.settings import Settings
from tests.processes import free_port, sandbox, wait_until

KEY = "a-key-of-the-horde"


class Told:
    """What an engine reported."""

    def __init__(self):
        self.news = []
        self.setbacks = []

    def __call__(self, phase, message=None, **numbers):
        self.news.append((phase, numbers))

    def setback(self, sentence):
        self.setbacks.append(sentence)


@pytest.fixture(scope="module")
def running_site():
    with sandbox() as server:
        yield server


@pytest.fixture
def site(running_site):
    requests.post(f"{running_site.url}/sandbox/reset", timeout=5).raise_for_status()
    return running_site


def play(site, **scenario):
    requests.post(f"{site.url}/sandbox", json={"painted": "beforehand", **scenario}, timeout=5).raise_for_status()


def asked(site, endpoint):
    log = requests.get(f"{site.url}/sandbox/log", timeout=5).json()
    return [entry for entry in log if entry["endpoint"] == endpoint]


def engine(site, **changes):
    settings = {
        "horde_url": f"{site.url}/api/v2",
        "horde_image_origins": (site.upload_origin,),
        "horde_poll_seconds": 0.1,
        "horde_models": (),
    }
    return HordeEngine(Settings(**{**settings, **changes}))


def make(site, told=None, seconds=20, recipe=None, **changes):
    recipe = recipe or Recipe(prompt="a tree")

    async def within():
        async with asyncio.timeout(seconds):
            return await engine(site, **changes).generate(recipe, told or Told())

    return asyncio.run(within())


@pytest.mark.parametrize(
    ("shape", "size"), [("portrait", (512, 768)), ("square", (768, 768)), ("landscape", (768, 512))]
)
def test_it_works(site, shape, size):
    play(site)
    image = make(site, recipe=Recipe(prompt="a tree", shape=shape, seed=7, guidance_scale=5.25))
    assert Image.open(io.BytesIO(image.data)).size == size
    assert (image.seed, image.guidance_scale, image.model) == (7, 5.25, "stable_diffusion")
    assert asked(site, "horde_cancel") == []


def test_words_are_the_services_own(site):
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


def test_a_random_seed_is_told(site):
    play(site)
    image = make(site)
    assert str(image.seed) == asked(site, "horde")[0]["body"]["params"]["seed"]


def test_an_own_key_is_sent_and_a_wrong_one_refused(site):
    play(site)
    assert make(site, horde_api_key=SecretStr(KEY)).data
    with pytest.raises(EngineUnauthorized) as caught:
        make(site, horde_api_key=SecretStr("not-the-key"))
    assert "not-the-key" not in str(caught.value)


def test_the_queue_and_the_wait_are_told(site):
    play(site, delay=1)
    told = Told()
    make(site, told)
    phases = list(dict.fromkeys(phase for phase, _ in told.news))
    assert phases == ["starting", "queued", "generating", "downloading"]
    waiting = next(numbers for phase, numbers in told.news if phase == "queued")
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
    assert type(caught.value) is error
    assert "horde" in str(caught.value).lower() or "picture" in str(caught.value)


def test_a_rest_is_as_long_as_the_service_says(site):
    play(site, horde="timeout_ip")
    with pytest.raises(EngineRateLimited) as caught:
        make(site)
    assert caught.value.retry_after == 77
    assert len(asked(site, "horde")) == 1


def test_a_limit_that_lasts_by_its_own_word_is_told_at_once(site):
    play(site, horde="too_fast_for_long")
    with pytest.raises(EngineRateLimited) as caught:
        make(site)
    assert (caught.value.retry_after, len(asked(site, "horde"))) == (60, 1)


@pytest.mark.parametrize("word", ["too_fast", "too_fast_for_2"])
def test_too_many_requests_in_a_second_are_sent_again(site, word, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.SUBMIT_PAUSES", (0.1, 0.1))
    play(site, horde=word, times=2)
    assert make(site).data
    assert len(asked(site, "horde")) == 3


def test_a_limit_that_lasts_is_told_in_the_end(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.SUBMIT_PAUSES", (0.1, 0.1))
    play(site, horde="too_many_prompts")
    with pytest.raises(EngineRateLimited):
        make(site)
    assert len(asked(site, "horde")) == 3


@pytest.mark.parametrize("word", ["no_workers", "faulted", "broken_look"])
def test_a_request_that_is_given_up_is_taken_back(site, word):
    play(site, horde=word)
    with pytest.raises(EngineError):
        make(site)
    assert len(asked(site, "horde_cancel")) == 1


def test_the_deadline_takes_the_request_back(site):
    play(site, horde="stuck")
    with pytest.raises(TimeoutError):
        make(site, seconds=0.6)
    wait_until(lambda: asked(site, "horde_cancel"), 3, "the request's end")


def test_who_leaves_while_the_submission_is_answered_takes_the_request_back(site):
    play(site, horde="slow_submission", delay=60)
    with pytest.raises(TimeoutError):
        make(site, seconds=0.3)
    assert len(asked(site, "horde_cancel")) == len(asked(site, "horde")) == 1


def test_who_leaves_a_submission_without_an_answer_is_not_held(site):
    play(site, horde="hang")
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        make(site, seconds=0.2)
    assert time.monotonic() - begun < 3
    wait_until(lambda: asked(site, "horde")[0]["outcome"] == "aborted", 3, "the submission's end")


@pytest.mark.parametrize("word", ["shaky_look", "shaky_end"])
def test_looks_in_vain_cost_no_picture(site, word):
    play(site, horde=word, delay=0.2)
    told = Told()
    assert make(site, told).data
    assert len(told.setbacks) == 2
    assert asked(site, "horde_cancel") == []


def test_that_no_machine_can_is_believed_at_the_second_look(site):
    play(site, horde="no_workers")
    with pytest.raises(EngineBusy):
        make(site)
    assert len(asked(site, "horde_check")) == 2


def test_looks_may_not_be_far_apart(site):
    with pytest.raises(ValueError, match="horde_poll_seconds"):
        engine(site, horde_poll_seconds=61)


def test_a_picture_within_the_answer_is_taken(site):
    play(site, horde="inline")
    assert Image.open(io.BytesIO(make(site).data)).size == (768, 768)


@pytest.mark.parametrize(
    ("upload", "error"), [("404", BadPicture), ("broken_off", BadPicture), ("reset", (BadPicture, EngineUnreachable))]
)
def test_a_picture_that_cannot_be_had_is_an_error(site, upload, error, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.DOWNLOAD_SECONDS", 0.5)
    play(site, upload=upload)
    with pytest.raises(error):
        make(site)


def test_a_host_that_is_down_is_told(site):
    with pytest.raises(EngineUnreachable):
        make(site, horde_url=f"http://127.0.0.1:{free_port()}/api/v2")


def test_a_host_that_hangs_is_told(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.horde.EXCHANGE_SECONDS", 0.5)
    play(site, horde="hang")
    with pytest.raises(PhaseTimeout):
        make(site)


def test_the_dividing_mark_is_refused_in_a_prompt(site):
    with pytest.raises(InvalidParameter, match="negative_prompt"):
        make(site, recipe=Recipe(prompt="a tree", negative_prompt="a ### b"))
    assert asked(site, "horde") == []


def test_a_word_that_it_does_not_take_is_the_requests_fault(site):
    assert RequestInvalid.by_request
    play(site)
    with pytest.raises(RequestInvalid, match="decimal"):
        asyncio.run(_submit_raw(site))


async def _submit_raw(site):
    from render_worker.http_client import http_client

    asking = engine(site)
    async with http_client(5) as client:
        wish = asking._wish(Recipe(prompt="a tree"), 1)
        wish["params"]["cfg_scale"] = 7.126
        await asking._ask(client, "POST", "/generate/async", wish)


def test_many_at_a_time_get_a_picture_each(site):
    play(site, delay=1.5)

    async def many():
        one = engine(site)
        recipes = [Recipe(prompt="a tree", seed=seed) for seed in range(4)]
        return await asyncio.gather(*(one.generate(recipe, Told()) for recipe in recipes))

    begun = time.monotonic()
    assert [image.seed for image in asyncio.run(many())] == [0, 1, 2, 3]
    assert time.monotonic() - begun < 4  # one after the other takes 6
