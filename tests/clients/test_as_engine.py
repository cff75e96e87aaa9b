"""The engine `openai` at real servers: this product itself, and litellm's proxy before it; no stand-in is between."""

import pytest
import requests

from render_worker.contract import GenerateRequest
from tests.clients.conftest import decoded
from tests.clients.litellm_proxy import KEY, LitellmProxy
from tests.fakes.processes import worker


@pytest.fixture(scope="module")
def proxy(front, tmp_path_factory):
    with LitellmProxy(f"{front}/v1", tmp_path_factory.mktemp("litellm")) as running:
        yield running


@pytest.fixture(scope="module")
def near(front, proxy, tmp_path_factory):
    """Run a worker that has the other worker's API, and the proxy, as engines."""
    endpoints = (
        f"far={front}|sketch||image-generation-api",
        f"auto={front}/v1|||image-generation-api",
        f"proxy={proxy.url}|far|{KEY}|litellm+seed+negative_prompt+guidance_scale",
        f"unknown={front}|sketch",
        f"gone={proxy.url}|gone|{KEY}|litellm",
    )
    names = [f"openai:{entry.partition('=')[0]}" for entry in endpoints]
    with worker(
        ENGINES=",".join(names),
        OPENAI_ENDPOINTS=",".join(endpoints),
        OPENAI_IMAGE_ORIGINS=front,  # which answers the proxy with an address
        LOCAL_STORAGE_DIR=tmp_path_factory.mktemp("images"),
        ENGINE_FAILURES=0,
    ) as running:
        yield running


def ask(near, status=200, **fields):
    body = GenerateRequest.parse([("prompt", "a red boat on a lake"), *fields.items()]).model_dump(mode="json")
    response = requests.post(f"{near.url}/generate", json=body, timeout=60)
    assert response.status_code == status, response.text
    return response.json()


def picture(near, result):
    return decoded(requests.get(f"{near.url}{result['image_url']}", timeout=10).content)


@pytest.mark.parametrize("engine", ["openai:far", "openai:proxy"])
def test_a_recipe_is_the_same_picture_at_one_s_own_painter_and_at_the_far_one(near, engine):
    recipe = {"seed": 7, "negative_prompt": "sea", "guidance_scale": 5.0, "width": 1024, "height": 1024}
    far, own = ask(near, model=engine, **recipe), ask(near, model="sketch", **recipe)
    assert (far["engine"], far["seed"], far["guidance_scale"]) == (engine, 7, 5.0)
    assert picture(near, far).tobytes() == picture(near, own).tobytes()


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"shape": "portrait"}, (512, 768)),
        ({"aspect_ratio": "16:9"}, (768, 432)),
        ({"width": 640, "height": 480}, (640, 480)),
    ],
)
def test_sizes_and_ratios_are_made_by_the_far_api(near, fields, size):
    assert picture(near, ask(near, model="openai:far", **fields)).size == size


def test_a_far_seed_that_is_random_is_told(near):
    first, second = (ask(near, model="openai:far") for _ in range(2))
    assert first["seed"] != second["seed"]
    assert picture(near, first).text["seed"] == str(first["seed"])
    assert "no AI" in first["note"]


def test_the_far_fallback_answers_too(near):
    assert ask(near, model="openai:auto")["engine"] == "openai:auto"


def test_a_server_that_is_not_known_is_asked_for_a_picture_alone(near):
    result = ask(near, model="openai:unknown")
    assert result.get("seed") is None
    assert picture(near, result).size == (1024, 1024)


def test_a_model_that_the_far_side_lacks_falls_back(near):
    refused = ask(near, status=500, model="openai:gone")
    assert refused["code"] == "engine_not_configured"
    assert "model must be one of" in refused["error"]
    assert KEY not in str(refused)


def test_a_format_that_is_asked_for_comes_as_the_far_side_made_it(near):
    assert picture(near, ask(near, model="openai:far", output_format="webp")).format == "WEBP"
