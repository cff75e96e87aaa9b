"""Decoding an engine's picture: checked, as its file means it, and in the size of its plan."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from render_worker.contract import Size
from render_worker.errors import BadPicture
from render_worker.imaging.alpha import with_color_key, without_needless_alpha
from render_worker.imaging.color import to_srgb
from render_worker.imaging.limits import TooManyParts
from render_worker.imaging.orientation import TURNS
from render_worker.imaging.source import Source, open_source
from render_worker.sizes import SizePlan

MAX_PIXELS = 4800 * 3584  # the most of Gemini's 4K sizes; a larger claim is a decompression bomb
MAX_SIDE = 16383  # of a WebP
LARGE_PIXELS = 2048 * 2048  # and more: one of 4096x4096 takes 64 MiB, and as much again while it is converted
SIXTEEN_BITS = "I;16"


class LargePicture(Exception):
    """Raised before a large picture is decoded that is to be made beside others."""


@dataclass(frozen=True)
class Decoded:
    """A picture as its file means it: upright, in sRGB, in the size of its plan."""

    image: Image.Image
    """RGB, or RGBA if any pixel is not opaque."""
    source_format: str
    """JPEG, PNG or WEBP."""
    unchanged: bool
    """Whether a viewer that ignores the file's metadata shows the same: nothing of it was turned, converted, scaled or
    cut, and it is no animation."""


def decode(data: bytes, plan: SizePlan, size_required: bool, *, large: bool = True) -> Decoded:
    """Return the picture in the size of the plan. Raises LargePicture if it is large, and may not be."""
    if not data:
        raise BadPicture("empty", "The picture is empty.")
    with _bad_picture():
        image, source = open_source(data)
    pixels = source.size[0] * source.size[1]
    # Before anything is decoded: a larger picture could exhaust the memory.
    if pixels > MAX_PIXELS or max(source.size) > MAX_SIDE:
        raise BadPicture("too_large", f"The picture claims {source.size[0]} by {source.size[1]} pixels.")
    size = _final_size(source, plan, size_required)
    if pixels >= LARGE_PIXELS and not large:
        raise LargePicture
    with _bad_picture():  # each step lets go of the image before it, which may have 64 MiB
        image = _loaded(image, source, size)
        image = _fitted(image, source.as_stored(size))
        image, converted = to_srgb(image, source.profiles, grey=source.grey)
        image = _upright(image, source.orientation)
    unchanged = source.plain and size == source.size and source.orientation not in TURNS and not converted
    return Decoded(image, source.file_format, unchanged)


def size_of(data: bytes) -> Size | None:
    """Return width and height of an image file, by its head alone; None if it cannot be read."""
    try:
        with _bad_picture():
            return open_source(data)[1].size
    except BadPicture:
        return None


def _final_size(source: Source, plan: SizePlan, size_required: bool) -> Size:
    """Return the size that the picture is made to. Raises BadPicture if it is not the one that was promised."""
    if plan.promised and source.size != plan.made:
        raise _wrong_size(source.size, plan.made)
    size = plan.final_size(source.size)
    if plan.exact and size != plan.exact and size_required:
        raise _wrong_size(source.size, plan.exact)
    return size


def _loaded(image: Image.Image, source: Source, size: Size) -> Image.Image:
    """Return the pixels, with eight bits a channel, in a mode that can be scaled without loss of transparency."""
    with image:
        image.draft("RGB", source.as_stored(size))  # a JPEG is decoded no larger than needed
        image.load()  # of an animation the first frame
    if image.mode == SIXTEEN_BITS:
        return _eight_bits(image)
    if source.color_key is not None:
        color, low_bytes = source.color_key
        with low_bytes:
            image = with_color_key(image, low_bytes, color)
    if source.place is not None:
        canvas = Image.new("RGBA", source.as_stored(source.size))
        canvas.paste(image.convert("RGBA"), source.place)
        return canvas
    if image.mode in ("1", "P") or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return shades of 16 bits with eight, and their transparent one as alpha."""
    shades = image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if (transparent := image.info.get("transparency")) is not None:
        shades.putalpha(image.convert("I").point([0 if it == transparent else 255 for it in range(65536)], "L"))
    return shades


def _fitted(image: Image.Image, size: Size) -> Image.Image:
    """Return the picture scaled to cover the size, and cut evenly to it; an alpha is multiplied in meanwhile."""
    return image if image.size == size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture turned, and without what Pillow would write into the next file: its profile, its comment."""
    image = without_needless_alpha(image)
    image = image.transpose(TURNS[orientation]) if orientation in TURNS else image
    image.info.clear()
    return image


@contextmanager
def _bad_picture() -> Iterator[None]:
    """Translate Pillow's errors, and ours."""
    try:
        yield
    except TooManyParts:
        raise BadPicture("too_large", "The picture's file has far more parts than any that is made here.") from None
    except Image.DecompressionBombError:
        raise BadPicture("too_large", "The picture claims far more pixels than any that is made here.") from None
    except UnidentifiedImageError:
        raise BadPicture("unreadable", "The picture is no JPEG, PNG or WebP file.") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise BadPicture("broken", "The picture is broken or cut off.") from error


def _wrong_size(found: Size, expected: Size) -> BadPicture:
    (width, height), (across, down) = found, expected
    return BadPicture(
        "wrong_size", f"The picture has {width} by {height} pixels where {across} by {down} were asked for."
    )
