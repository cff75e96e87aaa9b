"""From an engine's file to the one that is stored: its format, its recipe, its quality."""

import hashlib
import io
import json
import re

import pytest
from PIL import Image, ImageChops, ImageStat

from render_worker.contract import IMAGE_NAME, IMAGE_TYPES, MAX_TEXT
from render_worker.imaging import to_picture
from render_worker.picture import Picture
from render_worker.sizes import SizePlan

PLAN = SizePlan(made=(64, 48), promised=True)
SIZE = PLAN.made


def encoded(kind: str, size: tuple[int, int] = SIZE, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_works(kind):
    picture = to_picture(encoded(kind), PLAN, {"prompt": "ต้นไม้ 🌲", "seed": "5"})
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.size, image.text["prompt"]) == ("PNG", (64, 48), "ต้นไม้ 🌲")
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.name == f"{picture.sha256}.png"


def test_pixels_are_preserved():
    data = encoded("PNG")
    assert Image.open(io.BytesIO(to_picture(data, PLAN, {}).data)).tobytes() == Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize(
    ("output_format", "ending", "most_lost"), [("png", ".png", 0), ("jpeg", ".jpg", 3), ("webp", ".webp", 3)]
)
def test_the_file_is_what_was_asked_for_with_the_recipe_inside(output_format, ending, most_lost):
    data, texts = encoded("PNG", (256, 256)), {"prompt": "ต้นไม้ 🌲\n", "seed": "5"}
    picture = to_picture(data, SizePlan(made=(256, 256)), texts, output_format)
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, picture.content_type) == (output_format.upper(), f"image/{output_format}")
    assert picture.name == hashlib.sha256(picture.data).hexdigest() + ending
    assert re.fullmatch(IMAGE_NAME, picture.name)
    assert IMAGE_TYPES[ending[1:]] == picture.content_type
    assert (image.text if output_format == "png" else json.loads(image.getexif()[0x010E])) == texts
    lost = ImageChops.difference(image.convert("RGB"), Image.open(io.BytesIO(data)).convert("RGB"))
    assert max(ImageStat.Stat(lost).mean) <= most_lost


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_the_longest_texts_fit_into_the_file(output_format):
    texts = {"prompt": "🌲" * MAX_TEXT, "negative_prompt": "🌲" * MAX_TEXT}
    image = Image.open(io.BytesIO(to_picture(encoded("PNG"), PLAN, texts, output_format).data))
    assert (image.text if output_format == "png" else json.loads(image.getexif()[0x010E])) == texts


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_equal_content_has_an_equal_name(output_format):
    one, other = (to_picture(encoded("PNG"), PLAN, {"a": "b"}, output_format).name for _ in range(2))
    assert one == other


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_the_quality_is_the_one_that_was_asked_for(output_format):
    data = encoded_noise((128, 128))
    sizes = {quality: len(decoded_at(data, output_format, quality).data) for quality in (0, 30, 60, 100, None)}
    assert sizes[0] < sizes[30] < sizes[60] < sizes[None] < sizes[100]
    assert sizes[0] < sizes[None] / 4


def test_a_png_keeps_every_pixel_whatever_the_quality():
    data = encoded_noise((64, 48))
    assert to_picture(data, PLAN, {}, "png", 0).data == to_picture(data, PLAN, {}, "png").data


def encoded_noise(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, "PNG")
    return out.getvalue()


def decoded_at(data: bytes, output_format: str, quality: int | None) -> Picture:
    picture = to_picture(data, SizePlan(made=(128, 128)), {}, output_format, quality)
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert (image.format, image.size) == (output_format.upper(), (128, 128))
    return picture
