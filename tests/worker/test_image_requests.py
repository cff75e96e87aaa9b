"""A request with an image at the worker: a form of two parts, read strictly."""

import asyncio
import hashlib
import io
import json

import pytest
from PIL import Image

from render_worker.contract import MAX_BODY_BYTES, MAX_IMAGE_BYTES, NDJSON
from render_worker.engines.capabilities import Capabilities
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.errors import EngineError


def picture(kind: str = "PNG", size: tuple[int, int] = (30, 20)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, kind)
    return file.getvalue()


PNG = picture()
DIGEST = hashlib.sha256(PNG).hexdigest()


def document(image: bytes = PNG, **fields: object) -> str:
    digest = hashlib.sha256(image).hexdigest()
    return json.dumps({"prompt": "a tree", "model": "sketch", "image": digest, **fields})


def form(text: str | None = None, image: bytes | None = PNG) -> dict[str, object]:
    parts = {"request": document() if text is None else text}
    return parts if image is None else {**parts, "image": (io.BytesIO(image), "image")}


@pytest.fixture
def edited(monkeypatch) -> list:
    """Have the painter honour images; the list has the recipe and the image of each picture that it edits."""
    seen: list = []

    async def edit(self, recipe, image, report):
        seen.append((recipe, image))
        return await self.generate(recipe, report)

    honoured = Capabilities.of(
        [*SketchEngine.capabilities.parameters, "image", "strength"], SketchEngine.capabilities.sizes
    )
    monkeypatch.setattr(SketchEngine, "capabilities", honoured)
    monkeypatch.setattr(SketchEngine, "edit", edit)
    return seen


def test_it_works(client, edited):
    answer = client.post("/generate", data=form(document(strength=0.5, seed=7)))
    assert answer.status_code == 200, answer.text
    [(recipe, image)] = edited
    assert (recipe.image, recipe.strength, recipe.image_data) == (DIGEST, 0.5, PNG)
    assert (image.width, image.height, image.data[:4]) == (30, 20, b"\x89PNG")
    assert DIGEST not in answer.text


def test_as_a_stream_too(client, edited):
    answer = client.post("/generate", data=form(document(previews=True)), headers={"Accept": NDJSON})
    assert json.loads(answer.text.splitlines()[-1])["event"] == "result"
    assert len(edited) == 1


def test_the_kept_recipe_has_the_digest_and_the_file_neither(client, edited):
    result = client.post("/generate", data=form()).json
    recipe = client.get(f"/recipes/{result['image_url'].rpartition('/')[2]}").json
    assert recipe["image"] == DIGEST
    with client.get(result["image_url"]) as answer:
        assert DIGEST.encode() not in answer.data
        assert PNG not in answer.data


BYTES = "image must come with its bytes, as the part 'image' of a multipart/form-data body."
PARTS = "A multipart/form-data body must have the parts 'request' and 'image', once each."


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (form(image=None), PARTS),
        ({"image": (io.BytesIO(PNG), "a")}, PARTS),
        ({}, PARTS),
        ({**form(), "other": "x"}, PARTS),
        ({**form(), "other": (io.BytesIO(b"x"), "x")}, PARTS),
        ({"request": [document(), document()], "image": (io.BytesIO(PNG), "a")}, PARTS),
        ({"request": document(), "image": [(io.BytesIO(PNG), "a"), (io.BytesIO(PNG), "b")]}, PARTS),
        ({"request": (io.BytesIO(document().encode()), "r"), "image": (io.BytesIO(PNG), "a")}, PARTS),
        ({"request": document(), "image": "text"}, PARTS),
        (form(image=b""), BYTES),
        (form(image=PNG + b"x"), BYTES),
        (form(json.dumps({"prompt": "a"})), BYTES),
        (form(document(b"other")), BYTES),
    ],
    ids=range(13),
)
def test_wrong_parts_are_refused(client, edited, body, sentence):
    answer = client.post("/generate", data=body, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["code"], answer.json["error"]) == (400, "invalid_parameter", sentence)
    assert edited == []


def test_a_digest_without_bytes_is_refused(client, edited):
    answer = client.post("/generate", json=json.loads(document()))
    assert (answer.status_code, answer.json["error"]) == (400, BYTES)


@pytest.mark.parametrize("digest", ["", "x", DIGEST.upper(), DIGEST[:-1], 5])
def test_a_digest_that_is_none_is_refused(client, edited, digest):
    text = json.dumps({"prompt": "a", "model": "sketch", "image": digest})
    answer = client.post("/generate", data=form(text))
    assert (answer.status_code, answer.json["error"][:10]) == (400, "image must")


@pytest.mark.parametrize(
    "body", [b"", b"--b--", b"--b\r\n", b"rubbish", b'--b\r\nContent-Disposition: form-data; name="request"\r\n\r\n{}']
)
def test_a_broken_form_is_refused(client, edited, body):
    answer = client.post("/generate", data=body, content_type="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
    answer = client.post("/generate", data=body, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")


def test_too_much_is_413(client, edited, monkeypatch):
    large = document(prompt="a" * MAX_BODY_BYTES)
    assert client.post("/generate", data=form(large)).status_code == 413
    monkeypatch.setattr("render_worker.worker.MAX_IMAGE_BYTES", 1000)
    image = PNG + bytes(1000)
    assert client.post("/generate", data=form(document(image), image)).status_code == 413
    huge = client.post("/generate", data=form(document(image), PNG + bytes(300_000)))
    assert (huge.status_code, huge.json["code"]) == (413, "too_large")


def test_the_limit_is_that_of_the_contract():
    assert MAX_IMAGE_BYTES == 50 * 1024 * 1024


def test_json_keeps_its_limit(client):
    assert client.post("/generate", data=b" " * (MAX_BODY_BYTES + 1)).status_code == 413


def test_an_image_that_cannot_be_read_is_refused_by_name_and_no_engine_s_fault(client, edited):
    for image in (b"GIF89a" + bytes(50), PNG[:50], b"\x89PNG\r\n\x1a\n" + bytes(50)):
        answer = client.post("/generate", data=form(document(image), image))
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_parameter")
        assert answer.json["error"].startswith("image must be a whole PNG, JPEG or WebP picture: ")
    assert client.get("/health").json["engines"]["sketch"]["breaker"] == "closed"
    assert edited == []


def test_a_named_engine_without_images_refuses_them_by_name(client):
    answer = client.post("/generate", data=form(document(strength=0.5)))
    assert answer.status_code == 400
    assert answer.json["error"].startswith("image and strength cannot be honoured by sketch")


def test_if_no_engine_takes_images_auto_refuses_them_by_name(client):
    answer = client.post("/generate", data=form(document(model="auto")))
    assert answer.status_code == 400
    assert answer.json["error"] == "image cannot be honoured by any engine that is enabled here; leave it out."


def test_a_retry_joins_and_another_image_does_not(client, edited, monkeypatch):
    async def fail(self, recipe, image, report):
        edited.append((recipe, image))
        await asyncio.sleep(0)
        raise EngineError("No.")

    fields = {"request_id": "one", "seed": 7}
    first = client.post("/generate", data=form(document(**fields))).json
    again = client.post("/generate", data=form(document(**fields))).json
    assert (again["image_url"], len(edited)) == (first["image_url"], 1)
    other = picture("JPEG")
    client.post("/generate", data=form(document(other, **fields), other))
    assert [recipe.image_data for recipe, _ in edited] == [PNG, other]
    monkeypatch.setattr(SketchEngine, "edit", fail)
    failing = {"request_id": "two", "seed": 7}
    for _ in range(2):  # a failure is not remembered
        assert client.post("/generate", data=form(document(**failing))).status_code == 502
    assert len(edited) == 4


def test_no_error_and_no_log_has_the_image(client, edited, caplog):
    client.post("/generate", data=form(image=PNG + b"x"))
    client.post("/generate", data=form(document(PNG[:50]), PNG[:50]))
    assert "IHDR" not in caplog.text
    assert "IHDR" not in client.get("/health").text
