"""The engine `replicate` with its real client library, when its service works."""

import asyncio
import re
import time

import pytest

from render_worker.contract import Recipe
from render_worker.engines.base import GeneratedImage
from render_worker.errors import EngineError, EngineNotConfigured, RequestInvalid
from render_worker.settings import Settings
from tests.fakes.on_replicate import DEV, LIMITED, PROMPT, SCHNELL, SDXL, Reported, engine, fresh, log, made, play, size
from tests.fakes.processes import sandbox


@pytest.fixture(scope="module")
def server():
    with sandbox() as running:
        yield running


@pytest.fixture
def site(server):
    return fresh(server)


def test_it_works(site):
    reported = Reported()
    image = made(site, reported, shape="portrait")
    (created,) = log(site)
    assert created["body"]["model"] == image.model == SCHNELL
    assert created["body"]["input"] == {
        "prompt": PROMPT,
        "aspect_ratio": "2:3",
        "num_outputs": 1,
        "output_format": "png",
        "seed": image.seed,
    }
    assert image.guidance_scale is None
    assert [line[0] for line in reported.lines] == ["starting", "starting", "downloading"]


def test_a_version_is_created_by_its_id_and_gets_all_parameters(site):
    image = made(site, model=SDXL, shape="portrait", seed=7, guidance_scale=9.5, negative_prompt="people")
    body = log(site)[0]["body"]
    assert body["version"] == SDXL.partition(":")[2]
    assert body["input"] == {
        "prompt": PROMPT,
        "width": 832,
        "height": 1248,
        "negative_prompt": "people",
        "num_outputs": 1,
        "seed": 7,
        "guidance_scale": 9.5,
    }
    assert (image.seed, image.guidance_scale, image.model) == (7, 9.5, SDXL)


def test_a_seed_is_honoured_at_the_price_of_speed(site):
    assert made(site, seed=7).seed == 7
    assert log(site)[0]["body"]["input"]["go_fast"] is False


def test_an_unrequested_guidance_scale_stays_the_model_s(site):
    assert made(site, model=DEV).guidance_scale == 3
    assert made(site, model=DEV, guidance_scale=5).guidance_scale == 5
    assert made(site, model=DEV, guidance_scale=20).guidance_scale == 10  # its maximum
    assert [entry["body"]["input"].get("guidance") for entry in log(site)] == [None, 5, 10]


def test_values_stay_within_the_model_s_bounds_and_the_result_has_them(site):
    image = made(site, model=LIMITED, seed=9, guidance_scale=0, shape="landscape")
    assert (image.seed, image.guidance_scale) == (9, 2)
    assert 5 <= made(site, model=LIMITED).seed <= 9
    assert log(site)[0]["body"]["input"] == {"prompt": PROMPT, "aspect_ratio": "16:9", "seed": 9, "cfg": 2}


def test_a_seed_that_the_model_does_not_take_is_refused_and_not_replaced(site):
    for seed in (4, 77):
        with pytest.raises(RequestInvalid, match=f"a seed from 5 to 9, and {seed} is none"):
            made(site, model=LIMITED, seed=seed)
    assert log(site) == []


def test_what_a_model_honours_is_what_its_schema_has(site):
    replicate = engine(site)
    assert replicate.capabilities_of("auto").parameters == replicate.capabilities_of(SCHNELL).parameters == {"seed"}
    assert replicate.capabilities_of(SDXL).parameters == {"seed", "guidance_scale", "negative_prompt"}
    assert replicate.capabilities_of(LIMITED).parameters == set()
    asyncio.run(replicate.start())
    assert replicate.capabilities_of("replicate").parameters == {"seed"}
    assert replicate.capabilities_of(LIMITED).parameters == {"seed", "guidance_scale"}


def test_a_description_that_failed_at_the_start_is_requested_again(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.replicate.engine.MIN_PAUSE_SECONDS", 0.1)
    play(site, "model_forbidden")

    async def started():
        replicate = engine(site)
        await replicate.start()
        assert replicate.capabilities_of(LIMITED).parameters == set()
        play(site, "ok")
        while not replicate.capabilities_of(LIMITED).parameters:  # the test's own time would be over
            await asyncio.sleep(0.05)
        await replicate.stop()

    asyncio.run(started())


def test_after_a_refusal_the_description_counts_until_it_is_renewed(site):
    replicate = engine(site)

    async def after_a_refusal():
        await replicate.start()
        known = replicate.capabilities_of(LIMITED).parameters
        play(site, "invalid")
        with pytest.raises(RequestInvalid):
            await replicate.generate(Recipe(prompt=PROMPT, model=LIMITED), Reported())
        assert replicate.capabilities_of(LIMITED).parameters == known != set()
        play(site, "ok")
        before = len(log(site, "replicate_model"))
        for _ in range(2):
            await replicate.generate(Recipe(prompt=PROMPT, model=LIMITED), Reported())
        await replicate.stop()
        return len(log(site, "replicate_model")) - before

    assert asyncio.run(after_a_refusal()) == 1


def test_the_schema_is_requested_once_and_again_after_a_refusal_of_the_parameters(site):
    async def three() -> None:
        replicate = engine(site)
        for _ in range(2):
            await replicate.generate(Recipe(prompt=PROMPT), Reported())
        play(site, "invalid")
        with pytest.raises(EngineError) as caught:
            await replicate.generate(Recipe(prompt=PROMPT), Reported())
        assert (caught.value.code, caught.value.caused_by_request) == ("engine_request_refused", True)
        assert len(log(site, "replicate_model")) == 1
        play(site, "ok")
        await replicate.generate(Recipe(prompt=PROMPT), Reported())

    asyncio.run(three())
    assert len(log(site, "replicate_model")) == 2


def test_progress_is_what_the_model_prints(site):
    reported = Reported()
    play(site, "ok", delay=2)
    made(site, reported)
    assert reported.lines[0] == ("starting", None, None, None)
    steps = [line[1:] for line in reported.lines if line[0] == "generating"]
    assert steps == sorted(steps)
    assert set(steps) <= {(25, 1, 4), (50, 2, 4), (75, 3, 4), (100, 4, 4)}
    assert len(steps) >= 2


@pytest.mark.parametrize("behaviour", ["one_url", "data_url", "odd_logs", "absurd_logs"])
def test_a_picture_comes_in_each_way(site, behaviour):
    play(site, behaviour, delay=0.8)
    assert size(made(site)) == (1024, 1024)


def test_of_long_logs_only_the_end_is_read(site):
    reported = Reported()
    play(site, "long_logs", delay=1)
    made(site, reported)
    assert ("generating", None, None, None) in reported.lines
    assert 99 not in [percent for _, percent, _, _ in reported.lines]  # the long log's first line


@pytest.mark.parametrize("model", [SCHNELL, SDXL])
def test_each_creation_names_its_deadline(site, model):
    made(site, model=model)
    assert log(site)[0]["body"]["cancel_after"] == "5m"


def test_many_pictures_are_made_side_by_side(site):
    play(site, "ok", delay=3)

    async def four() -> list[GeneratedImage]:
        replicate = engine(site)
        return await asyncio.gather(*(replicate.generate(Recipe(prompt=PROMPT, seed=n), Reported()) for n in range(4)))

    begun = time.monotonic()
    assert [image.seed for image in asyncio.run(four())] == [0, 1, 2, 3]
    assert time.monotonic() - begun < 9  # one after the other takes 12


def test_the_environment_s_proxy_and_settings_are_no_business_of_it(site, monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "REPLICATE_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    made(site)


def test_without_a_token_it_is_not_configured(site):
    with pytest.raises(EngineNotConfigured, match=re.escape("REPLICATE_API_TOKEN not configured.")):
        engine(site, replicate_api_token=None).check()


@pytest.mark.parametrize("name", ["flux", "a/b/c", "../x", "a/..", "a/b?c", "a/b:c/d", "a/" + "b" * 100])
def test_a_model_s_name_that_is_none_is_refused_at_the_start(name):
    with pytest.raises(ValueError, match="replicate_models"):
        Settings(replicate_models=name)
