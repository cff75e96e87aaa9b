"""POST /v1/img2img: pictures that begin with an image, as base64."""

import base64
import hashlib
import io

import pytest
import requests
from PIL import Image

from tests.api.edits import DATA_URL, LARGE, LARGE_URL
from tests.api.pictures import JPEG, PNG, WEBP

PATHS = ["/v1/img2img", "/api/v1/generate/img2img"]
NO_ENGINE = "image cannot be honoured by any engine that is enabled here; leave it out."


def refused(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["error"]


def post(base: str, path: str = PATHS[0], **fields: object) -> requests.Response:
    return requests.post(base + path, json={"prompt": "a hat", **fields}, timeout=9)


def form(base: str, image: bytes = PNG, name: str = "image", **texts: str) -> requests.Response:
    files = {name: ("a", image)}
    return requests.post(base + PATHS[0], files=files, data={"prompt": "a hat", **texts}, timeout=9)


@pytest.mark.parametrize("path", PATHS)
def test_it_works(base, worker, keeps, memory, path):
    picture = keeps(strength=0.4, steps=12)
    fields = {"image": DATA_URL, "strength": 0.4, "num_inference_steps": 30, "model_id": "sd-1-5", "num_images": 2}
    answer = post(base, path, **fields)
    body = answer.json()
    assert (answer.status_code, body["strength"], body["num_inference_steps"]) == (200, 0.4, 12)
    assert [base64.b64decode(it) for it in body["images"]] == [picture] * 2
    asked = worker.asked_to_make()
    digest = hashlib.sha256(PNG).hexdigest()
    assert [(it["image"], it["strength"], it["steps"], it["model"]) for it in asked] == [
        (digest, 0.4, 30, "sd-1-5")
    ] * 2
    assert worker.sent_images() == [PNG, PNG]


@pytest.mark.parametrize(
    ("value", "image"),
    [
        (DATA_URL, PNG),
        (DATA_URL.partition(",")[2], PNG),
        (LARGE_URL, LARGE),
        (base64.b64encode(JPEG).decode(), JPEG),
        ({"b64_json": base64.b64encode(WEBP).decode()}, WEBP),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_has_the_image_as_base64_or_a_data_url(base, worker, keeps, memory, value, image):
    keeps()
    assert post(base, image=value).status_code == 200
    assert worker.sent_images() == [image]


@pytest.mark.parametrize("name", ["image", "images", "image[]"])
def test_a_form_has_it_as_a_file(base, worker, keeps, memory, name):
    keeps()
    answer = form(base, JPEG, name, strength="0.5", num_inference_steps="20", model_id="sd-1-5")
    assert answer.status_code == 200
    assert worker.sent_images() == [JPEG]
    [asked] = worker.asked_to_make()
    assert (asked["strength"], asked["steps"], asked["model"]) == (0.5, 20, "sd-1-5")


def test_the_picture_has_the_proportion_of_the_image_unless_a_size_is_named(base, worker, keeps, memory):
    keeps()
    tall = io.BytesIO()
    Image.new("RGB", (30, 40)).save(tall, "PNG")
    form(base, tall.getvalue())
    form(base, tall.getvalue(), width="512", height="512")
    asked = [(it.get("aspect_ratio"), it.get("width")) for it in worker.asked_to_make()]
    assert asked == [("3:4", None), (None, 512)]


def test_without_an_engine_that_takes_images_it_is_not_configured(base, worker, memory):
    worker.say(400, {"success": False, "error": NO_ENGINE, "code": "invalid_parameter"})
    assert refused(post(base, image=DATA_URL)) == (
        503,
        "engine_not_configured",
        "No engine that is enabled here makes pictures of an image.",
    )


def test_a_named_model_that_takes_none_is_refused_by_name(base, worker, memory):
    said = "image cannot be honoured by sketch; leave that out, or ask with model=auto."
    worker.say(400, {"success": False, "error": said, "code": "invalid_parameter"})
    status, code, sentence = refused(post(base, image=DATA_URL, model_id="sketch"))
    assert (status, code, sentence) == (400, "invalid_parameter", said.replace("model=", "model_id="))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "image"),
        ({"image": None}, "image"),
        ({"image": ""}, "image"),
        ({"image": "https://pictures.example/a.png"}, "image"),
        ({"image": "file:///etc/passwd"}, "image"),
        ({"image": base64.b64encode(b"GIF89a" + bytes(40)).decode()}, "image"),
        ({"image": base64.b64encode(PNG[:40]).decode()}, "image"),
        ({"image": [DATA_URL, DATA_URL]}, "image"),
        ({"image": DATA_URL, "strength": 0}, "strength"),
        ({"image": DATA_URL, "strength": 1.01}, "strength"),
        ({"image": DATA_URL, "strength": "half"}, "strength"),
        ({"image": DATA_URL, "num_inference_steps": 101}, "num_inference_steps"),
        ({"image": DATA_URL, "num_images": 11}, "num_images"),
        ({"image": DATA_URL, "width": 512}, "height"),
        ({"image": DATA_URL, "prompt": None}, "prompt"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_invalid_is_refused_by_name(base, worker, memory, fields, named):
    status, code, sentence = refused(post(base, **fields))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith((f"{named} must ", f"{named} is required ")), sentence
    assert worker.asked_to_make() == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("init_image", "image is the picture to begin with"),
        ("denoising_strength", "strength is its name"),
        ("steps", "num_inference_steps is its name"),
        ("model", "model_id is its name"),
    ],
)
def test_another_name_is_told_the_right_one(base, name, said):
    status, code, sentence = refused(post(base, image=DATA_URL, **{name: "x"}))
    assert (status, code) == (400, "invalid_parameter")
    assert said in sentence


def test_a_body_of_another_type_is_refused(base):
    answer = requests.post(base + PATHS[0], data=PNG, headers={"Content-Type": "image/png"}, timeout=9)
    assert refused(answer)[:2] == (400, "invalid_parameter")
