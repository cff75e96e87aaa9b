"""/v1/txt2img, /v1/img2img and OpenAI's variations, through both tiers, with Automatic1111's stand-in as the engine."""

import base64
import io
import json
from collections.abc import Iterator

import openai
import pytest
import requests
from PIL import Image
from websockets.sync.client import connect

from tests.end_to_end.conftest import OPERATOR, TOKEN
from tests.end_to_end.rendering import DISPATCHES, rendering
from tests.fakes.processes import Sandbox, api, sandbox

QUICK_START = {"prompt": "A beautiful sunset over mountains", "num_inference_steps": 25, "guidance_scale": 7.5}


@pytest.fixture(scope="module", params=DISPATCHES)
def servers(request, tmp_path_factory) -> Iterator[tuple[Sandbox, str]]:
    """Run both tiers before the stand-in; no engine here runs models itself."""
    folder = tmp_path_factory.mktemp("images")
    with sandbox() as site:
        pointers = {**site.pointers("automatic1111"), "AUTOMATIC1111_POLL_SECONDS": "0.2"}
        settings = {"WORKER_TOKEN": TOKEN, "ENGINES": "automatic1111", "LOCAL_STORAGE_DIR": folder, **pointers}
        with (
            rendering(request.param, **settings) as made_by,
            api(**made_by.of_api, WORKER_TOKEN=TOKEN) as front,
        ):
            yield site, front.url


@pytest.fixture
def front(servers) -> Iterator[str]:
    yield servers[1]
    requests.post(f"{servers[0].url}/sandbox/reset", timeout=5).raise_for_status()


def photo(size: tuple[int, int] = (300, 200)) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 90).convert("RGB").save(file, "PNG")
    return file.getvalue()


def decoded(text: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    image.load()
    return image


def post(front: str, path: str, headers: dict | None = None, **fields: object) -> requests.Response:
    return requests.post(front + path, json=fields, headers=headers, timeout=60)


def refused(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["error"]


@pytest.mark.parametrize("path", ["/v1/txt2img", "/api/v1/generate/txt2img"])
def test_the_quick_start_gets_a_picture_of_an_engine_that_can(front, path):
    answer = post(front, path, **QUICK_START)
    body = answer.json()
    assert (answer.status_code, body["engine"], body["model_id"]) == (200, "automatic1111", "automatic1111")
    image = decoded(body["image"])
    assert (image.format, image.size) == ("PNG", (body["width"], body["height"]))
    assert image.text["prompt"] == QUICK_START["prompt"]
    [picture] = body["pictures"]
    assert requests.get(picture["image_url"], timeout=9).content == base64.b64decode(body["images"][0])
    assert (body["guidance_scale"], body["safety_filter_result"]) == (7.5, "not_checked")
    assert (body["num_inference_steps"], body.get("ignored")) == (25, None)


def test_each_of_several_has_its_seed(front):
    body = post(front, "/v1/txt2img", prompt="a boat", seed=40, num_images=3, width=512, height=640).json()
    assert body["seeds"] == [40, 41, 42] == [it["seed"] for it in body["pictures"]]
    images = [decoded(it) for it in body["images"]]
    assert [it.size for it in images] == [(512, 640)] * 3
    assert [int(it.text["seed"]) for it in images] == [40, 41, 42]


def test_an_image_to_begin_with_is_sent_as_json_and_as_a_form(front):
    image, fields = photo(), {"prompt": "in winter", "strength": 0.5, "seed": 3}
    first = post(front, "/v1/img2img", image=base64.b64encode(image).decode(), **fields)
    second = requests.post(f"{front}/api/v1/generate/img2img", files={"image": ("a", image)}, data=fields, timeout=60)
    bodies = [it.json() for it in (first, second)]
    assert [it.headers["X-Cache"] for it in (first, second)] == ["MISS", "HIT"]
    assert [it["strength"] for it in bodies] == [0.5, 0.5]
    assert bodies[0]["images"] == bodies[1]["images"]
    width, height = decoded(bodies[0]["image"]).size
    assert width / height == pytest.approx(1.5, rel=0.02)


def test_openai_s_client_gets_variations_of_a_picture(front):
    warned = pytest.warns(DeprecationWarning, match="deprecated")
    with openai.OpenAI(base_url=f"{front}/v1", api_key="x", max_retries=0) as ai, warned:
        page = ai.images.create_variation(image=("a.png", photo()), n=2, response_format="b64_json")
    images = [decoded(it.b64_json) for it in page.data]
    assert len(images) == 2
    assert {it.engine for it in page.data} == {"automatic1111"}


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("POST", "/v1/txt2img", {"prompt": "a", "model_id": "sd-xl-base"}),
        ("POST", "/v1/txt2img", {"prompt": "a", "lora_path": "watercolor"}),
        ("POST", "/v1/img2img", {"prompt": "a", "image": base64.b64encode(photo()).decode(), "model_id": "sd-1-5"}),
        ("POST", "/v1/models/load", {"model_id": "sd-2-1"}),
        ("POST", "/api/v1/loras/load", {"lora_path": "watercolor"}),
        ("POST", "/v1/loras/unload", {"lora_path": "watercolor"}),
        ("GET", "/api/v1/loras/list", None),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_needs_the_engine_diffusers_is_not_configured(front, method, path, fields):
    answer = requests.request(method, front + path, json=fields, headers=OPERATOR, timeout=30)
    assert refused(answer)[:2] == (503, "engine_not_configured"), answer.text
    assert "diffusers" in answer.json()["hint"]


def test_a_refusal_names_what_the_client_sent(front):
    status, code, sentence = refused(post(front, "/v1/txt2img", prompt="a", model_id="sketch", num_inference_steps=9))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith("num_inference_steps cannot be honoured by sketch; ")
    assert sentence.endswith("model_id=auto.")


def test_an_unknown_model_is_refused_with_the_known_names(front):
    status, code, sentence = refused(post(front, "/v1/txt2img", prompt="a", model_id="imagen"))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith("model_id must be one of auto, ")


def test_the_websocket_takes_their_names_and_returns_base64(front):
    with connect(front.replace("http", "ws") + "/stream/generate/txt2img", max_size=None) as socket:
        socket.send(json.dumps({"prompt": "a", "model_id": "sketch", "response_format": "b64_json"}))
        line = json.loads(socket.recv(30))
        while line["event"] == "progress":
            line = json.loads(socket.recv(30))
        assert line["event"] == "result", line
        assert decoded(line["result"]["b64_json"]).format == "PNG"
        socket.send(json.dumps({"prompt": "a", "model_id": "sketch", "num_inference_steps": 9}))
        line = json.loads(socket.recv(30))
        while line["event"] == "progress":
            line = json.loads(socket.recv(30))
        assert line["error"]["error"].startswith("num_inference_steps cannot be honoured by sketch")
