"""Sizes on both routes below /v1/images, and what a page needs to lay out a picture."""

import pytest

from tests.api.conftest import RESULT

ROUTES = ["/v1/images/generations", "/v1/images/generate"]
ASKED = ("shape", "width", "height", "aspect_ratio", "size_optional")
WISHED = {"size_optional": True}
SIZE = "auto, or a width and a height from 10 to 9999, like 1024x1024"
SIDE = "a multiple of 8 from 64 to 4,096, or left out"
RATIO = "auto, a ratio from 1:4 to 4:1, like 16:9, or left out"


@pytest.fixture(params=ROUTES)
def ask(request, client):
    """Returns a function that asks for a picture, and returns the response."""
    return lambda **fields: client.post(request.param, json={"prompt": "a tree", **fields})


def made(width: int, height: int, **more: object) -> dict:
    return {**RESULT, "width": width, "height": height, **more}


def picture_of(response) -> dict:
    assert response.status_code == 200, response.json
    return response.json["data"][0] if "data" in response.json else response.json


def sentence_of(response) -> str:
    assert response.status_code == 400, response.json
    return response.json["error"]["message"] if "error" in response.json else response.json["message"]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, {"shape": "square"}),
        ({"size": None, "width": None, "height": None, "aspect_ratio": None}, {"shape": "square"}),
        ({"size": "", "width": "", "aspect_ratio": " "}, {"shape": "square"}),
        ({"size": "Auto", "aspect_ratio": "AUTO"}, {"shape": "square"}),
        ({"size": "1024x1024"}, {"shape": "square", "width": 1024, "height": 1024, **WISHED}),
        ({"size": " 1024X1536\n"}, {"shape": "portrait", "width": 1024, "height": 1536, **WISHED}),
        ({"size": "1792x1024"}, {"shape": "landscape", "width": 1792, "height": 1024, **WISHED}),
        ({"size": "256x256"}, {"shape": "square", "width": 256, "height": 256, **WISHED}),
        ({"size": "3840x2160"}, {"shape": "landscape", "width": 3840, "height": 2160, **WISHED}),
        ({"size": "10x10"}, {"shape": "square"}),
        ({"size": "9999x9999"}, {"shape": "square"}),
        ({"size": "500x500"}, {"shape": "square"}),
        ({"size": "1000x1001"}, {"shape": "square"}),
        ({"size": "60x1024"}, {"shape": "portrait"}),
        ({"size": "4104x2048"}, {"shape": "landscape"}),
        ({"width": 1024, "height": "640"}, {"shape": "landscape", "width": 1024, "height": 640}),
        ({"size": "auto", "width": 512, "height": 512}, {"shape": "square", "width": 512, "height": 512}),
        ({"size": "1024x1024", "width": 512, "height": 768}, {"shape": "portrait", "width": 512, "height": 768}),
        ({"aspect_ratio": "16:9"}, {"shape": "landscape", "aspect_ratio": "16:9"}),
        ({"aspect_ratio": "9:19.5"}, {"shape": "portrait", "aspect_ratio": "9:19.5"}),
        ({"aspect_ratio": "1:1"}, {"shape": "square", "aspect_ratio": "1:1"}),
        ({"size": "1024x1024", "aspect_ratio": "4:1"}, {"shape": "landscape", "aspect_ratio": "4:1"}),
        ({"size": "500x1000", "aspect_ratio": "1:2"}, {"shape": "portrait", "aspect_ratio": "1:2"}),
        (
            {"size": "1536x1024", "aspect_ratio": "3:2"},
            {"shape": "landscape", "width": 1536, "height": 1024, "aspect_ratio": "3:2", **WISHED},
        ),
        (
            {"size": "1360x768", "aspect_ratio": "16:9"},  # as near as multiples of 8 can be
            {"shape": "landscape", "width": 1360, "height": 768, "aspect_ratio": "16:9", **WISHED},
        ),
        (
            {"width": 1024, "aspect_ratio": "16:9", "size": "1024x1024"},
            {"shape": "landscape", "width": 1024, "aspect_ratio": "16:9"},
        ),
    ],
    ids=str,
)
def test_what_is_asked_of_the_worker(ask, worker, fields, asked):
    picture_of(ask(**fields))
    sent = worker.asked_to_make()[-1]
    assert {name: sent[name] for name in ASKED if name in sent} == asked


@pytest.mark.parametrize(
    ("size", "file", "ignored"),
    [
        ("1024x1024", (1024, 1024), None),
        ("1024X1024", (1024, 1024), None),
        ("1024x1024", (768, 768), ["size"]),
        ("1000x1001", (768, 768), ["size"]),
        ("10x10", (768, 768), ["size"]),
        ("9999x9999", (4096, 4096), ["size"]),
        ("auto", (768, 768), None),
        (None, (768, 768), None),
    ],
)
def test_a_size_that_is_not_the_file_s_is_ignored(ask, worker, size, file, ignored):
    worker.say(200, made(*file))
    picture = picture_of(ask(size=size))
    assert (picture["width"], picture["height"], picture.get("ignored")) == (*file, ignored)


def test_it_is_beside_what_else_was_ignored(ask, worker):
    worker.say(200, made(768, 512, ignored=["negative_prompt", "size"]))
    assert picture_of(ask(size="1536x1024"))["ignored"] == ["negative_prompt", "size"]


@pytest.mark.parametrize("fields", [{"width": 512, "height": 512}, {"aspect_ratio": "1:1"}], ids=str)
def test_it_is_ignored_if_another_field_wins(ask, worker, fields):
    worker.say(200, made(512, 512))
    assert picture_of(ask(size="1536x1024", **fields))["ignored"] == ["size"]


def test_exact_sides_that_no_engine_makes_are_ignored_by_name(ask, worker):
    worker.say(200, made(768, 768, ignored=["height", "width"]))
    assert picture_of(ask(width=1000, height=1000))["ignored"] == ["height", "width"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        *(({"size": size}, f"size must be {SIZE}.") for size in ("9x9", "10000x10000", "1024", "1024*1024", "large")),
        ({"size": 1024}, f"size must be {SIZE}."),
        ({"width": 1000.5, "height": 1000}, f"width must be {SIDE}."),
        ({"width": 1001, "height": 1000}, f"width must be {SIDE}."),
        ({"width": 0, "size": "1024x1024"}, f"width must be {SIDE}."),
        ({"width": 1024, "height": 4104}, f"height must be {SIDE}."),
        ({"width": 1024}, "height is required with width, or aspect_ratio in its place."),
        ({"height": 1024, "size": "1024x1024"}, "width is required with height, or aspect_ratio in its place."),
        *(({"aspect_ratio": ratio}, f"aspect_ratio must be {RATIO}.") for ratio in ("5:1", "16/9", "0:1", "wide", 1.5)),
        ({"width": 512, "height": 512, "aspect_ratio": "16:9"}, "aspect_ratio must be that of the width and height"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_by_name(ask, worker, fields, sentence):
    response = ask(**fields)
    assert sentence_of(response).startswith(sentence)
    if "error" in response.json:
        assert response.json["error"]["param"] == sentence.split()[0]
    assert worker.requests == []


def test_what_a_named_model_cannot_make_is_refused_by_name(ask, worker):
    refusal = "width and height cannot be honoured by perchance. It makes 768x768."
    worker.say(400, {"success": False, "error": refusal, "code": "invalid_parameter"})
    assert sentence_of(ask(width=1024, height=1024, model="perchance")) == refusal


def test_an_older_worker_is_asked_for_the_shape_of_a_size(ask, worker):
    unknown = '"width" is not a parameter here; known are prompt, shape.'
    refusal = {"success": False, "error": unknown, "code": "invalid_parameter"}
    worker.say(400, refusal, before=lambda: worker.say(200, made(768, 512)))
    picture = picture_of(ask(size="1536x1024", model="sketch"))
    assert (picture["width"], picture["height"], picture["ignored"]) == (768, 512, ["size"])
    assert not {"width", "height", "size_optional"} & set(worker.asked_to_make()[-1])


LAYOUT = {"blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj", "dominant_color": "#336699"}


def test_what_a_page_needs_before_the_picture_is_in_the_response(ask, worker):
    worker.say(200, {**RESULT, **LAYOUT})
    picture = picture_of(ask())
    assert {name: picture[name] for name in LAYOUT} == LAYOUT


def test_an_older_worker_s_response_has_none_of_it(ask):
    assert not set(LAYOUT) & set(picture_of(ask()))


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("blurhash", "LEHV6nWB2yk8pyo0adR*.7kCMdnj", True),
        ("blurhash", "00TI:j", True),
        ("blurhash", "00TI:", False),
        ("blurhash", "<b>LEHV6nWB2yk8", False),
        ("blurhash", "L" * 5000, False),
        ("dominant_color", "#33669f", True),
        ("dominant_color", "red;background:url(//x.example)", False),
        ("dominant_color", "#33669f\n", False),
    ],
)
def test_a_blurhash_or_colour_that_is_none_is_dropped(ask, worker, field, value, kept):
    worker.say(200, {**RESULT, field: value})
    assert picture_of(ask()).get(field) == (value if kept else None)


def test_the_alternative_text_is_the_client_s_prompt_without_its_style(ask, worker):
    worker.say(200, {**RESULT, "prompt": "anime of a tree", "alt": "anime of a tree"})
    assert picture_of(ask(style="anime"))["alt"] == "a tree"
    long = picture_of(ask(prompt="a tree " * 200))["alt"]
    assert (len(long) <= 125, long.endswith("…")) == (True, True)
