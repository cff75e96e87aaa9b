"""litellm, the library that many programs put between themselves and a model."""

import pytest

from tests.clients.conftest import picture_of
from tests.clients.driver import ClientError


@pytest.fixture
def ai(start):
    return start("python/drive_litellm.py")


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("openai/gpt-image-1", "b64_json"),
        ("openai/openai/gpt-image-2", "b64_json"),
        ("openai/dall-e-3", "url"),
        ("openai/auto", "url"),
        ("openai/sketch", "url"),
    ],
)
def test_each_model_brings_the_field_that_its_users_read(ai, model, field):
    [item] = ai("generate", prompt="a red boat", model=model)["data"]
    assert item[field]
    assert picture_of(item)


def test_its_parameters_are_honoured(ai):
    options = {"n": 2, "size": "1024x1536", "quality": "low", "output_format": "jpeg", "output_compression": 80}
    answer = ai("generate", prompt="a red boat", model="openai/gpt-image-1", **options)
    assert len({item["b64_json"] for item in answer["data"]}) == 2
    for image in map(picture_of, answer["data"]):
        assert (image.format, image.width < image.height) == ("JPEG", True)


def test_extensions_come_by_extra_body(ai):
    extensions = {"response_format": "b64_json", "seed": 41}
    [item] = ai("generate", prompt="a red boat", model="openai/sketch", extra_body=extensions)["data"]
    assert picture_of(item).text["seed"] == "41"


@pytest.mark.parametrize(
    ("wrong", "type", "status"),
    [
        ({"model": "openai/imagen"}, "NotFoundError", 404),
        ({"model": "openai/sketch", "size": "large"}, "BadRequestError", 400),
    ],
    ids=str,
)
def test_an_error_is_litellm_s_own(ai, wrong, type, status):
    with pytest.raises(ClientError) as refused:
        ai("generate", prompt="a red boat", **wrong)
    assert (refused.value.type, refused.value.status) == (type, status)


def test_an_edit_that_no_enabled_engine_makes_is_refused(ai, photo):
    with pytest.raises(ClientError) as refused:
        ai("edit", image=[photo], prompt="a green boat", model="openai/gpt-image-1")
    assert refused.value.status == 400
    assert "image cannot be honoured by any engine" in refused.value.message
