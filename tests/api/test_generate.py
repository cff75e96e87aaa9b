"""/generate: its parameters, their refusal by name, and content negotiation."""

import json

import pytest

from image_api.generation.options import GenerationOptions
from image_api.web.schemas.openai import ImagesRequest
from image_api.web.schemas.openai_edits import EditRequest
from image_api.web.schemas.sheet import SheetOptions
from image_api.web.schemas.txt2img import TextToImageRequest
from tests.api.conftest import NAME, RESULT


def test_it_works(client, worker):
    answer = client.get("/generate?prompt=%20a%20tree%20&seed=5&guidance_scale=2.5&shape=portrait&model=sketch")
    assert answer.status_code == 200
    assert answer.json["image_url"] == f"http://localhost/images/{NAME}"
    assert answer.headers["Cache-Control"] == "no-store"
    sent = json.loads(worker.requests[-1][3])
    assert sent.pop("request_id") == answer.headers["X-Request-ID"]
    assert 299 < sent.pop("timeout_seconds") <= 300
    assert sent == {
        "prompt": "a tree",
        "seed": 5,
        "guidance_scale": 2.5,
        "shape": "portrait",
        "model": "sketch",
        "output_format": "png",
    }


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/generate?prompt=a&output_format=jpeg&output_compression=0", 0),
        ("/generate?prompt=a&output_compression=50&output_format=webp", 50),
        ("/generate.jpg?prompt=a&output_compression=100", 100),
        ("/generate?prompt=a&output_compression=100", None),
        ("/generate.png?prompt=a&output_compression=100", None),
        ("/generate?prompt=a&output_format=jpeg", None),
    ],
)
def test_a_quality_is_sent_to_the_worker_if_it_changes_something(client, worker, path, sent):
    client.get(path)
    [asked] = worker.asked_to_make()
    assert asked.get("output_compression") == sent


@pytest.mark.parametrize(
    ("query", "name", "accepts"),
    [
        ("", "prompt", "required"),
        ("prompt=", "prompt", "1 to 2,000 characters"),
        ("prompt=%20%0A", "prompt", "1 to 2,000 characters"),
        ("prompt=" + "a" * 2001, "prompt", "1 to 2,000 characters"),
        ("prompt=a%00b", "prompt", "without control characters"),
        ("prompt=a&output_compression=99", "output_compression", "100 with png"),
        ("prompt=a&output_compression=0&output_format=png", "output_compression", "100 with png"),
        ("prompt=a&output_compression=101&output_format=webp", "output_compression", "0 to 100"),
        ("prompt=a&output_compression=-1&output_format=webp", "output_compression", "0 to 100"),
        ("prompt=a&output_compression=x&output_format=webp", "output_compression", "0 to 100"),
        ("prompt=a&seed=-2", "seed", "integer from -1"),
        ("prompt=a&seed=2147483648", "seed", "to 2147483647"),
        ("prompt=a&seed=1_000", "seed", "integer"),
        ("prompt=a&seed=%D9%A3", "seed", "integer"),
        ("prompt=a&seed=" + "9" * 5000, "seed", "integer"),
        ("prompt=a&guidance_scale=nan", "guidance_scale", "number from 0 to 20"),
        ("prompt=a&guidance_scale=inf", "guidance_scale", "number from 0 to 20"),
        ("prompt=a&guidance_scale=20.1", "guidance_scale", "number from 0 to 20"),
        ("prompt=a&guidance_scale=-0.1", "guidance_scale", "number from 0 to 20"),
        ("prompt=a&guidance_scale=7,5", "guidance_scale", "number from 0 to 20"),
        ("prompt=a&shape=round", "shape", "portrait, landscape, square"),
        ("prompt=a&model=../x%20", "model", "auto"),
        ("prompt=a&format=xml", "format", "one of json, redirect, image"),
        ("prompt=a&prompt=b", "prompt", "given 2 times"),
        (
            "prompt=a&stpes=5",
            "stpes",
            "guidance_scale, shape, width, height, aspect_ratio, model, output_format, output_compression, image",
        ),
        ("prompt=a&%0Aevil%22=1", '?evil"', "not a parameter"),
        ("prompt=caf%E9", "prompt", "UTF-8"),
        ("promt=a", "promt", "not a parameter"),
        ("&".join(f"a{number}=1" for number in range(200)), "query", "at most 100"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(client, worker, query, name, accepts):
    answer = client.get(f"/generate?{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert name in answer.json["error"]
    assert accepts in answer.json["error"]
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    assert worker.requests == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("seeds", "GET /sheet.png makes a contact sheet of several"),
        ("quality", "output_compression is the quality of a jpeg or webp"),
        ("background", "no engine makes transparent pictures"),
        ("count", "n is how many pictures are made"),
        ("num", "n is how many pictures are made"),
        ("w", "width and height, or size, are the pixels"),
        ("aspectRatio", "aspect_ratio is its name"),
        ("cfg_scale", "guidance_scale is its name"),
        ("stream", "the header Accept: text/event-stream asks for events"),
    ],
)
def test_what_others_call_a_parameter_is_refused_with_a_pointer(client, worker, name, instead):
    for answer in (client.get(f"/generate?prompt=a&{name}=4"), client.post("/generate", json={"prompt": "a", name: 4})):
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
        assert answer.json["error"] == f'"{name}" is not a parameter here; {instead}.'
    assert worker.requests == []


def test_no_pointer_is_to_a_parameter_of_the_same_name():
    for options in (GenerationOptions, SheetOptions, ImagesRequest, EditRequest, TextToImageRequest):
        assert {*options.other_names} == {name.lower() for name in options.other_names}
        assert not options.public_fields().keys() & options.other_names.keys() - {"seeds"}


def test_two_thousand_characters_are_counted_as_characters_not_bytes(client):
    assert client.get("/generate", query_string={"prompt": "🌲" * 2000}).status_code == 200


@pytest.mark.parametrize("number", ["0", "-0", "20", "7.25", "07"])
def test_numbers_at_the_edges_are_accepted(client, number):
    assert client.get(f"/generate?prompt=a&guidance_scale={number}").status_code == 200


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'[["prompt", "a"]]', "body"),
        (b'"prompt"', "body"),
        (b"prompt=a", "body"),
        (b"[" * 60000, "body"),
        (b'{"prompt": "a"', "body"),
        (b'{"prompt": 5}', "prompt"),
        (b'{"prompt": null}', "prompt"),
        (b'{"prompt": "\\ud800"}', "prompt"),
        (b'{"prompt": "a", "seed": true}', "seed"),
        (b'{"prompt": "a", "seed": 1.5}', "seed"),
        (b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}", "seed"),
        (b'{"prompt": "a", "\\ud800": 1}', "not a parameter"),
        (b'{"prompt": "a", "guidance_scale": NaN}', "guidance_scale"),
        (b'{"prompt": "a", "guidance_scale": 1e999}', "guidance_scale"),
        (b'{"prompt": "a", "guidance_scale": true}', "guidance_scale"),
        (b'{"prompt": "a", "prompt": "b"}', "prompt"),
        (b'{"prompt": "a", "timeout_seconds": 5}', "timeout_seconds"),
    ],
)
def test_a_bad_body_is_refused_by_name(client, worker, body, name):
    answer = client.post("/generate", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert name in answer.json["error"]
    assert worker.requests == []


def test_a_body_that_is_too_large_is_refused(client):
    answer = client.post("/generate", data=b" " * 70_000)
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")


def test_post_takes_nothing_from_the_query(client):
    answer = client.post("/generate?seed=5", json={"prompt": "a"})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    ("headers", "redirected"),
    [
        ({}, False),
        ({"Accept": "*/*"}, False),
        ({"Accept": "application/json"}, False),
        ({"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}, False),
        ({"Accept": "application/json, image/png;q=0.5"}, False),
        ({"Accept": "image/png;q=0"}, False),
        ({"Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}, True),
        ({"Accept": "image/png"}, True),
        ({"Accept": "IMAGE/PNG"}, True),
        ({"Accept": "*/*", "Sec-Fetch-Dest": "image"}, True),
        ({"Accept": "image/png", "Sec-Fetch-Dest": "document"}, True),
    ],
)
def test_a_client_that_shows_only_pictures_is_redirected(client, headers, redirected):
    answer = client.get("/generate?prompt=a", headers=headers)
    assert answer.status_code == (302 if redirected else 200)
    assert answer.json["image_url"] == f"http://localhost/images/{NAME}"
    assert answer.headers.get("Location") == (f"http://localhost/images/{NAME}" if redirected else None)
    assert answer.headers["Vary"] == "Accept, Sec-Fetch-Dest"


def test_format_overrides_the_headers(client):
    assert client.get("/generate?prompt=a&format=redirect").status_code == 302
    assert client.get("/generate?prompt=a&format=json", headers={"Accept": "image/png"}).status_code == 200
    assert client.post("/generate", json={"prompt": "a", "format": "redirect"}).status_code == 303


def test_a_url_of_another_host_is_left_as_it_is(client, worker):
    worker.say(200, {**RESULT, "image_url": "https://i.imgur.com/x.png"})
    assert client.get("/generate?prompt=a").json["image_url"] == "https://i.imgur.com/x.png"


@pytest.mark.parametrize("header", ["Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"])
def test_a_prefetch_generates_nothing(client, worker, header):
    answer = client.get("/generate?prompt=a", headers={header: "Prefetch"})
    assert (answer.status_code, answer.json["code"]) == (503, "speculative_request")
    assert worker.requests == []


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused_with_the_allowed_ones(client, method):
    answer = getattr(client, method)("/generate")
    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
