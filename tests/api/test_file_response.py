"""The bytes of a picture as the response, by the URL's ending or by `format`, and its file name."""

import pytest

from tests.api.conftest import NAME, PICTURE, RESULT
from tests.api.test_contact_sheet import file_of

REAL = file_of(64, 64)


@pytest.fixture(autouse=True)
def worker_with_pictures(worker):
    """Return a worker that replies with a result, and to a request for a picture with its bytes."""
    worker.say_to("/images/", 200, PICTURE)
    return worker


@pytest.mark.parametrize(
    ("path", "output_format"),
    [
        ("/generate?prompt=a+tree&format=image", "png"),
        ("/generate?prompt=a+tree&format=image&output_format=webp", "webp"),
        ("/generate.png?prompt=a+tree", "png"),
        ("/generate.jpg?prompt=a+tree", "jpeg"),
        ("/generate.webp?prompt=a+tree", "webp"),
    ],
)
def test_the_response_is_the_picture(client, worker, path, output_format):
    answer = client.get(path)
    assert (answer.status_code, answer.data) == (200, PICTURE)
    assert answer.headers["Content-Type"] == "image/png"  # as the worker's result says
    assert answer.headers["Content-Location"] == f"http://localhost/images/{NAME}"
    assert answer.headers["Content-Disposition"] == "inline; filename=a-tree-7.png"
    assert (answer.headers["X-Seed"], answer.headers["Cache-Control"]) == ("7", "no-store")
    assert answer.headers["X-Engine"] == "perchance"
    assert worker.asked_to_make()[-1]["output_format"] == output_format


AVIF = {"Accept": "image/avif"}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/generate.png?prompt=a", {}),
        ("/generate.jpg?prompt=a", {}),
        ("/generate?prompt=a&format=image", {}),
        ("/generate?prompt=a&format=image&output_format=auto", {}),
        ("/generate?prompt=a&format=image&output_format=auto", AVIF),
        ("/generate?prompt=a&output_format=auto", {"Accept": "image/webp"}),
    ],
)
@pytest.mark.parametrize(
    ("asked", "ignored", "told"),
    [
        ("size=1024x1024", ["size"], "size"),
        ("width=1024&height=1024", ["height", "width"], "height, width"),
        ("size=1024x1024&negative_prompt=b", ["negative_prompt", "size"], "negative_prompt, size"),
        ("shape=square", None, None),
    ],
)
def test_what_the_engine_ignored_is_told(client, worker, path, headers, asked, ignored, told):
    worker.say(200, {**RESULT, "ignored": ignored})
    worker.say_to("/images/", 200, REAL)
    for _ in range(2):  # the second time from the cache
        answer = client.get(f"{path}&{asked}&seed=7", headers=headers)
        assert (answer.status_code, answer.mimetype.partition("/")[0]) == (200, "image")
        assert answer.headers.get("X-Ignored") == told
    head = client.head(f"{path}&{asked}&seed=7", headers=headers)
    assert head.headers.get("X-Ignored", told) == told


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Sunset over mountains!", "sunset-over-mountains-7.png"),
        ("../../etc/passwd", "etc-passwd-7.png"),
        ("???", "picture-7.png"),
        ("x" * 200, "x" * 60 + "-7.png"),
    ],
)
def test_the_name_says_what_it_shows(client, worker, prompt, name):
    worker.say(200, {**RESULT, "prompt": prompt})
    assert f"filename={name}" in client.get("/generate.png?prompt=a").headers["Content-Disposition"]


def test_a_file_name_in_any_script(client, worker):
    worker.say(200, {**RESULT, "prompt": "Дерево"})
    assert "filename*=UTF-8''%D0%B4%D0%B5%D1%80" in client.get("/generate.png?prompt=a").headers["Content-Disposition"]


@pytest.mark.parametrize("query", ["format=json", "output_format=png"])
def test_a_url_with_an_ending_takes_no_other_format(client, worker, query):
    answer = client.get(f"/generate.jpg?prompt=a&{query}")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    assert worker.requests == []


def test_other_endings_are_not_found(client):
    assert client.get("/generate.gif?prompt=a").status_code == 404


def test_an_error_is_json(client, worker):
    worker.say(503, {"success": False, "error": "Busy.", "code": "worker_busy", "retry_after": 15})
    answer = client.get("/generate.png?prompt=a")
    assert (answer.status_code, answer.json["code"]) == (503, "worker_busy")


def test_a_picture_whose_file_is_gone_is_generated_again_and_served(client, worker):
    client.get("/generate?prompt=a+tree&seed=7")
    another = "b" * 64 + ".png"
    worker.say(200, {**RESULT, "image_url": f"/images/{another}"})
    worker.say_to("/images/", 404, b"{}")
    worker.say_to(f"/images/{another}", 200, b"the new one")
    answer = client.get("/generate.png?prompt=a+tree&seed=7")
    assert (answer.status_code, answer.data) == (200, b"the new one")
    assert len(worker.asked_to_make()) == 2


def test_head_and_prefetch_cost_nothing(client, worker):
    assert client.head("/generate.png?prompt=a").status_code == 200
    assert client.get("/generate.png?prompt=a", headers={"Sec-Purpose": "prefetch"}).status_code == 503
    assert worker.requests == []
