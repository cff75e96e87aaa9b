"""Vercel's AI SDK with both of its providers that speak OpenAI's API."""

import base64

import pytest

from tests.clients.conftest import decoded
from tests.clients.driver import ClientError

PROVIDERS = ["openai", "compatible"]
NAMES = ["gpt-image-1", "dall-e-3", "openai/gpt-image-2", "auto", "sketch"]


@pytest.fixture
def ai(start):
    return start("javascript/ai_sdk.mjs")


def pictures(answer: dict) -> list:
    """Return the answer's pictures, each of the type that the SDK tells."""
    images = [decoded(base64.b64decode(image["base64"])) for image in answer["images"]]
    assert [f"image/{image.format.lower()}" for image in images] == [it["mediaType"] for it in answer["images"]]
    return images


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("model", NAMES)
def test_each_model_gives_a_picture(ai, provider, model):
    assert len(pictures(ai("generate", provider=provider, model=model, prompt="a red boat"))) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("model", ["gpt-image-1", "sketch"])
def test_several_pictures_of_a_size(ai, provider, model):
    images = pictures(ai("generate", provider=provider, model=model, prompt="a red boat", n=2, size="1024x1536"))
    assert len(images) == 2
    assert all(image.size == (1024, 1536) for image in images)


def test_options_of_the_provider_are_honoured(ai):
    options = {"openai": {"quality": "low", "outputFormat": "webp", "outputCompression": 60, "moderation": "low"}}
    answer = ai("generate", provider="openai", model="gpt-image-1", prompt="a boat", providerOptions=options)
    assert [image.format for image in pictures(answer)] == ["WEBP"]


def test_our_own_parameters_pass_through_the_other_one(ai):
    options = {"pictures": {"seed": 41, "negative_prompt": "people", "aspect_ratio": "16:9"}}
    answer = ai("generate", provider="compatible", model="sketch", prompt="a boat", providerOptions=options)
    [image] = pictures(answer)
    assert (image.text["seed"], image.text["negative_prompt"]) == ("41", "people")
    assert image.size == (768, 432)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("wrong", "status", "words"), [({"model": "imagen"}, 404, "model must be one of"), ({"size": "9x9"}, 400, "size")]
)
def test_an_error_has_our_sentence(ai, provider, wrong, status, words):
    with pytest.raises(ClientError) as refused:
        ai("generate", **{"provider": provider, "model": "sketch", "prompt": "a red boat", **wrong})
    assert (refused.value.type, refused.value.status) == ("APICallError", status)
    assert words in refused.value.message


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_edit_that_no_enabled_engine_makes_is_refused_with_our_sentence(ai, provider, photo):
    with pytest.raises(ClientError) as refused:
        ai("edit", provider=provider, model="gpt-image-1", text="a green boat", images=[photo])
    assert refused.value.status == 400
    assert "image cannot be honoured by any engine" in refused.value.message
