"""POST /generate with an image to begin with: how it is sent, and checked."""

import base64
import hashlib
import io
import json

import pytest
import requests
from PIL import Image

from tests.api.edits import post, refused
from tests.api.pictures import JPEG, PNG, WEBP

DIGEST = hashlib.sha256(PNG).hexdigest()
TEXT = base64.b64encode(PNG).decode()


def drawn(size: tuple[int, int], kind: str = "PNG", orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "red").save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("image", [PNG, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_a_form_travels_to_the_worker_with_the_image_as_it_was_sent(base, worker, memory, image):
    answer = post(base, image, strength="0.4", seed="7")
    assert answer.status_code == 200, answer.text
    [asked] = worker.asked_to_make()
    assert (asked["prompt"], asked["image"], asked["strength"]) == ("a tree", hashlib.sha256(image).hexdigest(), 0.4)
    assert worker.sent_images() == [image]
    assert DIGEST not in answer.text


@pytest.mark.parametrize(
    "value",
    [TEXT, f"data:image/png;base64,{TEXT}", {"url": f"data:image/png;base64,{TEXT}"}, {"b64_json": TEXT}, [TEXT]],
    ids=lambda value: str(value)[:20],
)
def test_json_has_it_as_base64_or_a_data_url(base, worker, memory, value):
    answer = requests.post(base + "/generate", json={"prompt": "a tree", "image": value}, timeout=9)
    assert answer.status_code == 200, answer.text
    assert worker.sent_images() == [PNG]


def test_json_of_any_media_type_and_length_is_read(base, worker, memory):
    large = PNG + bytes(300_000)
    body = json.dumps({"image": base64.b64encode(large).decode(), "prompt": "a tree"}).encode()
    for data in (body, iter([body[:50_000], body[50_000:]])):  # the second one is chunked
        assert requests.post(base + "/generate", data=data, timeout=9).status_code == 200
    assert worker.sent_images() == [large, large]


def test_a_form_without_an_image_is_read_likewise(base, worker):
    assert post(base, None, seed="7", n="").status_code == 200
    [asked] = worker.asked_to_make()
    assert ("image" in asked, asked["seed"]) == (False, 7)


@pytest.mark.parametrize(
    ("size", "orientation", "ratio"),
    [
        ((40, 30), 1, "4:3"),
        ((40, 30), 3, "4:3"),
        ((40, 30), 6, "3:4"),
        ((40, 30), 8, "3:4"),
        ((900, 10), 1, "4:1"),
        ((10, 900), 1, "1:4"),
        ((1001, 667), 1, "3:2"),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_picture_has_the_image_s_proportion(base, worker, kind, size, orientation, ratio):
    post(base, drawn(size, kind, orientation))
    across, down = map(int, worker.asked_to_make()[0]["aspect_ratio"].split(":"))
    expected = tuple(map(int, ratio.split(":")))
    assert across / down == pytest.approx(expected[0] / expected[1], rel=0.001)


@pytest.mark.parametrize(
    "fields",
    [{"shape": "square"}, {"size": "512x512"}, {"width": 512, "height": 512}, {"aspect_ratio": "1:1"}],
    ids=str,
)
def test_a_size_that_the_client_names_wins(base, worker, fields):
    post(base, drawn((40, 30)), **fields)
    [asked] = worker.asked_to_make()
    assert (asked["shape"], asked.get("aspect_ratio")) == ("square", fields.get("aspect_ratio"))


def test_auto_is_as_left_out(base, worker):
    post(base, drawn((40, 30)), size="auto", aspect_ratio="auto")
    assert worker.asked_to_make()[0]["aspect_ratio"] == "4:3"


BOMB = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "image must be"),
        (b"GIF89a" + bytes(50), "image must be a whole PNG, JPEG or WebP picture."),
        (b"<svg/>", "image must be"),
        (PNG[:20], "image must be"),
        (PNG[:8] + bytes(100), "image must be"),
        (b"\xff\xd8\xff" + bytes(100), "image must be"),
        (b"RIFF\x64\0\0\0WEBPVP8X" + bytes(90), "image must be"),
        (drawn((5000, 4000)), "image must have at most 17.2 million pixels, and this one has 20.0"),
        (BOMB + bytes(100), "image must"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_picture_that_can_be_read_is_refused_by_name(base, worker, memory, image, said):
    status, code, sentence = refused(post(base, image))
    assert (status, code) == (400, "invalid_parameter")
    assert sentence.startswith(said)
    assert worker.requests == []


@pytest.mark.parametrize(
    "value",
    [
        DIGEST,
        "https://pictures.example/a.png",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        {"url": "https://pictures.example/a.png"},
        {"file_id": "file-abc"},
        5,
        True,
        [TEXT, TEXT],
        [[]],
        "data:image/png,raw",
    ],
    ids=lambda value: str(value)[:40],
)
def test_nothing_but_a_picture_is_one(base, worker, memory, value):
    for answer in (
        requests.post(base + "/generate", json={"prompt": "a tree", "image": value}, timeout=9),
        requests.get(base + "/generate", params={"prompt": "a tree", "image": str(value)}, timeout=9),
    ):
        status, code, sentence = refused(answer)
        assert (status, code, sentence[:10]) == (400, "invalid_parameter", "image must")
    assert worker.requests == []


def test_a_get_is_told_to_post(base):
    for path in ("/generate", "/generate.png"):
        said = requests.get(f"{base}{path}?prompt=a&image={DIGEST}", timeout=9).json()["error"]
        assert "comes by POST" in said
    said = requests.get(f"{base}/sheet.png?prompt=a&image={DIGEST}", timeout=9).json()["error"]
    assert "POST /generate takes an image" in said


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"images": TEXT}, "image is the one picture"),
        ({"mask": TEXT}, "no engine here edits a part"),
        ({"init_image": "x"}, "image is the one picture"),
        ({"denoising_strength": "0.5"}, "strength is its name"),
        ({"strength": "0"}, "strength must be a number above 0, 1 at most"),
        ({"strength": "1.01"}, "strength must be"),
        ({"format": "xml"}, "format must be"),
        ({"prompt": ""}, "prompt is required"),
    ],
    ids=str,
)
def test_other_fields_are_checked_and_the_image_released(base, worker, memory, fields, named):
    status, code, sentence = refused(post(base, **fields))
    assert (status, code) == (400, "invalid_parameter")
    assert named in sentence
    assert worker.requests == []


def test_strength_goes_with_an_image_only(base):
    said = refused(requests.get(f"{base}/generate?prompt=a&strength=0.5", timeout=9))
    assert said == (400, "invalid_parameter", "strength goes with image only; leave it out, or send the image.")


def test_two_images_are_refused(base, memory):
    files = [("image", ("a", PNG)), ("image", ("b", JPEG))]
    answer = requests.post(base + "/generate", files=files, data={"prompt": "a"}, timeout=9)
    assert refused(answer) == (400, "invalid_parameter", '"image" was given 2 times; give it once.')


def test_parameters_in_the_address_are_refused_with_a_form_too(base):
    assert (
        refused(post(base, path="/generate?seed=7"))[2] == "POST takes its parameters in the body, not in the address."
    )


def test_a_large_body_without_an_image_is_refused_as_ever(base):
    for body in (b" " * 70_000, b'{"prompt": "' + b"a" * 70_000, iter([b" " * 70_000])):
        answer = requests.post(base + "/generate", data=body, timeout=9)
        assert refused(answer)[:2] == (413, "too_large")


def test_more_than_max_upload_mb_is_refused(client_with):
    client = client_with(max_upload_mb=1)
    form = requests.Request("POST", "http://x", files={"image": ("a", PNG + bytes(1024 * 1024))}).prepare()
    answer = client.post("/generate", data=form.body, content_type=form.headers["Content-Type"])
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
    assert "1 MB" in answer.json["error"]


def test_a_compressed_form_is_refused(base):
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    answer = requests.post(base + "/generate", data=b"\x1f\x8b", headers=headers, timeout=9)
    assert "Content-Encoding" in refused(answer)[2]
