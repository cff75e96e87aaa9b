"""Sizes of models at Replicate and Hugging Face through both tiers: what is asked for, received and told."""

import io

import pytest
import requests
from PIL import Image

from tests.end_to_end.conftest import TOKEN, Stack
from tests.fakes.processes import api, sandbox, wait_until, worker

SCHNELL, STEPS = "black-forest-labs/flux-schnell", "sandbox/steps"


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    names = ("replicate", "huggingface")
    with (
        sandbox() as site,
        worker(
            ENGINES="huggingface,replicate",
            REPLICATE_MODELS=f"{SCHNELL},{STEPS}",
            HUGGINGFACE_PROVIDER="nscale",
            LOCAL_STORAGE_DIR=tmp_path_factory.mktemp("images"),
            WORKER_TOKEN=TOKEN,
            **site.pointers(*names),
            **site.keys(*names),
        ) as renderer,
        api(PERCHANCE_WORKER_URL=renderer.url, WORKER_TOKEN=TOKEN, SIMULATED="true") as front,
    ):
        stack = Stack(site, renderer, front)
        stack.play(painted="beforehand")
        wait_until(lambda: len(stack.requests_to("replicate_model")) == 2, "the models' descriptions")
        wait_until(lambda: stack.get("/ready").ok, "the worker's readiness")
        yield stack


def made(services, **query):
    """Return a response, and the size of the picture behind its URL."""
    response = services.get(prompt="a tree", cache="false", **query)
    assert response.status_code == 200, response.text
    file = requests.get(response.json()["image_url"], timeout=30).content
    told = response.json()
    size = Image.open(io.BytesIO(file)).size
    assert size == (told["width"], told["height"])
    return told, size


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({"shape": "portrait"}, (832, 1216)),
        ({"aspect_ratio": "16:9"}, (1344, 756)),
        ({"size": "512x512"}, (512, 512)),
        ({"size": "1000x664"}, (1000, 664)),
    ],
)
def test_it_works(services, query, size):
    told, received = made(services, model=SCHNELL, **query)
    assert (received, told["engine"], told.get("ignored")) == (size, "replicate", None)


def test_a_size_that_the_named_model_cannot_make_is_refused_by_the_name_that_the_client_used(services):
    for query, name in (({"size": "2048x2048"}, "size"), ({"width": 2048, "height": 2048}, "width")):
        response = services.get(prompt="a tree", model=SCHNELL, **query)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_parameter")
        assert name in response.json()["error"]


def test_auto_prefers_a_model_that_makes_the_size_and_else_says_what_came(services):
    wide, size = made(services, size="1344x768")  # nscale is first, and is known to make other sizes alone
    assert (size, wide["engine"], wide.get("ignored")) == ((1344, 768), "replicate", None)
    large, size = made(services, size="2048x2048")
    assert (size, large["engine"], large["ignored"]) == ((1024, 1024), "huggingface", ["size"])


def test_the_models_tell_their_sizes(services):
    known = {it["name"]: it.get("sizes") for it in services.get("/models").json()["models"]}
    assert known[SCHNELL]["shapes"]["landscape"] == [1216, 832]
    assert "bounds" not in known[SCHNELL]
    assert known[STEPS]["bounds"] == {"min_side": 128, "max_side": 1024, "step": 64, "min_pixels": 294_912}
    assert known["huggingface"]["shapes"]["portrait"] == [832, 1248]


def test_a_file_of_another_size_is_cut_to_the_shape_and_told_or_refused_for_an_exact_size(services):
    services.play(upload="wrong_size", huggingface="wrong_size")  # 320 by 200 pixels
    try:
        assert made(services, model=SCHNELL, shape="portrait")[1] == (133, 200)
        refused = services.get(prompt="a tree", model=SCHNELL, size="512x512")
        assert (refused.status_code, refused.json()["code"]) == (502, "picture_wrong_size")
        kept, size = made(services, size="1024x1024")
        assert (size, kept["ignored"]) == ((200, 200), ["size"])  # the nearest shape
    finally:
        services.play(upload="ok", huggingface="ok")
