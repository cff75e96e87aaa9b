"""Hugging Face's own client against a stand-in of the router, the Hub and the host of fal.ai's pictures."""

import asyncio
import io
import logging

import pytest
import requests
from PIL import Image

from render_worker.contract import Recipe
from render_worker.engines.huggingface.engine import HuggingFaceEngine
from render_worker.errors import EngineNotConfigured
from render_worker.settings import Settings
from tests.fakes.at_huggingface import (
    PROMPT,
    TOKEN,
    Reported,
    asked,
    asked_of_all,
    engine,
    failure,
    made,
    new_model,
    play,
)
from tests.fakes.processes import wait_until


def test_it_works(site):
    play(site)
    reported = Reported()
    image = made(engine(site), reported)
    assert Image.open(io.BytesIO(image.data)).size == (1024, 1024)
    assert image.model == "black-forest-labs/FLUX.1-schnell"
    assert (image.seed, image.guidance_scale) == (None, None)
    assert reported.phases == ["starting", "generating"]
    assert asked(site)[0]["body"] == {
        "provider": "nscale",
        "model": "black-forest-labs/FLUX.1-schnell",
        "prompt": PROMPT,
        "response_format": "b64_json",
        "size": "1024x1024",
    }


def test_the_first_known_provider_of_the_account_s_order_is_taken_and_remembered(site):
    play(site)
    maker = engine(site, huggingface_model=new_model())

    async def twice():
        for _ in range(2):
            await maker.generate(Recipe(prompt=PROMPT), Reported())
        await maker.stop()

    asyncio.run(twice())
    assert [entry["body"]["provider"] for entry in asked(site)] == ["nscale", "nscale"]
    lookups = asked(site, "huggingface_hub")
    assert len(lookups) == 2  # ours, and the client's own, which it keeps
    assert {entry["body"]["expand"] for entry in lookups} == {"inferenceProviderMapping"}


def test_the_parameters_are_translated_for_fal(site):
    play(site)
    maker = engine(site, huggingface_provider="fal-ai", huggingface_model="stabilityai/stable-diffusion-3.5-large")
    reported = Reported()
    image = made(maker, reported, seed=7, guidance_scale=4, negative_prompt="fog", shape="portrait")
    assert (image.seed, image.guidance_scale, image.nsfw) == (7, 4, False)  # as fal.ai classifies
    assert reported.phases == ["starting", "generating", "downloading"]
    body = asked(site)[0]["body"]
    assert body == {
        "provider": "fal-ai",
        "model": "stabilityai/stable-diffusion-3.5-large",
        "prompt": PROMPT,
        "negative_prompt": "fog",
        "image_size": {"width": 832, "height": 1216},
        "seed": 7,
        "guidance_scale": 4,
        "output_format": "png",
    }


def test_an_own_endpoint_is_asked_alone(site):
    play(site)
    maker = engine(site, huggingface_url=f"{site.url}/huggingface/endpoint/", huggingface_provider="nobody")
    maker.check()
    image = made(maker, shape="landscape")
    body = asked(site)[0]["body"]
    assert body["inputs"] == PROMPT
    assert body["parameters"] == {"width": 1248, "height": 832, "seed": image.seed}
    assert 0 <= image.seed < 2**31
    assert image.model is None
    assert asked(site, "huggingface_hub") == []


@pytest.mark.parametrize(
    ("provider", "model", "honoured"),
    [
        ("auto", "black-forest-labs/FLUX.1-schnell", set()),
        ("nscale", "stabilityai/stable-diffusion-xl-base-1.0", set()),
        ("fal-ai", "black-forest-labs/FLUX.1-schnell", {"seed"}),
        ("together", "black-forest-labs/FLUX.1-dev", {"seed", "guidance_scale"}),
        ("hf-inference", "stabilityai/stable-diffusion-3.5", {"seed", "guidance_scale", "negative_prompt"}),
        ("fal-ai", "Qwen/Qwen-Image", {"seed"}),
    ],
)
def test_what_is_honoured_depends_on_provider_and_model(site, provider, model, honoured):
    asked_by = engine(site, huggingface_provider=provider, huggingface_model=model)
    assert asked_by.capabilities_of("huggingface").parameters == honoured


def test_a_model_that_is_being_loaded_is_waited_for(site):
    play(site, "loading", times=1)
    reported = Reported()
    assert made(engine(site), reported).data
    assert reported.messages.count("The model is being loaded at Hugging Face.") == 1
    assert len(asked(site)) == 2


def test_a_model_that_takes_for_ever_to_load_is_asked_again_soon(site, monkeypatch):
    monkeypatch.setattr("render_worker.engines.huggingface.replies.MAX_PAUSE_SECONDS", 0.1)
    play(site, "loading_absurd", times=1)
    assert made(engine(site)).data
    assert len(asked(site)) == 2


def test_an_unrequested_guidance_scale_is_the_model_s_own(site):
    play(site)
    model = "stabilityai/stable-diffusion-3.5-large"
    maker = engine(site, huggingface_provider="fal-ai", huggingface_model=model)
    assert made(maker).guidance_scale is None
    assert "guidance_scale" not in asked(site)[0]["body"]


def test_a_service_that_hangs_is_noticed_and_left(site):
    play(site, "hang")
    error = failure(engine(site, huggingface_seconds=0.3))
    assert error.code == "timeout"
    wait_until(lambda: asked(site)[0]["outcome"] == "aborted", "the end at the service")


@pytest.mark.parametrize(("behaviour", "endpoint"), [("hang", "huggingface"), ("hub_hang", "huggingface_hub")])
def test_the_caller_s_deadline_ends_the_work_at_the_service(site, behaviour, endpoint):
    play(site, behaviour)
    maker = engine(site, huggingface_model=new_model(), huggingface_seconds=60)

    async def give_up():
        async with asyncio.timeout(1):
            await maker.generate(Recipe(prompt=PROMPT), Reported())

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    wait_until(lambda: asked(site, endpoint)[0]["outcome"] == "aborted", "the end at the service")


def test_one_that_is_given_up_leaves_its_thread_to_the_next(site):
    play(site, "hang", times=1)
    maker = engine(site, engine_concurrency=1, huggingface_provider="hf-inference")

    async def give_up_and_go_on():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await maker.generate(Recipe(prompt=PROMPT), Reported())
        return await maker.generate(Recipe(prompt=PROMPT), Reported())

    assert asyncio.run(give_up_and_go_on()).data


def test_several_are_made_at_a_time(site):
    play(site, delay=0.5)
    maker = engine(site, huggingface_provider="fal-ai")

    async def four():
        recipes = [Recipe(prompt=PROMPT, seed=seed) for seed in range(4)]
        images = await asyncio.gather(*(maker.generate(recipe, Reported()) for recipe in recipes))
        await maker.stop()
        return images

    assert [image.seed for image in asyncio.run(four())] == [0, 1, 2, 3]
    assert requests.get(f"{site.url}/sandbox/gauge", timeout=5).json()["peak"] == 4


def test_nothing_is_taken_from_the_environment(site, monkeypatch):
    play(site)
    with monkeypatch.context() as environment:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        environment.setenv("HF_TOKEN", "hf_wrong")
        environment.setenv("AI_AGENT", "somebody")
        assert made(engine(site, huggingface_model=new_model())).data
    assert {entry["endpoint"] for entry in asked_of_all(site)} == {"huggingface_hub", "huggingface"}


def test_the_token_is_in_no_log(site, caplog):
    play(site, "no_permission")
    with caplog.at_level(logging.DEBUG):
        failure(engine(site, huggingface_ways="providers"))
    assert "does not have sufficient permissions" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"huggingface_api_key": None}, "^HF_TOKEN or HUGGINGFACE_API_KEY not configured.$"),
        ({"huggingface_provider": "replicate"}, "must be one of auto, nscale, fal-ai, together, hf-inference"),
        ({"huggingface_api_key": "sk-of-a-provider"}, "must be a token of Hugging Face"),
    ],
)
def test_what_cannot_work_is_refused_by_name(site, changes, words):
    with pytest.raises(EngineNotConfigured, match=words):
        engine(site, **changes).check()


def test_either_name_of_the_token_does():
    HuggingFaceEngine(Settings(hf_token=TOKEN)).check()
