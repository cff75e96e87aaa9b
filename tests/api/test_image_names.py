"""Pictures under another name than `image`, or in another type of body: what is said in place of a list."""

import json

import pytest
import requests

from tests.api.edits import DATA_URL, refusal
from tests.api.pictures import PNG

LARGE = "A" * 100_000


@pytest.mark.parametrize("name", ["init_image", "images", "Input_Image", "image_url", "images[]"])
@pytest.mark.parametrize("picture", [LARGE, DATA_URL, [LARGE]], ids=["large", "small", "list"])
@pytest.mark.parametrize(
    ("path", "instead"),
    [
        ("/generate", "image is the one picture to begin with"),
        ("/v1/images/generations", "POST /v1/images/edits takes an image to begin with"),
        ("/v1/images/generate", "POST /generate takes an image to begin with"),
    ],
)
def test_in_json_of_any_size_it_is_refused_by_name(client, worker, name, picture, path, instead):
    answer = client.post(path, json={"prompt": "a", name: picture})
    assert answer.status_code == 400
    said = answer.json.get("message") or answer.json["error"]
    assert (said if isinstance(said, str) else said["message"]) == f'"{name}" is not a parameter here; {instead}.'
    assert worker.requests == []


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/images/generate"])
def test_routes_without_an_image_say_which_has_it(client, path):
    for fields in ({"image": LARGE}, {"image": DATA_URL}, {"strength": 0.5}):
        said = client.post(path, json={"prompt": "a", **fields}).get_data(as_text=True)
        assert "takes an image to begin with" in said


@pytest.mark.parametrize("path", ["/generate", "/v1/images/generations", "/v1/images/generate"])
@pytest.mark.parametrize(
    "body",
    [
        {"prompt": LARGE},
        {"prompt": 'it says "init_image": ' + LARGE},
        {"prompt": "a", "other": LARGE},
    ],
    ids=["prompt", "words", "unknown"],
)
def test_what_else_is_too_large_is_so(client, path, body):
    answer = client.post(path, json=body)
    assert answer.status_code == 413
    assert "The body is larger than 64 KiB." in answer.get_data(as_text=True)


@pytest.mark.parametrize("name", ["image[]", "images[]", "image[0]", "init_image"])
def test_a_file_of_a_form_by_another_name(base, worker, name):
    answer = requests.post(base + "/generate", files={name: ("a", PNG)}, data={"prompt": "a"}, timeout=9)
    assert answer.status_code == 400
    assert answer.json()["error"] == f'"{name}" is not a parameter here; image is the one picture to begin with.'


@pytest.mark.parametrize("fields", [{"prompt": "a tree"}, {"prompt": "a", "image": LARGE}], ids=["small", "large"])
def test_a_form_of_the_other_type_is_told_of_both_that_are_taken(base, worker, fields):
    answer = requests.post(base + "/generate", data=fields, timeout=9)
    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "The body is a form in application/x-www-form-urlencoded. It must be one in multipart/form-data, or a JSON"
        " object."
    )


def test_json_that_curl_sends_as_such_a_form_is_json(client):
    kind = "application/x-www-form-urlencoded"
    assert client.post("/generate", data=json.dumps({"prompt": "a"}), content_type=kind).status_code == 200
    assert "empty" in client.post("/generate", data=b"", content_type=kind).json["error"]


@pytest.mark.parametrize("image", [b"GIF89a" + bytes(50), b""], ids=["GIF", "empty"])
def test_one_bad_picture_of_an_edit_is_not_answered_by_how_many_there_may_be(base, image):
    answer = requests.post(base + "/v1/images/edits", files={"image": ("a", image)}, data={"prompt": "a"}, timeout=9)
    assert refusal(answer) == (400, "invalid_parameter", "image")
    assert answer.json()["error"]["message"] == "image must be one PNG, JPEG or WebP picture."
