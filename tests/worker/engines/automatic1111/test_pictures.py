"""AUTOMATIC1111 and its likes: the requests that they get, and the pictures that come of them."""

import base64
import io
import json

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr, ValidationError

from render_worker.contract import Recipe
from render_worker.engines.automatic1111.engine import Automatic1111Engine
from render_worker.engines.automatic1111.replies import made
from render_worker.errors import EngineNotConfigured, EngineUnauthorized
from render_worker.outbound.exchange import Reply
from render_worker.settings import Settings
from tests.fakes.at_automatic1111 import asked, engine, make, play, source

FLAVOURS = ("a1111", "forge", "sdnext", "sdcpp")
AUTH = "ann:a secret: ä"


def opened(image):
    return Image.open(io.BytesIO(image.data))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("shape", "size"), [("portrait", (832, 1216)), ("square", (1024, 1024)), ("landscape", (1216, 832))]
)
def test_it_works(site, flavour, shape, size):
    play(site, automatic1111_flavour=flavour)
    image = make(site, recipe=Recipe(prompt="a tree", shape=shape, seed=7, guidance_scale=5.25))
    assert opened(image).size == size
    assert (image.seed, image.guidance_scale, image.note) == (7, 5.25, None)
    assert image.model.removesuffix(".safetensors") == "sd_xl_base_1.0"


@pytest.mark.parametrize(("shape", "size"), [("portrait", (512, 768)), ("square", (512, 512))])
def test_a_small_model_has_sizes_of_its_own(site, shape, size):
    assert opened(make(site, recipe=Recipe(prompt="a tree", shape=shape), automatic1111_native="512")).size == size


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(("named", "sent"), [(None, 30), (1, 1), (44, 44)])
def test_named_steps_take_the_place_of_the_operator_s(site, flavour, named, sent):
    play(site, automatic1111_flavour=flavour)
    image = make(site, recipe=Recipe(prompt="a tree", steps=named), automatic1111_steps=30)
    assert asked(site)[0]["body"]["steps"] == sent
    assert image.steps in (sent, None)  # SD.Next and others say no more than the seed


@pytest.mark.parametrize("told", ["30", True, 0, -1, 1e9, [3], None])
def test_steps_that_cannot_be_are_not_told(told):
    details = json.dumps({"steps": told, "seed": 5})
    document = {"images": [base64.b64encode(b"a picture").decode()], "info": details}
    reply = Reply("It", 200, httpx.Headers(), json.dumps(document).encode())
    assert made(reply, 5).steps is None


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_its_format_is_seen_in_the_file(site, kind):
    play(site, automatic1111_format=kind)
    assert opened(make(site)).format.lower() == kind


def test_every_parameter_is_sent(site):
    recipe = Recipe(prompt="a tree", negative_prompt="leaves", guidance_scale=7.126, width=600, height=904, seed=5)
    make(site, recipe=recipe, automatic1111_steps=30, automatic1111_sampler="Euler a")
    (sent,) = [entry["body"] for entry in asked(site)]
    assert sent.pop("force_task_id")
    assert sent == {
        "kind": "txt2img",
        "prompt": "a tree",
        "negative_prompt": "leaves",
        "width": 600,
        "height": 904,
        "seed": 5,
        "steps": 30,
        "cfg_scale": 7.126,
        "sampler_name": "Euler a",
        "scheduler": "Automatic",
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
        "override_settings": {},
        "override_settings_restore_afterwards": True,
    }


def test_a_random_seed_is_its_own_and_told(site):
    seeds = [make(site).seed for _ in range(2)]
    assert [entry["body"]["seed"] for entry in asked(site)] == seeds
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize("info", ["no_info", "odd_info", "no_json_info"])
def test_without_a_word_of_the_seed_it_is_the_one_that_was_sent(site, info):
    play(site, automatic1111=info)
    image = make(site, recipe=Recipe(prompt="a tree", seed=11))
    assert (image.seed, image.model) == (11, None)


def test_a_picture_as_a_data_url_is_taken(site):
    play(site, automatic1111="data_url")
    assert opened(make(site)).size == (1024, 1024)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_begins_with_an_image_of_the_picture_s_size(site, flavour):
    play(site, automatic1111_flavour=flavour)
    recipe = Recipe(prompt="a tree", shape="portrait", strength=0.4, image="0" * 64)
    assert opened(make(site, recipe=recipe, image=source(300, 200))).size == (832, 1216)
    (sent,) = [entry["body"] for entry in asked(site)]
    assert (sent["kind"], sent["denoising_strength"], sent["init_images"]) == ("img2img", 0.4, ["832x1216"])


def test_a_strength_that_is_left_out_is_the_usual_one(site):
    image = make(site, recipe=Recipe(prompt="a tree", image="0" * 64), image=source(1024, 1024))
    assert (asked(site)[0]["body"]["denoising_strength"], image.strength) == (0.75, 0.75)


def test_a_scale_of_the_model_s_own_takes_the_place_of_the_client_s(site):
    image = make(site, recipe=Recipe(prompt="a tree", guidance_scale=9), automatic1111_cfg_scale=1)
    assert asked(site)[0]["body"]["cfg_scale"] == 1
    assert image.guidance_scale is None
    ours = engine(site, automatic1111_cfg_scale=1)
    assert ours.cannot_honour(Recipe(prompt="a tree", guidance_scale=9)) == ["guidance_scale"]
    assert engine(site).cannot_honour(Recipe(prompt="a tree", guidance_scale=9, negative_prompt="x", seed=1)) == []


@pytest.mark.parametrize("flavour", ["a1111", "forge", "sdnext"])
def test_a_user_and_password_are_sent_and_a_wrong_one_is_refused(site, flavour):
    play(site, automatic1111_user=AUTH, automatic1111_flavour=flavour)
    assert make(site, automatic1111_auth=SecretStr(AUTH)).data
    for auth in (SecretStr("ann:not it"), None):
        with pytest.raises(EngineUnauthorized, match="AUTOMATIC1111_AUTH") as caught:
            make(site, automatic1111_auth=auth)
        assert "not it" not in str(caught.value)


def test_an_auth_without_a_password_is_refused_by_name_and_not_shown():
    for auth in ("a-secret", ":a-secret"):
        with pytest.raises(ValidationError, match="user:password") as caught:
            Settings(automatic1111_auth=auth)
        assert "a-secret" not in str(caught.value)
    assert "a secret" not in repr(Settings(automatic1111_auth=AUTH))


def test_an_address_with_the_api_s_path_is_the_same(site):
    assert make(site, automatic1111_url=f"{site.url}/automatic1111/sdapi/v1").data


def test_without_an_address_it_is_not_configured():
    with pytest.raises(EngineNotConfigured, match="AUTOMATIC1111_URL not configured"):
        Automatic1111Engine(Settings(automatic1111_url=None)).check()


def test_it_costs_nothing_and_makes_one_at_a_time(site):
    ours = engine(site)
    assert ours.price(Recipe(prompt="a tree")) == 0
    assert ours.slots.size == 1
