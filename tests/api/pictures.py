"""Pictures: those that clients send, as small as they can be, and those that the render worker stores."""

import io
import json

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def picture(kind: str = "PNG") -> bytes:
    """Return a file of that format, of one pixel."""
    file = io.BytesIO()
    Image.new("RGBA" if kind != "JPEG" else "RGB", (1, 1)).save(file, kind)
    return file.getvalue()


PNG, JPEG, WEBP = picture("PNG"), picture("JPEG"), picture("WEBP")

TEXTS = {"prompt": "ein Baum – 木", "seed": "7", "engine": "perchance"}
"""The recipe in a stored picture."""


def stored(kind: str = "image/png", mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a file as the render worker stores it, with its recipe inside."""
    file = io.BytesIO()
    image = Image.new(mode, size, "red" if mode == "RGB" else (255, 0, 0, 0))
    if kind == "image/png":
        info = PngInfo()
        for keyword, text in TEXTS.items():
            info.add_itxt(keyword, text)
        image.save(file, "PNG", pnginfo=info)
    else:
        exif = Image.Exif()
        exif[0x010E] = json.dumps(TEXTS)
        image.save(file, kind.removeprefix("image/").upper(), exif=exif)
    return file.getvalue()


def opened(answer) -> Image.Image:
    image = Image.open(io.BytesIO(answer.data))
    image.load()
    return image


def recipe_of(image: Image.Image) -> dict[str, str]:
    texts = getattr(image, "text", None)
    return texts or json.loads(image.getexif()[0x010E])
