"""Decoding an engine's picture: checked, as its file means it, and in the size of its plan."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from render_worker.contract import Size
from render_worker.errors import BadPicture
from render_worker.imaging.alpha import without_needless_alpha
from render_worker.imaging.color import to_srgb
from render_worker.imaging.orientation import TURNS
from render_worker.imaging.source import Source, open_source
from render_worker.sizes import SizePlan

MAX_PIXELS = 4096 * 4096  # a larger claim is a decompression bomb
LARGE_PIXELS = 2048 * 2048  # one of 4096x4096 takes 64 MiB, and as much again while it is converted
SIXTEEN_BITS = "I;16"

_large = threading.Lock()


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


@contextmanager
def decode(data: bytes, plan: SizePlan, size_required: bool) -> Iterator[Decoded]:
    """Yield the picture in the size of the plan; of large ones one at a time, until it is encoded."""
    if not data:
        raise BadPicture("empty", "The picture is empty.")
    with _bad_picture():
        source = open_source(data)
    # Before anything is decoded: a larger picture could exhaust the memory.
    if source.size[0] * source.size[1] > MAX_PIXELS:
        raise BadPicture("too_large", f"The picture claims {source.size[0]} by {source.size[1]} pixels.")
    if plan.promised and source.size != plan.made:
        raise _wrong_size(source.size, plan.made)
    size = plan.final_size(source.size)
    if plan.exact and size != plan.exact and size_required:
        raise _wrong_size(source.size, plan.exact)
    with _large if source.size[0] * source.size[1] > LARGE_PIXELS else nullcontext():
        with _bad_picture():
            decoded = _decoded(source, size)
        yield decoded


def _decoded(source: Source, size: Size) -> Decoded:
    fitted_size = source.as_stored(size)
    with source.image as image:
        image.draft("RGB", fitted_size)  # a JPEG is decoded no larger than needed
        image.load()  # of an animation the first frame
    pixels = _on_canvas(_eight_bits(image), source)
    fitted = pixels if pixels.size == fitted_size else ImageOps.fit(pixels, fitted_size, Image.Resampling.LANCZOS)
    colored, converted = to_srgb(fitted, source.profiles, grey=source.grey)
    turned = colored.transpose(TURNS[source.orientation]) if source.orientation in TURNS else colored
    finished = without_needless_alpha(turned)
    finished.info.clear()  # with the profile in it, which Pillow would write into the next file
    unchanged = source.plain and fitted is pixels and turned is colored and not converted
    return Decoded(finished, source.file_format, unchanged)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the picture with eight bits a channel, in a mode that can be scaled without loss of transparency."""
    if image.mode == SIXTEEN_BITS:
        transparent = image.info.get("transparency")
        shades = image.point(lambda value: value * (1 / 257) + 0.5).convert("L")
        if transparent is not None:
            shades.putalpha(image.convert("I").point([0 if it == transparent else 255 for it in range(65536)], "L"))
        return shades
    if image.mode in ("1", "P") or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _on_canvas(image: Image.Image, source: Source) -> Image.Image:
    """Return the picture at its place on its canvas."""
    if source.canvas is None:
        return image
    canvas = Image.new("RGBA", source.canvas)
    canvas.paste(image.convert("RGBA"), source.place)
    return canvas


@contextmanager
def _bad_picture() -> Iterator[None]:
    """Translate Pillow's errors."""
    try:
        yield
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
