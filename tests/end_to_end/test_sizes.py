"""Sizes through both tiers over HTTP, by every way of asking and several engines: the file has what the answer says."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import simple_websocket
from PIL import Image

from tests.end_to_end.conftest import Stack, running


@pytest.fixture(scope="module")
def sized(folder: Path) -> Iterator[Stack]:
    """Run both tiers with Perchance first and AI Horde behind it."""
    with running(folder, ENGINES="perchance,horde", PERCHANCE_ROUTES="package") as stack:
        yield stack


def by_query(stack: Stack, **fields: object) -> dict:
    return stack.get(prompt="a tree", **fields).json()


def by_json(stack: Stack, **fields: object) -> dict:
    return requests.post(f"{stack.api.url}/generate", json={"prompt": "a tree", **fields}, timeout=60).json()


def by_stream(stack: Stack, **fields: object) -> dict:
    text = stack.get(prompt="a tree", headers={"Accept": "text/event-stream"}, **fields).text
    return json.loads(text.rpartition("data: ")[2])


def by_websocket(stack: Stack, **fields: object) -> dict:
    socket = simple_websocket.Client(f"{stack.api.url.replace('http', 'ws')}/stream/generate/txt2img")
    socket.send(json.dumps({"prompt": "a tree", **fields}))
    while (said := json.loads(socket.receive(60)))["event"] not in ("result", "error"):
        pass
    socket.close()
    return said.get("result") or said["error"]


WAYS = (by_query, by_json, by_stream, by_websocket)


def size_in(stack: Stack, answer: dict) -> tuple[int, int]:
    """Return the size of the file behind an answer, which must be what the answer says."""
    path = urlsplit(answer["image_url"]).path  # the WebSocket's client names no port in Host
    size = stack.picture(stack.api.url + path).size
    assert size == (answer["width"], answer["height"])
    return size


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fields", "engine", "size", "ignored"),
    [
        ({"shape": "landscape"}, "perchance", (768, 512), None),
        ({"size": "512x512"}, "perchance", (512, 512), None),
        ({"size": "1024x576"}, "horde", (1024, 576), None),
        ({"width": 1024, "aspect_ratio": "1:1"}, "horde", (1024, 1024), None),
        ({"aspect_ratio": "16:9"}, "perchance", (768, 432), None),
        ({"size": "4096x4096"}, "perchance", (768, 768), ["size"]),
        ({"width": 4096, "height": 2048}, "perchance", (768, 512), ["height", "width"]),
        ({"width": 200, "height": 104, "model": "sketch"}, "sketch", (200, 104), None),
        ({"aspect_ratio": "1.91:1", "model": "sketch"}, "sketch", (768, 402), None),
    ],
    ids=str,
)
def test_it_works(sized, way, fields, engine, size, ignored):
    answer = way(sized, **fields)
    assert (answer.get("engine"), size_in(sized, answer), answer.get("ignored")) == (engine, size, ignored), answer
    assert answer.get("aspect_ratio") == fields.get("aspect_ratio")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"size": "1024x1024"},
            "size cannot be honoured by perchance. It makes 768x768, 768x512, 512x768 and smaller ones",
        ),
        ({"width": 1024, "height": 1024}, "width and height cannot be honoured by perchance. It makes 768x768"),
        (
            {"height": 1024, "aspect_ratio": "1:1"},
            "height cannot be honoured by perchance. With aspect_ratio it is 1024x1024. It makes",
        ),
    ],
)
def test_what_a_named_model_cannot_make_is_refused_by_the_client_s_name_for_it(sized, way, fields, sentence):
    answer = way(sized, model="perchance", **fields)
    assert (answer["code"], answer["error"][: len(sentence)]) == ("invalid_parameter", sentence)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_an_address_with_an_ending_brings_that_size(sized, ending):
    response = sized.get(f"/generate.{ending}", prompt="a tree", model="sketch", size="320x640")
    assert Image.open(io.BytesIO(response.content)).size == (320, 640)


def test_equal_sizes_share_an_entry_and_another_is_made_anew(sized):
    ways = [
        {"size": "640x640"},
        {"width": 640, "height": 640},
        {"height": 640, "aspect_ratio": "3:3"},
        {"width": 640, "aspect_ratio": "1:1"},
    ]
    answers = [by_query(sized, model="sketch", seed=77, **fields) for fields in ways]
    assert [answer["cached"] for answer in answers] == [False, True, False, True]
    assert by_query(sized, model="sketch", seed=77, size="640x648")["cached"] is False


def test_a_lost_picture_is_made_again_in_its_size(sized, folder):
    answer = by_query(sized, model="sketch", width=640, aspect_ratio="16:9")
    before = requests.get(answer["image_url"], timeout=30).content
    (folder / answer["image_url"].rpartition("/")[2]).unlink()
    again = requests.get(answer["image_url"], timeout=60).content
    assert (Image.open(io.BytesIO(again)).size, again) == ((640, 360), before)
