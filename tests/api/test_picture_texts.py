"""Pictures as texts, in JSON and in forms: data URLs and base64, decoded in bounds, and no address is fetched."""

import base64
import contextlib
import io
import json
import tracemalloc

import pytest
import requests

from image_api.errors import UploadTooLarge
from image_api.uploads import TemporaryFiles
from image_api.web.json_pictures import json_pairs
from render_worker.contract import InvalidField
from tests.api.edits import DATA_URL, LARGE_URL, MADE, document, form, refusal
from tests.api.pictures import PNG


@pytest.mark.parametrize(
    "fields",
    [
        {"images": [{"image_url": DATA_URL}]},
        {"images": [{"image_url": LARGE_URL}, DATA_URL], "mask": {"image_url": LARGE_URL}},
        {"images": [DATA_URL], "n": None, "mask": None},
        {"image": LARGE_URL},
        {"image": DATA_URL.partition(",")[2]},
        {"image": [{"url": DATA_URL}]},
        {"image": {"image_url": {"url": DATA_URL}}, "mask": DATA_URL},
        {"image": "\n".join([DATA_URL[:60], DATA_URL[60:]])},
        {"image": "\r\n".join(LARGE_URL[at : at + 76] for at in range(0, len(LARGE_URL), 76))},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_a_json_body_holds_the_pictures_as_data(base, fields):
    several = isinstance(fields.get("images"), list) and len(fields["images"]) > 1
    expected = (400, "unsupported", None) if several or fields.get("mask") else MADE
    assert refusal(document(base, **fields)) == expected


def test_php_escapes_the_slashes_of_json(base):
    body = json.dumps({"prompt": "a hat", "image": LARGE_URL + "////"}).replace("/", "\\/")
    answer = requests.post(
        base + "/v1/images/edits", data=body, headers={"Content-Type": "application/json"}, timeout=9
    )
    assert refusal(answer) == MADE


@pytest.mark.parametrize(
    "picture",
    [
        "https://pictures.example/a.png",
        {"image_url": "http://169.254.169.254/latest"},
        {"image_url": {"url": "file:///etc/passwd"}},
        {"file_id": "file-abc"},
        "hello",
        5,
        True,
        [[[]]],
        {"image_url": {}},
        "data:image/png,raw",
        "https://pictures.example/" + "a" * 9000,
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["image", "images", "mask"])
def test_an_address_is_never_fetched(base, worker, name, picture):
    answer = document(base, **{"image": DATA_URL, name: picture})
    assert refusal(answer) == (400, "invalid_parameter", name)
    assert "data URL" in answer.json()["error"]["message"]
    assert worker.requests == []


@pytest.mark.parametrize(
    "texts",
    [
        [("image", DATA_URL)],
        [("image", DATA_URL.partition(",")[2])],
        [("image[]", DATA_URL), ("image[]", DATA_URL), ("mask", DATA_URL)],
        [("images[0]", LARGE_URL), ("mask", "")],
        [("image", "\r\n".join([DATA_URL[:60], DATA_URL[60:]]))],
    ],
    ids=lambda texts: str(texts)[:40],
)
def test_a_text_of_a_form_may_be_a_picture_as_in_json(base, texts):
    expected = MADE if all(not it for name, it in texts if name == "mask") else (400, "unsupported", None)
    assert refusal(form(base, *[(name, (None, it)) for name, it in texts])) == expected


@pytest.mark.parametrize(
    "picture", ["https://pictures.example/a.png", "a.png", "file-abc", "data:image/png,raw", "aaaa"]
)
@pytest.mark.parametrize("name", ["image", "images", "mask"])
def test_a_form_and_json_refuse_a_text_with_the_same_sentence(base, worker, name, picture):
    answers = [
        form(base, ("image[]", ("a", PNG)), **{name: picture}),
        document(base, **{"image": DATA_URL, name: picture}),
    ]
    assert {answer.json()["error"]["message"] for answer in answers} == {answers[0].json()["error"]["message"]}
    named = "image" if picture in ("aaaa", "file-abc") and name != "mask" else name
    assert [refusal(answer) for answer in answers] == [(400, "invalid_parameter", named)] * 2
    assert worker.requests == []


@pytest.mark.parametrize("text", ["AA ", "A\\n", "\\/"])
def test_base64_of_many_small_pieces_takes_little_memory(text):
    count = 16_000_000 // len(text)
    tracemalloc.start()
    try:
        with contextlib.closing(TemporaryFiles()) as files, contextlib.suppress(InvalidField, UploadTooLarge):
            json_pairs(io.BytesIO(b'{"image":"' + text.encode() * count + b'"}'), files)
        assert tracemalloc.get_traced_memory()[1] < 80_000_000  # the body and copies of it, a few times
    finally:
        tracemalloc.stop()


def as_dotnet_escapes(text: str) -> str:
    return text.replace("+", "\\u002B").replace("/", "\\u002f").replace("=", "\\u003D")


@pytest.mark.parametrize("bytes_after", [10_000, 300_000, 300_001, 300_002])
@pytest.mark.parametrize(
    "written",
    [
        as_dotnet_escapes,
        lambda text: text.rstrip("="),
        lambda text: text.replace("+", "-").replace("/", "_"),
        lambda text: "\\r\\n".join(text[start : start + 76] for start in range(0, len(text), 76)),
    ],
    ids=["dotnet", "unpadded", "base64url", "lines"],
)
def test_base64_is_read_as_clients_write_it(base, written, bytes_after):
    data = base64.b64encode(PNG + b"\xfb\xef\xff" * (bytes_after // 3) + bytes(bytes_after % 3)).decode()
    body = f'{{"prompt": "a hat", "image": "data:image/png;base64,{written(data)}"}}'
    answer = requests.post(
        base + "/v1/images/edits", data=body, headers={"Content-Type": "application/json"}, timeout=9
    )
    assert refusal(answer) == MADE
