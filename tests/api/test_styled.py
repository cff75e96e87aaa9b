"""/v1/images/generate and /v1/styles: styles, aspect ratios, and errors in this family's format."""

import json

import pytest

from image_api.styles import STYLES
from render_worker.engines.sketch.painter.language.parser import parse
from tests.api.conftest import NAME, RESULT


def make(client, **fields: object):
    return client.post("/v1/images/generate", json={"prompt": "a tree", **fields})


def test_it_works(client, worker):
    worker.say(200, {**RESULT, "prompt": "cinematic tree", "width": 768, "height": 432})
    answer = make(client, style="cinematic", aspect_ratio="16:9")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "status": "success",
        "from_cache": False,
        "image_url": f"http://localhost/images/{NAME}",
        "created_at": RESULT["created_at"],
        "prompt": "a tree",
        "revised_prompt": "cinematic tree",
        "style": "cinematic",
        "aspect_ratio": "16:9",
        "width": 768,
        "height": 432,
        "alt": "a tree",
        "request_id": answer.headers["X-Request-ID"],
        **{name: RESULT[name] for name in ("seed", "content_type", "bytes", "sha256", "engine", "model", "storage")},
        "duration_ms": RESULT["duration_ms"],
        "nsfw": None,
    }
    sent = json.loads(worker.requests[-1][3])
    assert sent["prompt"].startswith("cinematic film still of a tree, ")
    assert sent["negative_prompt"] == STYLES["cinematic"].negative_prompt
    assert (sent["aspect_ratio"], sent["shape"], sent["seed"], sent["model"]) == ("16:9", "landscape", -1, "auto")


def test_a_prompt_alone_is_left_as_it_is(client, worker):
    answer = make(client)
    assert (answer.json["aspect_ratio"], "style" in answer.json, "revised_prompt" in answer.json) == (
        "1:1",
        False,
        False,
    )
    sent = json.loads(worker.requests[-1][3])
    assert (sent["prompt"], "negative_prompt" in sent, sent["shape"]) == ("a tree", False, "square")
    assert "aspect_ratio" not in sent


def test_a_problem_of_a_storage_is_in_the_response(client, worker):
    told = {
        "storage_error": {"storage": "s3", "code": "s3_timeout", "error": "S3 did not answer."},
        "expires_at": "2026-11-28T00:00:00+00:00",
    }
    worker.say(200, {**RESULT, **told})
    assert {name: make(client).json[name] for name in told} == told


def test_a_picture_from_the_cache_is_said_to_be(client, worker):
    worker.say(200, {**RESULT, "cached": True})
    assert make(client).json["from_cache"] is True


@pytest.mark.parametrize(
    ("ratio", "shape"),
    [
        ("1:1", "square"),
        ("16:9", "landscape"),
        ("4:3", "landscape"),
        ("3:2", "landscape"),
        ("9:16", "portrait"),
        ("3:4", "portrait"),
        ("2:3", "portrait"),
        ("16:10", "landscape"),
        ("1.91:1", "landscape"),
        ("6:5", "square"),
        ("1:4", "portrait"),
        ("4:1", "landscape"),
    ],
)
def test_an_aspect_ratio_comes_with_the_nearest_shape(client, worker, ratio, shape):
    assert make(client, aspect_ratio=ratio, style=None).json["aspect_ratio"] == ratio
    sent = worker.asked_to_make()[-1]
    assert (sent["aspect_ratio"], sent["shape"]) == (ratio, shape)


@pytest.mark.parametrize(
    ("fields", "file", "ratio"),
    [
        ({}, (768, 768), "1:1"),
        ({"aspect_ratio": "auto"}, (1024, 1000), "128:125"),
        ({"size": "1536x1024"}, (1536, 1024), "3:2"),
        ({"size": "1536x1024"}, (768, 768), "1:1"),
        ({"width": 1024, "height": 576}, (1024, 576), "16:9"),
        ({"aspect_ratio": "32:18"}, (768, 432), "32:18"),
    ],
    ids=str,
)
def test_the_aspect_ratio_is_that_of_the_request_or_the_picture_s(client, worker, fields, file, ratio):
    worker.say(200, {**RESULT, "width": file[0], "height": file[1]})
    assert make(client, **fields).json["aspect_ratio"] == ratio


def test_the_same_ratio_in_other_numbers_is_the_same_picture(client, worker):
    first, again = make(client, aspect_ratio="16:9").json, make(client, aspect_ratio="32:18").json
    assert (first["aspect_ratio"], again["aspect_ratio"], again["from_cache"]) == ("16:9", "32:18", True)
    assert first["image_url"] == again["image_url"]
    assert len(worker.asked_to_make()) == 1


UNKNOWN = {"success": False, "error": '"aspect_ratio" is not a parameter here.', "code": "invalid_parameter"}


@pytest.mark.parametrize(
    ("asked", "told", "ignored"), [("16:9", "3:2", ["aspect_ratio"]), ("3:2", "3:2", None), ("6:4", "6:4", None)]
)
def test_an_older_worker_s_shape_has_the_ratio_or_another(client, worker, asked, told, ignored):
    made = {**RESULT, "width": 768, "height": 512}
    worker.say(400, UNKNOWN, before=lambda: worker.say(200, made))
    answer = make(client, aspect_ratio=asked, model="sketch").json
    assert (answer["aspect_ratio"], answer.get("ignored")) == (told, ignored)


@pytest.mark.parametrize(
    ("fields", "named", "accepts"),
    [
        ({"prompt": ""}, "prompt", "1 to 2,000 characters"),
        ({"prompt": None}, "prompt", "1 to 2,000 characters"),
        ({"style": "cinema"}, "style", "photorealistic, cinematic, anime"),
        ({"style": 5}, "style", "photorealistic, cinematic, anime"),
        ({"aspect_ratio": "16:3"}, "aspect_ratio", "from 1:4 to 4:1"),
        ({"model": "a b"}, "model", "auto"),
        ({"seed": 5}, "seed", "known are prompt, style, aspect_ratio, size, width, height, within, prefer, model"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_refused_by_name(client, worker, fields, named, accepts):
    answer = make(client, **fields)
    assert answer.status_code == 400
    assert answer.json == {
        "status": "error",
        "message": answer.json["message"],
        "code": "invalid_parameter",
        "request_id": answer.headers["X-Request-ID"],
    }
    assert named in answer.json["message"]
    assert accepts in answer.json["message"]
    assert worker.requests == []


def test_a_style_s_negative_prompt_is_told_from_a_client_s(client, worker):
    make(client, style="anime")
    make(client)
    styled, plain = worker.asked_to_make()
    assert (styled["negative_prompt"], styled["negative_prompt_optional"]) == (STYLES["anime"].negative_prompt, True)
    assert not plain.keys() & {"negative_prompt", "negative_prompt_optional"}


def test_only_a_style_makes_its_negative_prompt_optional(client, worker):
    answer = client.get("/generate?prompt=a&negative_prompt=fog&negative_prompt_optional=true")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert "negative_prompt_optional" not in answer.json["error"].partition("known are")[2]


def test_a_prompt_must_leave_room_for_its_style(client, worker):
    room = 2000 - len(STYLES["anime"].prompt.replace("{prompt}", ""))
    assert make(client, prompt="🌲" * room, style="anime").status_code == 200
    assert len(json.loads(worker.requests[-1][3])["prompt"]) == 2000
    answer = make(client, prompt="🌲" * (room + 1), style="anime")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["message"] == f"prompt must be {room:,} characters at most with the style anime."


def test_braces_in_a_prompt_mean_nothing(client, worker):
    make(client, prompt="{0} {prompt} {x}", style="anime")
    assert "of {0} {prompt} {x}, clean" in json.loads(worker.requests[-1][3])["prompt"]


def test_the_worker_s_error_has_this_format(client, worker):
    worker.say(503, {"success": False, "error": "Busy.", "code": "worker_busy", "hint": "Later.", "retry_after": 15})
    answer = make(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "15")
    assert answer.json == {
        "status": "error",
        "message": "Busy.",
        "code": "worker_busy",
        "hint": "Later.",
        "retry_after": 15,
        "request_id": answer.headers["X-Request-ID"],
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/v1/images/generate", b"{", (400, "invalid_parameter")),
        ("POST", "/v1/images/generate?style=anime", b'{"prompt": "a"}', (400, "invalid_parameter")),
        ("GET", "/v1/images/generate", b"", (405, "method_not_allowed")),
        ("POST", "/v1/styles", b"", (405, "method_not_allowed")),
        ("POST", "/v1/images/generate/", b"{}", (404, "not_found")),
        ("POST", "/v1/images/generate/more", b"{}", (404, "not_found")),
        ("GET", "/v1/styles/anime", b"", (404, "not_found")),
        ("POST", "/v1/images/generate", b" " * 70_000, (413, "too_large")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_every_error_has_this_format(client, method, path, body, expected):
    answer = client.open(path, method=method, data=body)
    assert (answer.status_code, answer.json["code"]) == expected
    assert answer.json["status"] == "error"
    assert answer.json["message"]
    assert answer.headers["Cache-Control"] == "no-store"
    if answer.status_code == 405:
        assert answer.headers["Allow"]


def test_an_unexpected_error_has_this_format_too(client, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("image_api.routes.styled.StyledResponse.of", fail)
    answer = make(client)
    assert (answer.status_code, answer.json["status"], answer.json["code"]) == (500, "error", "internal_error")
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/v1/images/generated", "/v1/stylesheet", "/generate"])
def test_its_format_ends_with_its_paths(client, path):
    assert "status" not in client.post(path).json


def test_simulation_marks_success_and_error(client_with):
    client = client_with(simulated=True)
    assert make(client).json["simulated"] is True
    assert make(client, style="none").json["simulated"] is True
    assert client.get("/v1/styles").json["simulated"] is True


def test_the_styles_are_listed_without_asking_the_worker(client, worker):
    answer = client.get("/v1/styles")
    assert answer.json["status"] == "success"
    listed = {style["name"]: style for style in answer.json["styles"]}
    assert list(listed) == list(STYLES)
    assert {"photorealistic", "cinematic", "anime"} < set(listed)
    assert listed["anime"] == STYLES["anime"].model_dump()
    assert worker.requests == []


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_style_adds_no_thing_to_a_prompt(style):
    # The painter reads prompts word by word; "depth of field" would get a field of wheat.
    plain = parse("a teapot", None)
    styled = parse(style.applied_to("a teapot"), style.negative_prompt)
    assert [thing.name for thing in styled.things] == ["teapot"]
    assert (styled.places, styled.sky, styled.time, styled.season) == (plain.places, plain.sky, None, None)
