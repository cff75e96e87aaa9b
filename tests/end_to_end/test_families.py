"""The routes compatible with other services' interfaces, through both tiers, with the painter as the engine."""

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
    """Run an API tier before a worker that never needs a browser: no request selects Perchance."""
    folder = tmp_path_factory.mktemp("images")
    with worker(WORKER_TOKEN=TOKEN, LOCAL_STORAGE_DIR=folder, CHROMIUM_PATH="/bin/false") as renderer:
        with api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN) as running:
            yield running


@pytest.fixture
def ai(front) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{front.url}/v1", api_key="anything", max_retries=0) as client:
        yield client


def decoded(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_a_style_and_an_aspect_ratio_become_a_picture(front):
    fields = {"prompt": "a lighthouse", "style": "watercolor", "aspect_ratio": "16:9", "model": "sketch"}
    response = requests.post(f"{front.url}/v1/images/generate", json=fields, timeout=60).json()
    assert (response["status"], response["from_cache"], response["engine"]) == ("success", False, "sketch")
    image = decoded(requests.get(response["image_url"], timeout=10).content)
    assert image.size == (768, 432) == (response["width"], response["height"])
    assert response["aspect_ratio"] == "16:9"
    assert image.text["prompt"] == response["revised_prompt"]
    assert response["revised_prompt"].startswith("watercolor of a lighthouse, ")
    assert "photograph" in image.text["negative_prompt"]


@pytest.mark.parametrize("route", ["generations", "generate"])
@pytest.mark.parametrize(
    ("fields", "size", "ignored"),
    [
        ({"size": "1024x640"}, (1024, 640), None),
        ({"size": "256x256"}, (256, 256), None),
        ({"size": "500x300"}, (768, 512), ["size"]),
        ({"size": "4096x4096"}, (768, 768), ["size"]),
        ({"width": 640, "height": 96, "size": "1024x1024"}, (640, 96), ["size"]),
        ({"width": 640, "aspect_ratio": "4:1"}, (640, 160), None),
        ({"aspect_ratio": "9:19.5"}, (354, 767), None),
        ({"aspect_ratio": "1:4", "size": "1024x1024"}, (192, 768), ["size"]),
    ],
    ids=str,
)
def test_the_file_has_the_size_that_is_told(front, route, fields, size, ignored):
    body = {"prompt": "a lighthouse", "model": "sketch", "response_format": "b64_json", **fields}
    response = requests.post(f"{front.url}/v1/images/{route}", json=body, timeout=60).json()
    [picture] = response.get("data", [response])
    assert (picture["width"], picture["height"], picture.get("ignored")) == (*size, ignored)
    assert decoded(base64.b64decode(picture["b64_json"])).size == size


@pytest.mark.parametrize("route", ["generations", "generate"])
def test_exact_sides_that_the_named_model_cannot_make_are_refused(front, route):
    body = {"prompt": "a lighthouse", "model": "sketch", "width": 4096, "height": 4096}
    response = requests.post(f"{front.url}/v1/images/{route}", json=body, timeout=60)
    assert (response.status_code, "width and height cannot be honoured by sketch" in response.text) == (400, True)


def test_an_unknown_model_is_refused_in_the_family_s_shape(front):
    fields = {"prompt": "a lighthouse", "model": "imagen"}
    response = requests.post(f"{front.url}/v1/images/generate", json=fields, timeout=60)
    assert (response.status_code, response.json()["status"], response.json()["code"]) == (
        400,
        "error",
        "invalid_parameter",
    )
    assert "auto, perchance, sketch" in response.json()["message"]


def test_openai_s_client_gets_pictures_by_their_addresses(ai):
    response = ai.images.generate(prompt="a red boat", model="sketch", size="1024x1536", n=3)
    contents = [requests.get(picture.url, timeout=10).content for picture in response.data]
    assert [decoded(content).size for content in contents] == [(1024, 1536)] * 3
    assert len(set(contents)) == len({picture.seed for picture in response.data}) == 3
    assert [int(decoded(content).text["seed"]) for content in contents] == [picture.seed for picture in response.data]
    assert (response.size, response.model, response.data[0].engine) == ("1024x1536", "sketch", "sketch")


def test_openai_s_client_gets_pictures_as_bytes(ai):
    response = ai.images.generate(prompt="a red boat", model="sketch", response_format="b64_json", n=2)
    images = [decoded(base64.b64decode(picture.b64_json)) for picture in response.data]
    assert [image.size for image in images] == [(768, 768)] * 2
    assert [int(image.text["seed"]) for image in images] == [picture.seed for picture in response.data]


def test_openai_s_client_gets_an_error_for_an_unknown_model(ai):
    with pytest.raises(openai.NotFoundError) as missing:
        ai.images.generate(prompt="a red boat", model="imagen")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


def test_openai_s_client_lists_the_models(ai):
    assert [model.id for model in ai.models.list()] == ["auto", "perchance", "sketch"]
    sketch = ai.models.retrieve("sketch")
    assert (sketch.state, sketch.sizes["shapes"]["landscape"]) == ("ready", [768, 512])
