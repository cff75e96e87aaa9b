"""The routes of other services' interfaces through both tiers, with the painter in place of a site."""

import base64
import io
from collections.abc import Iterator

import openai
import pytest
import requests
from PIL import Image

from tests.end_to_end.conftest import TOKEN
from tests.fakes.processes import Server, api, worker


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API tier before a worker that nobody asks for Perchance, so that no browser is needed."""
    folder = tmp_path_factory.mktemp("images")
    with worker(WORKER_TOKEN=TOKEN, LOCAL_STORAGE_DIR=folder, CHROMIUM_PATH="/bin/false") as renderer:
        with api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as running:
            yield running


@pytest.fixture
def ai(front) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key="anything", max_retries=0) as client:
        yield client


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_a_style_and_an_aspect_ratio_become_a_picture(front):
    fields = {"prompt": "a lighthouse", "style": "watercolor", "aspect_ratio": "16:9", "model": "sketch"}
    answer = requests.post(f"{front.url}/v1/images/generate", json=fields, timeout=60).json()
    assert (answer["status"], answer["from_cache"], answer["engine"]) == ("success", False, "sketch")
    image = opened(requests.get(answer["image_url"], timeout=10).content)
    assert image.size == (768, 512) == (answer["width"], answer["height"])
    assert image.text["prompt"] == answer["revised_prompt"]
    assert answer["revised_prompt"].startswith("watercolor of a lighthouse, ")
    assert "photograph" in image.text["negative_prompt"]


def test_an_unknown_model_is_refused_in_the_family_s_shape(front):
    fields = {"prompt": "a lighthouse", "model": "imagen"}
    answer = requests.post(f"{front.url}/v1/images/generate", json=fields, timeout=60)
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (400, "error", "invalid_parameter")
    assert "auto, perchance, sketch" in answer.json()["message"]


def test_openai_s_client_gets_pictures_by_their_addresses(ai):
    answer = ai.images.generate(prompt="a red boat", model="sketch", size="1024x1536", n=3)
    contents = [requests.get(picture.url, timeout=10).content for picture in answer.data]
    assert [opened(content).size for content in contents] == [(512, 768)] * 3
    assert len(set(contents)) == len({picture.seed for picture in answer.data}) == 3
    assert [int(opened(content).text["seed"]) for content in contents] == [picture.seed for picture in answer.data]
    assert (answer.size, answer.model, answer.data[0].engine) == ("512x768", "sketch", "sketch")


def test_openai_s_client_gets_pictures_as_bytes(ai):
    answer = ai.images.generate(prompt="a red boat", model="sketch", response_format="b64_json", n=2)
    images = [opened(base64.b64decode(picture.b64_json)) for picture in answer.data]
    assert [image.size for image in images] == [(768, 768)] * 2
    assert [int(image.text["seed"]) for image in images] == [picture.seed for picture in answer.data]


def test_openai_s_client_is_told_of_an_unknown_model(ai):
    with pytest.raises(openai.NotFoundError) as missing:
        ai.images.generate(prompt="a red boat", model="imagen")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


def test_openai_s_client_lists_the_models(ai):
    assert [model.id for model in ai.models.list()] == ["auto", "perchance", "sketch"]
    assert ai.models.retrieve("sketch").state == "ready"
