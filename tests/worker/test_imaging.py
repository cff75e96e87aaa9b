"""From an engine's bytes to the PNG that is kept."""

import hashlib
import io

import pytest
from PIL import Image

from render_worker.imaging import InvalidPicture, to_png


def encoded(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_works(kind):
    picture = to_png(encoded(kind), {"prompt": "ต้นไม้ 🌲", "seed": "5"})
    image = Image.open(io.BytesIO(picture.data))
    assert (image.format, image.size, image.text["prompt"]) == ("PNG", (64, 48), "ต้นไม้ 🌲")
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.name == f"{picture.sha256}.png"


def test_pixels_are_kept():
    data = encoded("PNG")
    assert Image.open(io.BytesIO(to_png(data, {}).data)).tobytes() == Image.open(io.BytesIO(data)).tobytes()


def test_equal_content_has_an_equal_name():
    assert to_png(encoded("PNG"), {"a": "b"}).name == to_png(encoded("PNG"), {"a": "b"}).name


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    data = encoded("JPEG" if mode == "CMYK" else "PNG", mode=mode)
    assert Image.open(io.BytesIO(to_png(data, {}).data)).mode == "RGB"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"this is no picture",
        encoded("GIF"),
        encoded("JPEG")[:200],
        encoded("PNG")[:-30],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50,
        encoded("PNG", (5000, 5000), compress_level=9),
    ],
    ids=["empty", "text", "gif", "cut jpeg", "cut png", "broken png", "too many pixels"],
)
def test_anything_else_is_refused(data):
    with pytest.raises(InvalidPicture):
        to_png(data, {})
