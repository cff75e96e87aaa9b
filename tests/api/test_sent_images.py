"""POST /generate with an image to begin with: how it is sent, checked, kept in memory, shared and made again."""

import base64
import hashlib
import io
import json
import threading
import time

import pytest
import requests
from PIL import Image

from image_api.sent_images import MAX_BYTES
from image_api.services import services_of
from render_worker.contract import NDJSON
from tests.api.conftest import NAME, RESULT
from tests.api.pictures import JPEG, PNG, WEBP
from tests.api.test_dispatch import HEALTH
from tests.fakes.processes import wait_until

DIGEST = hashlib.sha256(PNG).hexdigest()
TEXT = base64.b64encode(PNG).decode()
LOST, NEW = f"/images/{NAME}", "/images/" + "b" * 64 + ".png"


def drawn(size: tuple[int, int], kind: str = "PNG", orientation: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "red").save(file, kind, exif=exif)
    return file.getvalue()


def post(base: str, image: bytes | None = PNG, path: str = "/generate", **texts: object) -> requests.Response:
    """Send a form."""
    files = {"image": ("a", image)} if image is not None else {"other": ("", b"")}
    return requests.post(base + path, files=files, data={"prompt": "a tree", **texts}, timeout=9)


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["error"]


@pytest.fixture
def memory(application):
    """The memory for images, which is whole again at the test's end."""
    found = services_of(application).image_memory
    yield found
    wait_until(lambda: found.left == MAX_BYTES, "the images are released", 5)


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
    status, code, sentence = refusal(post(base, image))
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
        status, code, sentence = refusal(answer)
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
    status, code, sentence = refusal(post(base, **fields))
    assert (status, code) == (400, "invalid_parameter")
    assert named in sentence
    assert worker.requests == []


def test_strength_goes_with_an_image_only(base):
    said = refusal(requests.get(f"{base}/generate?prompt=a&strength=0.5", timeout=9))
    assert said == (400, "invalid_parameter", "strength goes with image only; leave it out, or send the image.")


def test_two_images_are_refused(base, memory):
    files = [("image", ("a", PNG)), ("image", ("b", JPEG))]
    answer = requests.post(base + "/generate", files=files, data={"prompt": "a"}, timeout=9)
    assert refusal(answer) == (400, "invalid_parameter", '"image" was given 2 times; give it once.')


def test_parameters_in_the_address_are_refused_with_a_form_too(base):
    assert (
        refusal(post(base, path="/generate?seed=7"))[2] == "POST takes its parameters in the body, not in the address."
    )


def test_a_large_body_without_an_image_is_refused_as_ever(base):
    for body in (b" " * 70_000, b'{"prompt": "' + b"a" * 70_000, iter([b" " * 70_000])):
        answer = requests.post(base + "/generate", data=body, timeout=9)
        assert refusal(answer)[:2] == (413, "too_large")


def test_more_than_max_upload_mb_is_refused(client_with):
    client = client_with(max_upload_mb=1)
    form = requests.Request("POST", "http://x", files={"image": ("a", PNG + bytes(1024 * 1024))}).prepare()
    answer = client.post("/generate", data=form.body, content_type=form.headers["Content-Type"])
    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
    assert "1 MB" in answer.json["error"]


def test_a_compressed_form_is_refused(base):
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"}
    answer = requests.post(base + "/generate", data=b"\x1f\x8b", headers=headers, timeout=9)
    assert "Content-Encoding" in refusal(answer)[2]


def test_identical_images_share_a_result_and_others_do_not(base, worker, memory):
    first, again = post(base, seed="7"), post(base, seed="7")
    other, stronger = post(base, JPEG, seed="7"), post(base, seed="7", strength="0.9")
    found = [it.headers["X-Cache"] for it in (first, again, other, stronger)]
    assert found == ["MISS", "HIT", "MISS", "MISS"]
    assert len(worker.sent_images()) == 3


def test_identical_requests_in_flight_are_one(base, worker, memory):
    worker.say(200, RESULT, before=lambda: time.sleep(0.5))
    answers: list[requests.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(post(base, seed="7"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(it.headers["X-Cache"] for it in answers) == ["JOINED"] * 4 + ["MISS"]
    assert worker.sent_images() == [PNG]


def test_n_pictures_begin_with_one_image(base, worker, memory):
    answer = post(base, n="3", seed="7")
    assert len(answer.json()["images"]) == 3
    assert worker.sent_images() == [PNG] * 3
    assert sorted(it["seed"] for it in worker.asked_to_make()) == [7, 8, 9]


@pytest.mark.parametrize("fields", [{}, {"n": "2"}], ids=str)
def test_an_event_stream_begins_with_one(base, worker, memory, fields):
    answer = requests.post(
        base + "/generate",
        files={"image": ("a", PNG)},
        data={"prompt": "a", **fields},
        headers={"Accept": "text/event-stream"},
        timeout=9,
    )
    assert "event: result" in answer.text
    assert set(worker.sent_images()) == {PNG}


def test_beyond_the_memory_for_images_the_service_is_busy(base, worker, application, memory):
    memory.take(MAX_BYTES - len(PNG))
    assert post(base).status_code == 200
    wait_until(lambda: memory.left == len(PNG), "the image is released", 5)
    status, code, _ = refusal(post(base, JPEG + bytes(1000)))
    assert (status, code) == (503, "service_busy")
    memory.give_back(MAX_BYTES - len(PNG))


def test_what_fails_releases_its_image(base, worker, memory):
    worker.say(502, {"success": False, "error": "It failed.", "code": "engine_failed"})
    assert post(base).status_code == 502
    assert post(base, n="2").status_code == 502
    assert post(base, path="/v1/images/edits").status_code == 502


def test_a_client_that_hangs_up_leaves_the_flight_its_image(base, worker, memory):
    late = threading.Event()
    worker.say(200, RESULT, before=lambda: late.wait(5))
    with pytest.raises(requests.ReadTimeout):
        requests.post(base + "/generate", files={"image": ("a", PNG)}, data={"prompt": "a"}, timeout=0.3)
    assert memory.left == MAX_BYTES - len(PNG)
    late.set()


def test_a_retry_sends_the_image_again(client_with, worker):
    line = b'{"event":"progress","phase":"generating","message":"At it."}\n'

    def recover() -> None:
        worker.say(200, {**RESULT, **HEALTH, "models": []})  # of every path, the probe too

    worker.say(200, (line,), recover, Content_Type=NDJSON)  # breaks off
    client = client_with(worker_wake_seconds=20)
    answer = client.post("/generate", data={"prompt": "a", "image": (io.BytesIO(PNG), "a")})
    assert answer.status_code == 200
    assert worker.sent_images() == [PNG, PNG]
    first, second = worker.asked_to_make()
    assert first["request_id"] == second["request_id"]


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "invalid_parameter", "The body is a multipart form. It must be a JSON object in UTF-8, like {}."),
        (413, "too_large", "The body is larger than 64 KiB."),
    ],
)
def test_an_older_worker_is_told_apart(base, worker, memory, status, code, sentence):
    worker.say(status, {"success": False, "error": sentence, "code": code})
    said = refusal(post(base))
    assert said[:2] == (400, "invalid_parameter")
    assert "image cannot be honoured by the render worker, which is of an older version" in said[2]
    assert len(worker.requests) == 1


def test_a_lost_picture_of_an_image_is_not_made_again_but_by_its_request(base, worker, memory):
    post(base, seed="7")
    worker.say_to(LOST, 404, b"{}")
    worker.say_to("/recipes", 404, b"{}")
    assert requests.head(base + LOST, timeout=9).status_code == 404
    gone = requests.get(base + LOST, timeout=9)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert len(worker.asked_to_make()) == 1
    worker.say_to("/generate", 200, {**RESULT, "image_url": NEW})
    again = post(base, seed="7")
    assert (again.headers["X-Cache"], again.json()["image_url"][-len(NEW) :]) == ("MISS", NEW)


def test_a_worker_s_recipe_with_an_image_is_not_followed(base, worker):
    recipe = {"prompt": "a tree", "seed": 7, "image": DIGEST, "strength": 0.5}
    worker.say_to(LOST, 404, b"{}")
    worker.say_to("/recipes", 200, recipe)
    assert requests.head(base + LOST, timeout=9).status_code == 404
    assert requests.get(base + LOST, timeout=9).status_code == 404
    assert worker.asked_to_make() == []


def test_a_cached_picture_whose_file_is_lost_costs_one_failure_and_is_made_by_the_next(base, worker, memory):
    fields = {"seed": "7", "response_format": "b64_json"}
    worker.say_to("/images", 200, b"the bytes")
    assert post(base, **fields).status_code == 200
    worker.say_to(LOST, 404, b"{}")
    assert refusal(post(base, **fields))[:2] == (502, "picture_unavailable")
    worker.say_to("/generate", 200, {**RESULT, "image_url": NEW})
    assert post(base, **fields).status_code == 200
