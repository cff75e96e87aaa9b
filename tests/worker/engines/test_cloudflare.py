"""The engine `cloudflare` against a stand-in of Workers AI: its requests, its pictures, its settings."""

import io
import logging

import pytest
from PIL import Image

from render_worker.contract import Recipe
from render_worker.errors import EngineNotConfigured
from sandbox.cloudflare import ACCOUNT, TOKEN
from tests.fakes.at_cloudflare import (
    KLEIN,
    LIGHTNING,
    PROMPT,
    SCHNELL,
    SDXL,
    Reported,
    asked,
    engine,
    failure,
    made,
    play,
)
from tests.fakes.leaving import left
from tests.fakes.processes import free_port, wait_until


def test_it_works(site):
    maker = engine(site.url)
    image = made(maker, shape="portrait")
    assert Image.open(io.BytesIO(image.data)).size == (1024, 1024)
    assert (image.seed, image.guidance_scale, image.model) == (None, None, SCHNELL)
    assert (maker.models, maker.price(Recipe(prompt=PROMPT)), maker.quality_of("auto")) == ((SCHNELL,), 0.0, 3)
    body = asked(site)[0]["body"]
    model = SCHNELL.removeprefix("cf/")
    assert body == {"account": ACCOUNT, "model": model, "form": False, "prompt": PROMPT, "steps": 4}


def test_schnell_honours_nothing_and_makes_one_size(site):
    maker = engine(site.url)
    recipe = Recipe(prompt=PROMPT, seed=1, negative_prompt="fog", guidance_scale=3, width=1280, height=720)
    assert maker.cannot_honour(recipe) == ["width", "height", "guidance_scale", "negative_prompt", "seed"]


def test_a_prompt_of_every_length_that_the_contract_takes_is_taken(site):
    assert made(engine(site.url), prompt="é" * 2000).data


@pytest.mark.parametrize("model", [KLEIN, KLEIN.replace("4b", "9b"), "cf/black-forest-labs/flux-2-dev"])
def test_flux_2_takes_a_form_with_its_size(site, model):
    image = made(engine(site.url, f"@{model}"), width=512, height=768)
    body = asked(site)[0]["body"]
    assert (body["form"], body["prompt"], body["width"], body["height"]) == (True, PROMPT, "512", "768")
    assert Image.open(io.BytesIO(image.data)).size == (512, 768)
    assert (image.seed, image.model) == (None, model)


def test_sdxl_takes_all_parameters_and_replies_with_the_file_itself(site):
    image = made(engine(site.url, SDXL), seed=7, negative_prompt="fog", guidance_scale=4, shape="landscape")
    assert (image.data[:4], image.seed, image.guidance_scale) == (b"\x89PNG", 7, 4)
    body = asked(site)[0]["body"]
    assert {name: body[name] for name in ("width", "height", "seed", "negative_prompt", "guidance")} == {
        "width": 1216,
        "height": 832,
        "seed": 7,
        "negative_prompt": "fog",
        "guidance": 4,
    }


def test_a_random_seed_is_the_engine_s_own_and_told(site):
    maker = engine(site.url, SDXL)
    seeds = {made(maker).seed for _ in range(2)}
    assert seeds == {entry["body"]["seed"] for entry in asked(site)}
    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("behaviour", "model"), [("ok", LIGHTNING), ("raw_as_json", SCHNELL), ("json_as_picture", SDXL)]
)
def test_a_picture_is_told_by_its_bytes(site, behaviour, model):
    play(site, behaviour)
    assert Image.open(io.BytesIO(made(engine(site.url, model)).data)).size == (1024, 1024)


def test_clients_can_name_each_model(site):
    maker = engine(site.url, f"@{SCHNELL}", KLEIN)
    assert maker.models == (SCHNELL, KLEIN)
    assert [made(maker, model=name).model for name in (*maker.models, "auto", "cloudflare")] == [
        SCHNELL,
        KLEIN,
        SCHNELL,
        SCHNELL,
    ]


def test_a_model_that_is_not_known_gets_the_prompt_alone(site):
    error = failure(engine(site.url, "@cf/acme/pictures-2"), shape="portrait")
    assert error.code == "engine_not_configured"
    assert asked(site)[0]["body"].keys() == {"account", "model", "form", "prompt"}


def test_a_service_that_hangs_is_noticed_and_left(site):
    play(site, "hang")
    assert failure(engine(site.url, cloudflare_seconds=0.3)).code == "timeout"
    wait_until(lambda: asked(site)[0]["outcome"] == "aborted", "the end at the service")


def test_a_cancelled_request_is_aborted_at_the_service(site):
    play(site, "hang")
    assert left(engine(site.url).generate(Recipe(prompt=PROMPT), Reported()), lambda: asked(site), 1)
    wait_until(lambda: asked(site)[0]["outcome"] == "aborted", "the end at the service")


def test_a_service_out_of_reach_is_said():
    assert failure(engine(f"http://127.0.0.1:{free_port()}")).code == "engine_unreachable"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (("cloudflare_account_id",), "^CLOUDFLARE_ACCOUNT_ID not configured"),
        (("cloudflare_api_token",), "^CLOUDFLARE_API_TOKEN not configured"),
        (("cloudflare_account_id", "cloudflare_api_token"), "CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN"),
    ],
)
def test_what_is_missing_is_named(missing, words):
    with pytest.raises(EngineNotConfigured, match=words):
        engine("http://127.0.0.1:9", **dict.fromkeys(missing)).check()


@pytest.mark.parametrize(
    "name", ["flux", "@cf/black-forest-labs", "@cf/a/b/../c", "@cf/a/b?x=1", "@hf/a/b", "@cf/a/b\n"]
)
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="cloudflare_model"):
        engine("http://127.0.0.1:9", name)


def test_the_token_and_the_prompt_are_in_no_log(site, caplog):
    play(site, "nsfw")
    with caplog.at_level(logging.DEBUG):
        failure(engine(site.url))
    assert "3030" in caplog.text
    assert TOKEN not in caplog.text
    assert PROMPT not in caplog.text
