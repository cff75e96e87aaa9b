"""Encoding beside the service: Pillow is imported when it is needed, and gevent's hub serves on meanwhile."""

import io
import subprocess
import sys
import threading

import pytest
import requests
from PIL import Image, features

from image_api import picture_formats
from image_api.picture_formats import AVIF, JPEG, PNG, WEBP, CannotEncode, Variant, can_encode, encoded
from tests.api.conftest import RESULT
from tests.api.pictures import stored
from tests.fakes.processes import ROOT

START = """
import sys
from image_api.application import create_app
from image_api.settings import Settings
client = create_app(Settings()).test_client()
for accept in ("image/*", "application/json"):
    client.get("/generate?prompt=a&output_format=auto", headers={"Accept": accept})
assert not [name for name in sys.modules if name.startswith("PIL")]
"""


def converted(data: bytes, media_type: str) -> Image.Image:
    image = Image.open(io.BytesIO(encoded(data, Variant(media_type))))
    image.load()
    return image


@pytest.mark.parametrize("source", [PNG, JPEG, WEBP])
@pytest.mark.parametrize("target", [AVIF, WEBP, JPEG, PNG])
def test_it_works(source, target):
    image = converted(stored(source), target)
    assert (f"image/{(image.format or '').lower()}", image.size) == (target, (64, 48))
    assert all(
        abs(found - red) < 6 for found, red in zip(image.convert("RGB").getpixel((9, 9)), (255, 0, 0), strict=True)
    )


def test_a_start_does_not_import_pillow():
    subprocess.run([sys.executable, "-c", START], cwd=ROOT, check=True, timeout=60)


def test_without_avif_it_is_webp(client, keeps, monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    picture_formats._has_avif.cache_clear()
    try:
        keeps(PNG)
        answer = client.get("/generate?prompt=a&output_format=auto", headers={"Accept": "image/avif,image/webp"})
        assert answer.mimetype == WEBP
        assert not can_encode(AVIF, 1)
    finally:
        picture_formats._has_avif.cache_clear()


def png(image: Image.Image, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **more)
    return file.getvalue()


GREY = Image.linear_gradient("L").resize((64, 64))


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (png(GREY), "L"),
        (png(Image.merge("LA", (GREY, GREY))), "RGBA"),
        (png(GREY.convert("RGB").quantize(16)), "RGB"),
        (png(GREY.convert("RGB").quantize(16), transparency=3), "RGBA"),
        (png(GREY.convert("RGB"), transparency=(GREY.getpixel((30, 9)),) * 3), "RGBA"),
        (png(GREY.convert("1")), "L"),
    ],
)
def test_every_mode_of_a_png_keeps_its_look(data, mode):
    before = Image.open(io.BytesIO(data)).convert("RGBA")
    after = converted(data, AVIF)
    assert (after.mode, after.size) == (mode, before.size)
    alphas = [image.convert("RGBA").getchannel("A").getpixel((30, 9)) for image in (before, after)]
    assert abs(alphas[0] - alphas[1]) < 6


def test_an_engine_s_own_metadata_do_no_harm():
    exif = Image.Exif()
    exif[0x010E] = "a text of the engine's"
    exif[0x0112] = 6  # a turn, which a stored picture does not have
    file = io.BytesIO()
    GREY.save(file, "JPEG", exif=exif)
    assert converted(file.getvalue(), PNG).text == {}
    assert 0x0112 not in converted(file.getvalue(), AVIF).getexif()
    for garbage in (b"", b"\x89PNG\r\n\x1a\n", stored(PNG)[:60], b"x" * 999):
        with pytest.raises(CannotEncode):
            encoded(garbage, Variant(WEBP))


def test_others_are_served_while_a_picture_is_encoded(front):
    file = io.BytesIO()
    Image.effect_noise((3000, 3000), 60).save(file, "JPEG")
    front.worker.say(200, {**RESULT, "content_type": JPEG, "width": 3000, "height": 3000})
    front.worker.say_to("/images/", 200, file.getvalue())
    answers = []
    address = f"{front.url}/generate?prompt=a&output_format=auto"
    slow = threading.Thread(
        target=lambda: answers.append(requests.get(address, headers={"Accept": "image/webp"}, timeout=60))
    )
    slow.start()
    served = 0
    while slow.is_alive():
        assert requests.get(f"{front.url}/v1/health", timeout=10).ok
        served += 1
    assert (answers[0].headers["Content-Type"], served > 10) == (WEBP, True)
