"""OpenAI's JavaScript client."""

import pytest

from image_api.generation.progress_stream import FIRST_SECONDS
from tests.clients.conftest import MODELS, picture_of
from tests.clients.driver import ClientError


@pytest.fixture
def ai(start):
    return start("javascript/openai.mjs")


def test_it_works(ai):
    answer = ai("generate", prompt="a red boat", model="sketch")
    [item] = answer["data"]
    assert picture_of(item).size == (768, 768)
    assert item["url"]
    assert answer["size"] == "768x768"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({}, "url"),
        ({"model": "auto"}, "url"),
        ({"model": "dall-e-3"}, "url"),
        ({"model": "sketch"}, "url"),
        ({"model": "gpt-image-1"}, "b64_json"),
        ({"model": "openai/gpt-image-2"}, "b64_json"),
        ({"model": "GPT-Image-1-Mini"}, "b64_json"),
        ({"model": "chatgpt-image-latest"}, "b64_json"),
    ],
    ids=str,
)
def test_each_model_brings_the_field_that_its_users_read(ai, model, field):
    [item] = ai("generate", prompt="a red boat", **model)["data"]
    assert item[field]
    assert picture_of(item)


@pytest.mark.parametrize("model", ["sketch", "gpt-image-1", "dall-e-3"])
@pytest.mark.parametrize("field", ["url", "b64_json"])
def test_a_format_that_is_named_wins(ai, model, field):
    [item] = ai("generate", prompt="a red boat", model=model, response_format=field)["data"]
    assert {"url", "b64_json"} & {name for name, value in item.items() if value} == {field}
    assert picture_of(item)


@pytest.mark.parametrize("n", [2, 10])
def test_several_pictures_differ(ai, n):
    items = ai("generate", prompt="a red boat", model="sketch", n=n, response_format="b64_json")["data"]
    assert len({item["b64_json"] for item in items}) == len({item["seed"] for item in items}) == n


@pytest.mark.parametrize(
    ("size", "made"),
    [("1024x1024", (1024, 1024)), ("1024x1792", (1024, 1792)), ("auto", (768, 768)), ("9999x9999", (768, 768))],
)
def test_a_size_is_made_if_it_can_be(ai, size, made):
    answer = ai("generate", prompt="a red boat", model="sketch", size=size)
    [item] = answer["data"]
    assert picture_of(item).size == made == tuple(map(int, answer["size"].split("x")))
    assert item.get("ignored") == (["size"] if size == "9999x9999" else None)


def test_jpeg_is_compressed_as_wished(ai):
    def length(compression: int) -> int:
        [item] = ai(
            "generate",
            prompt="a red boat",
            model="sketch",
            seed=7,
            response_format="b64_json",
            output_format="jpeg",
            output_compression=compression,
        )["data"]
        assert picture_of(item).format == "JPEG"
        return len(item["b64_json"])

    assert length(20) < length(90)


@pytest.mark.parametrize("call", ["generateWithApiVersion", "generateByAzure"])
def test_what_azure_s_users_add_is_ignored(ai, call):
    [item] = ai(call, prompt="a red boat", model="sketch")["data"]
    assert picture_of(item)


@pytest.mark.parametrize("partial_images", [None, 0, 3])
def test_a_stream_ends_with_the_picture(ai, partial_images):
    *partial, completed = ai("stream", prompt="a red boat", model="gpt-image-1", partial_images=partial_images)
    assert [event["type"] for event in partial] == ["image_generation.partial_image"] * len(partial)
    assert len(partial) <= (partial_images or 0)
    assert completed["type"] == "image_generation.completed"
    image = picture_of({"b64_json": completed["b64_json"]})
    assert completed["size"] == "{}x{}".format(*image.size)
    assert completed["output_format"] == image.format.lower() == "png"
    assert completed["created_at"] > 0
    assert completed["usage"]["total_tokens"] >= 0


@pytest.mark.parametrize(
    ("wrong", "type", "status", "code", "param"),
    [
        ({"model": "imagen"}, "NotFoundError", 404, "model_not_found", "model"),
        ({"size": "large"}, "BadRequestError", 400, "invalid_parameter", "size"),
        ({"n": 11}, "BadRequestError", 400, "invalid_parameter", "n"),
        ({"background": "transparent"}, "BadRequestError", 400, "invalid_parameter", "background"),
        ({"prompt": ""}, "BadRequestError", 400, "invalid_parameter", "prompt"),
    ],
    ids=str,
)
@pytest.mark.parametrize("call", ["generate", "stream"])
def test_an_error_is_the_client_s_own(ai, call, wrong, type, status, code, param):
    with pytest.raises(ClientError) as refused:
        ai(call, **{"prompt": "a red boat", "model": "sketch", **wrong})
    assert (refused.value.type, refused.value.status) == (type, status)
    assert refused.value.fields == {"code": code, "param": param}


def test_an_error_after_the_stream_has_begun_is_raised(ai, play):
    play(horde="censored", delay=FIRST_SECONDS + 1)
    with pytest.raises(ClientError) as failed:
        ai("stream", prompt="a red boat")
    assert (failed.value.type, failed.value.fields["code"]) == ("APIError", "content_refused")


@pytest.mark.parametrize(("files", "code"), [(1, "invalid_parameter"), (2, "unsupported")])
def test_an_edit_that_no_enabled_engine_makes_is_refused(ai, photo, files, code):
    with pytest.raises(ClientError) as refused:
        ai("edit", image=[photo] * files, prompt="a green boat", model="gpt-image-1")
    assert (refused.value.type, refused.value.status) == ("BadRequestError", 400)
    assert refused.value.fields["code"] == code


def test_a_variation_is_refused_likewise(ai, photo):
    with pytest.raises(ClientError) as refused:
        ai("variation", image=photo, n=2, size="512x512")
    assert (refused.value.type, refused.value.fields["code"]) == ("BadRequestError", "unsupported")


def test_the_models_are_listed(ai):
    assert [model["id"] for model in ai("models")] == MODELS
    assert ai("model", id="sketch")["object"] == "model"
