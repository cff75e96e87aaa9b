"""OpenAI's Python client, in this process."""

import asyncio
import base64
from collections.abc import Iterator

import openai
import pytest

from image_api.generation.progress_stream import FIRST_SECONDS
from tests.clients.conftest import MODELS, bytes_of, decoded, picture_of

KEY = "a-key-of-the-tests"
AZURE = "2025-04-01-preview"
LATE_SECONDS = FIRST_SECONDS + 1


@pytest.fixture
def ai(base) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
        yield client


def items(answer: openai.types.ImagesResponse) -> list[dict]:
    return [item.model_dump() for item in answer.data]


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ({}, "url"),
        ({"model": None}, "url"),
        ({"model": ""}, "url"),
        ({"model": "auto"}, "url"),
        ({"model": "dall-e-3"}, "url"),
        ({"model": "OpenAI/DALL-E-2"}, "url"),
        ({"model": "sketch"}, "url"),
        ({"model": "gpt-image-1"}, "b64_json"),
        ({"model": "openai/gpt-image-2"}, "b64_json"),
        ({"model": "GPT-IMAGE-2.5-flare-2026-09-08"}, "b64_json"),
        ({"model": "openai/chatgpt-image-latest"}, "b64_json"),
    ],
    ids=str,
)
def test_each_model_brings_the_field_that_its_users_read(ai, model, field):
    [item] = items(ai.images.generate(prompt="a red boat", **model))
    assert item[field]
    assert picture_of(item)


def test_ten_pictures_on_an_idle_service(ai):
    answer = ai.images.generate(prompt="a red boat", model="gpt-image-1", n=10)
    assert len({item["b64_json"] for item in items(answer)}) == 10


def test_extensions_come_by_extra_body(ai):
    extensions = {"seed": 41, "negative_prompt": "people", "guidance_scale": 9}
    answer = ai.images.generate(prompt="a red boat", model="sketch", n=2, extra_body=extensions)
    images = [picture_of(item) for item in items(answer)]
    assert [(image.text["seed"], image.text["negative_prompt"]) for image in images] == [
        ("41", "people"),
        ("42", "people"),
    ]


@pytest.mark.parametrize("model", ["sketch", "auto"])
def test_an_aspect_ratio_and_exact_sides_come_by_extra_body(ai, model):
    def size_by(**extensions: object) -> tuple[int, int]:
        answer = ai.images.generate(prompt="a red boat", model=model, size="1024x1024", extra_body=extensions)
        [item] = items(answer)
        width, height = picture_of(item).size
        assert (answer.size, item["ignored"]) == (f"{width}x{height}", ["size"])
        return width, height

    assert size_by(width=640, height=512) == (640, 512)
    width, height = size_by(aspect_ratio="16:9")
    assert width * 9 == height * 16


@pytest.mark.parametrize(
    ("size", "made"), [("1536x1024", (1536, 1024)), ("256x256", (256, 256)), ("4096x4096", (768, 768))]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_size_is_made_if_an_engine_can(ai, stream, size, made):
    answer = ai.images.generate(prompt="a red boat", size=size, stream=stream, response_format="b64_json")
    [item] = [event.model_dump() for event in answer] if stream else items(answer)
    assert decoded(base64.b64decode(item["b64_json"])).size == made == (item["width"], item["height"])
    assert item.get("ignored") == (None if size == "{}x{}".format(*made) else ["size"])


@pytest.mark.parametrize("partial_images", [0, 2])
def test_a_stream_ends_with_the_picture(ai, partial_images):
    stream = ai.images.generate(prompt="a red boat", model="gpt-image-1", stream=True, partial_images=partial_images)
    *partial, completed = stream
    assert [event.type for event in partial] == ["image_generation.partial_image"] * len(partial)
    assert completed.type == "image_generation.completed"
    image = picture_of({"b64_json": completed.b64_json})
    assert completed.size == "{}x{}".format(*image.size)
    assert completed.usage.total_tokens == completed.usage.input_tokens + completed.usage.output_tokens


def test_the_asynchronous_client_streams_too(base):
    async def last() -> openai.types.ImageGenStreamEvent:
        async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0) as ai:
            stream = await ai.images.generate(prompt="a red boat", model="sketch", stream=True)
            return [event async for event in stream][-1]

    assert picture_of({"b64_json": asyncio.run(last()).b64_json})


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_the_client_s_own(ai, stream):
    with pytest.raises(openai.NotFoundError) as missing:
        ai.images.generate(prompt="a red boat", model="imagen", stream=stream)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as refused:
        ai.images.generate(prompt="a red boat", size="large", stream=stream)
    assert (refused.value.code, refused.value.param) == ("invalid_parameter", "size")


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_engine_before_any_event_has_its_status(ai, play, stream):
    play(horde="faulted")
    with pytest.raises(openai.InternalServerError) as failed:
        ai.images.generate(prompt="a red boat", stream=stream)
    assert (failed.value.status_code, failed.value.code) == (502, "engine_failed")


def test_an_error_after_the_stream_has_begun_is_raised(ai, play):
    play(horde="censored", delay=LATE_SECONDS)
    stream = ai.images.generate(prompt="a red boat", stream=True)
    with pytest.raises(openai.APIError) as failed:
        list(stream)
    assert failed.value.code == "content_refused"


@pytest.mark.parametrize("stream", [False, True])
def test_those_that_were_made_come_if_one_fails(ai, play, stream):
    play(horde="faulted", times=1)
    answer = ai.images.generate(prompt="a red boat", n=3, stream=stream, response_format="b64_json")
    made = [event for event in answer if event.type == "image_generation.completed"] if stream else answer.data
    assert len({each.b64_json for each in made}) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_edit_that_no_enabled_engine_makes_is_refused(ai, photo, stream):
    with open(photo, "rb") as image, pytest.raises(openai.BadRequestError) as refused:
        ai.images.edit(image=image, prompt="a green boat", model="gpt-image-1", stream=stream)
    assert (refused.value.code, refused.value.param) == ("invalid_parameter", "image")
    assert "cannot be honoured by any engine" in refused.value.message


def test_sixteen_pictures_are_read_and_a_seventeenth_refused(ai, photo):
    def edit(pictures: int) -> openai.BadRequestError:
        with pytest.raises(openai.BadRequestError) as refused:
            ai.images.edit(image=[("photo.png", bytes_of(photo), "image/png")] * pictures, prompt="a boat")
        return refused.value

    assert edit(16).code == "unsupported"
    assert (edit(17).code, edit(17).param) == ("invalid_parameter", "image")


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation_is_refused_likewise(ai, photo):
    with open(photo, "rb") as image, pytest.raises(openai.BadRequestError) as refused:
        ai.images.create_variation(image=image)
    assert refused.value.code == "unsupported"


@pytest.mark.parametrize("end", ["", "/", "/v1/", "/v1/v1", "/openai/v1", "/v1/images/generations"])
def test_any_base_that_a_user_may_type_works(front, end):
    with openai.OpenAI(base_url=front + end, api_key=KEY, max_retries=0) as ai:
        assert [model.id for model in ai.models.list()] == MODELS
        [item] = items(ai.images.generate(prompt="a red boat", model="sketch"))
        assert picture_of(item)


@pytest.mark.parametrize(("model", "field"), [("gpt-image-1", "b64_json"), ("sketch", "url")])
def test_the_client_for_azure_works_too(front, model, field):
    with openai.AzureOpenAI(azure_endpoint=front, api_key=KEY, api_version=AZURE, max_retries=0) as ai:
        [item] = items(ai.images.generate(prompt="a red boat", model=model))
        assert item[field]
        assert [model.id for model in ai.models.list()] == MODELS


def test_the_api_version_of_azure_s_users_is_ignored(base):
    query = {"api-version": AZURE}
    with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0, default_query=query) as ai:
        assert [model.id for model in ai.models.list()] == MODELS
        [item] = items(ai.images.generate(prompt="a red boat", model="sketch"))
        assert picture_of(item)


def test_the_models_are_listed(ai):
    assert [model.id for model in ai.models.list()] == MODELS
    assert ai.models.retrieve("gpt-image-1").id == "auto"
