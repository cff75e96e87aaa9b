"""Pictures in other formats than that of the stored file, with its recipe inside. Pillow is imported on first use."""

import ctypes
import io
import json
import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from render_worker.contract import MAX_TEXT

if TYPE_CHECKING:
    from PIL import Image

AVIF, WEBP, JPEG, PNG = "image/avif", "image/webp", "image/jpeg", "image/png"
SOURCES = ("PNG", "JPEG", "WEBP")
# AVIF of 2048x2048 takes 120 MB of memory and 0.3 s, of 4096x4096 460 MB; WebP of that 160 MB and 0.6 s.
LARGEST = 4800 * 3584  # of what the render worker decodes
MAX_PIXELS = {AVIF: 2048 * 2048, WEBP: LARGEST, JPEG: LARGEST, PNG: 2048 * 2048}  # a PNG of more has some 40 MB
# WebP and JPEG as the render worker makes them. AVIF of 65 is as near to the original as WebP of 85, and a fifth
# smaller; its speed 9 takes 50 ms for 1024x1024, and 7 eight times that for 5 % of the bytes.
PARAMETERS: dict[str, dict[str, Any]] = {
    AVIF: {"quality": 65, "speed": 9, "max_threads": 1},
    WEBP: {"quality": 85, "method": 2},
    JPEG: {"quality": 90},
    PNG: {"compress_level": 1},
}
ORIENTATION = 0x0112
TURNED = range(5, 9)  # of its values those whose picture is shown with its sides swapped (EXIF 2.32, 4.6.4)
IMAGE_DESCRIPTION = 0x010E  # the field of EXIF that has the recipe
# What Pillow raises of a broken file, its EXIF included.
BROKEN = (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, MemoryError, struct.error)
MAX_DESCRIPTION = 60_000  # bytes, of the 64 KB that a JPEG has room for


@dataclass(frozen=True)
class Variant:
    """What a picture is encoded as."""

    media_type: str
    quality: int | None = None
    """From 0 to 100, of any but PNG; the format's usual one if None."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters by which Pillow encodes it."""
        given = {} if self.quality is None or self.media_type == PNG else {"quality": self.quality}
        return {**PARAMETERS[self.media_type], **given}


class CannotEncode(Exception):
    """Raised if a picture cannot be decoded, or is too large to be encoded here."""


class Unreadable(Exception):
    """Raised if the head of a picture cannot be read."""


def can_encode(media_type: str, pixels: int) -> bool:
    """Return whether a picture of so many pixels can be encoded as that type."""
    return pixels <= MAX_PIXELS.get(media_type, 0) and (media_type != AVIF or _has_avif())


def encoded(data: bytes, variant: Variant) -> bytes:
    """Return a PNG, JPEG or WebP file as another one, with its recipe. Raises CannotEncode.

    What is transparent is kept, and is white in a JPEG.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=SOURCES) as image:
            if not can_encode(variant.media_type, image.width * image.height):  # before anything is decoded
                raise CannotEncode(f"{image.width}x{image.height} are too many pixels")
            image.load()
            return _file(image, variant)
    except (*BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CannotEncode(f"{type(error).__name__}: {error}") from error


def upright_size(data: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG, JPEG or WebP file as it is shown, by its head. Raises Unreadable."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=SOURCES) as image:
            exif = Image.Exif()
            exif.load(image.info.get("exif", b""))
            width, height = image.size
    except (*BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return (height, width) if exif.get(ORIENTATION) in TURNED else (width, height)


def release_memory() -> None:
    """Return the memory of an encoding to the system, of which glibc else keeps most: of 2048x2048 80 MB."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


@cache
def _has_avif() -> bool:
    from PIL import features

    return features.check("avif") is True


def _file(image: "Image.Image", variant: Variant) -> bytes:
    metadata = _texts(image) if variant.media_type == PNG else _exif(image)
    profile = image.info.get("icc_profile")
    picture = image.convert("RGBA") if image.has_transparency_data and image.mode != "RGBA" else image
    if variant.media_type == JPEG:
        picture = over_white(picture)
    out = io.BytesIO()
    kind = variant.media_type.removeprefix("image/").upper()
    picture.save(out, kind, icc_profile=profile, **metadata, **variant.parameters)
    return out.getvalue()


def _exif(image: "Image.Image") -> dict[str, Any]:
    """Return the file's EXIF with its recipe, which a PNG has as text chunks."""
    exif = image.getexif()
    exif.pop(ORIENTATION, None)  # it is upright; Pillow also reads one from XMP, which browsers do not
    texts = {keyword: text for keyword, text in getattr(image, "text", {}).items() if len(text) <= MAX_TEXT}
    description = json.dumps(texts)
    if texts and len(description) <= MAX_DESCRIPTION:
        exif.setdefault(IMAGE_DESCRIPTION, description)
    return {"exif": exif}


def _texts(image: "Image.Image") -> dict[str, Any]:
    """Return the recipe in the file's EXIF as a PNG's text chunks."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    try:
        texts = json.loads(image.getexif().get(IMAGE_DESCRIPTION, ""))
    except (TypeError, ValueError):  # an engine's own text
        texts = None
    for keyword, text in texts.items() if isinstance(texts, dict) else ():
        info.add_itxt(keyword, str(text))
    return {"pnginfo": info}


def over_white(image: "Image.Image") -> "Image.Image":
    """Return an image as RGB, what is transparent being white."""
    from PIL import Image

    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
