"""Decoding an engine's picture, and encoding the file that is stored."""

import hashlib
import io
import json
import re
import subprocess
import sys

import pytest
from PIL import Image, ImageChops, ImageStat

from render_worker.contract import IMAGE_NAME, IMAGE_TYPES, MAX_TEXT
from render_worker.errors import BadPicture
from render_worker.imaging import Picture, to_picture

SIZE = (64, 48)


def encoded(kind: str, size: tuple[int, int] = SIZE, mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_works(kind):
    picture = to_picture(encoded(kind), SIZE, {"prompt": "ต้นไม้ 🌲", "seed": "5"})
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.size, image.text["prompt"]) == ("PNG", (64, 48), "ต้นไม้ 🌲")
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.name == f"{picture.sha256}.png"


def test_pixels_are_preserved():
    data = encoded("PNG")
    assert Image.open(io.BytesIO(to_picture(data, SIZE, {}).data)).tobytes() == Image.open(io.BytesIO(data)).tobytes()


@pytest.mark.parametrize(
    ("output_format", "ending", "most_lost"), [("png", ".png", 0), ("jpeg", ".jpg", 3), ("webp", ".webp", 3)]
)
def test_the_file_is_what_was_asked_for_with_the_recipe_inside(output_format, ending, most_lost):
    data, texts = encoded("PNG", (256, 256)), {"prompt": "ต้นไม้ 🌲\n", "seed": "5"}
    picture = to_picture(data, (256, 256), texts, output_format)
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
    image = Image.open(io.BytesIO(to_picture(encoded("PNG"), SIZE, texts, output_format).data))
    assert (image.text if output_format == "png" else json.loads(image.getexif()[0x010E])) == texts


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_equal_content_has_an_equal_name(output_format):
    one, other = (to_picture(encoded("PNG"), SIZE, {"a": "b"}, output_format).name for _ in range(2))
    assert one == other


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    data = encoded("JPEG" if mode == "CMYK" else "PNG", mode=mode)
    assert Image.open(io.BytesIO(to_picture(data, SIZE, {}).data)).mode == "RGB"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_empty"),
        (b"this is no picture", "picture_unreadable"),
        (encoded("GIF"), "picture_unreadable"),
        (encoded("JPEG")[:200], "picture_broken"),
        (encoded("PNG")[:-30], "picture_broken"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "picture_unreadable"),
        (encoded("PNG", (5000, 5000)), "picture_too_large"),
        (encoded("PNG", (48, 64)), "picture_wrong_size"),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "broken png", "too many pixels", "turned"],
)
def test_anything_else_is_refused(data, code):
    with pytest.raises(BadPicture) as caught:
        to_picture(data, SIZE, {})
    assert caught.value.code == code


def animated(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGBA", size, (shade, 2, 3, 255)) for shade in (200, 10)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return out.getvalue()


def test_of_an_animation_the_first_frame_is_kept():
    assert Image.open(io.BytesIO(to_picture(animated(SIZE), SIZE, {}).data)).getpixel((0, 0)) == (200, 2, 3)


REFUSE = """
import sys
from pathlib import Path
from render_worker.errors import BadPicture
from render_worker.imaging import Picture, to_picture
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
data, before = Path(sys.argv[1]).read_bytes(), peak()
try: to_picture(data, (768, 768), {})
except BadPicture as bad: print(bad.code, (peak() - before) // 1024 < 40)
"""


def test_what_has_the_wrong_size_is_not_decoded(tmp_path):
    file = tmp_path / "huge.webp"
    file.write_bytes(animated((4096, 4096)))  # 160 bytes that become 260 MiB
    refused = subprocess.run([sys.executable, "-c", REFUSE, file], capture_output=True, text=True, timeout=60)
    assert refused.stdout.split() == ["picture_wrong_size", "True"], refused


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
def test_the_quality_is_the_one_that_was_asked_for(output_format):
    data = encoded_noise((128, 128))
    sizes = {quality: len(decoded_at(data, output_format, quality).data) for quality in (0, 30, 60, 100, None)}
    assert sizes[0] < sizes[30] < sizes[60] < sizes[None] < sizes[100]
    assert sizes[0] < sizes[None] / 4


def test_a_png_keeps_every_pixel_whatever_the_quality():
    data = encoded_noise((64, 48))
    assert to_picture(data, SIZE, {}, "png", 0).data == to_picture(data, SIZE, {}, "png").data


def encoded_noise(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, "PNG")
    return out.getvalue()


def decoded_at(data: bytes, output_format: str, quality: int | None) -> Picture:
    picture = to_picture(data, (128, 128), {}, output_format, quality)
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert (image.format, image.size) == (output_format.upper(), (128, 128))
    return picture
