"""AI Horde without kudos, and Pollinations without an account, through both tiers over HTTP."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.end_to_end.conftest import Stack, running


@pytest.fixture(scope="module")
def small(folder: Path) -> Iterator[Stack]:
    """Run both tiers with AI Horde limited to one model, which wants kudos for large pictures."""
    with running(folder, ENGINES="horde", HORDE_POLL_SECONDS="0.1", HORDE_MODELS="Deliberate") as stack:
        stack.play(horde_limit=692)
        yield stack


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    with running(folder, ENGINES="horde,pollinations", HORDE_POLL_SECONDS="0.1") as stack:
        yield stack


def test_the_exact_size_is_made_by_models_that_want_no_kudos(stack):
    stack.play(horde_limit=692)
    answer = stack.get(prompt="a tree", size="1024x1024").json()
    assert (answer["engine"], answer["engine_model"], answer["width"]) == ("horde", "AlbedoBase XL (SDXL)", 1024)
    assert not {"ignored", "note"} & {name for name, value in answer.items() if value}


@pytest.mark.parametrize(
    ("fields", "size", "ignored"),
    [
        ({}, (640, 640), None),
        ({"aspect_ratio": "16:9"}, (896, 504), None),
        ({"width": 1024, "height": 1024}, (640, 640), ["height", "width"]),
        ({"size": "1024x1024"}, (640, 640), ["size"]),
        ({"width": 1024, "aspect_ratio": "1:1"}, (640, 640), ["width"]),
    ],
    ids=str,
)
def test_a_size_that_wants_kudos_comes_smaller_and_is_told(small, fields, size, ignored):
    answer = small.get(prompt="a tree", **fields).json()
    assert (answer["engine"], answer.get("ignored"), answer["width"], answer["height"]) == ("horde", ignored, *size)
    assert small.picture(answer["image_url"]).size == size
    assert "kudos" in answer["note"]


def test_a_named_engine_makes_no_other_size(small):
    reply = small.get(prompt="a tree", size="1024x1024", model="horde")
    assert (reply.status_code, reply.json()["code"]) == (502, "picture_wrong_size")
    assert "1024x1024" in reply.json()["error"]


def test_openai_s_size_is_a_wish(small):
    body = {"prompt": "a tree", "size": "1024x1024", "model": "horde"}
    reply = requests.post(f"{small.api.url}/v1/images/generations", json=body, timeout=30)
    assert reply.status_code == 200, reply.text
    picture = Image.open(io.BytesIO(requests.get(reply.json()["data"][0]["url"], timeout=5).content))
    assert picture.size == (640, 640)


def test_the_logo_is_told_and_a_demand_for_payment_rests_the_engine(stack):
    stack.play()
    answer = stack.get(prompt="a tree", model="pollinations").json()
    assert (answer["engine"], answer["width"], answer["height"]) == ("pollinations", 768, 768)
    assert "logo" in answer["note"]
    stack.play(pollinations="x402_v2")
    refused = stack.get(prompt="a tree", model="pollinations")
    assert (refused.status_code, refused.json()["code"]) == (503, "engine_rate_limited")
    assert 1700 < int(refused.headers["Retry-After"]) <= 1800
    stack.play()
    again = stack.get(prompt="a tree", model="pollinations")
    assert (again.status_code, again.json()["code"]) == (503, "engine_rate_limited")
