"""From an engine's file to the one that is stored: checked, sized by its plan, and with its recipe inside.

A file that is already as it should be is kept: only its metadata is changed. Import from the package itself, never from
its modules.
"""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from render_worker.contract import OutputFormat, StoredFormat
from render_worker.errors import BadPicture, ImageInvalid
from render_worker.imaging.containers import with_texts, without_exif
from render_worker.imaging.decoding import Decoded, LargePicture, decode, size_of
from render_worker.imaging.encoding import encode
from render_worker.imaging.image_input import (
    MAX_SOURCE_PIXELS,
    SourcePicture,
    file_within,
    fitted,
    to_source_picture,
)
from render_worker.imaging.placeholder import placeholder_of
from render_worker.imaging.png_encoding import encode_png
from render_worker.imaging.preview import preview_url
from render_worker.imaging.source import is_picture
from render_worker.imaging.texts import Texts
from render_worker.picture import Picture
from render_worker.sizes import SizePlan

__all__ = [
    "MAX_SOURCE_PIXELS",
    "SentImage",
    "SourcePicture",
    "encode_png",
    "file_within",
    "fitted",
    "is_picture",
    "make_picture",
    "preview_url",
    "size_of",
    "to_picture",
    "without_exif",
]

_one_at_a_time = ThreadPoolExecutor(1, "large-picture")

T = TypeVar("T", covariant=True)


class Make(Protocol[T]):
    """Makes something of a picture, which takes memory. Raises LargePicture if it is large, unless `large`."""

    def __call__(self, *, large: bool = True) -> T: ...


class SentImage:
    """A client's image. It is decoded once, when an engine is about to begin with it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._picture: SourcePicture | None = None
        self._lock = asyncio.Lock()

    async def picture(self) -> SourcePicture:
        """Return the picture. Raises ImageInvalid if it is no JPEG, PNG or WebP that can be read."""
        async with self._lock:
            if self._picture is None:
                try:
                    self._picture = await _in_thread(partial(to_source_picture, self._data))
                except BadPicture as error:
                    raise ImageInvalid(f"image must be a whole PNG, JPEG or WebP picture: {error}") from error
            return self._picture


async def make_picture(
    data: bytes,
    plan: SizePlan,
    texts: Texts,
    output_format: OutputFormat,
    quality: int | None,
    *,
    size_required: bool,
) -> Picture:
    """Return what `to_picture` does, made in a thread."""
    return await _in_thread(partial(to_picture, data, plan, texts, output_format, quality, size_required=size_required))


async def _in_thread(make: Make[T]) -> T:
    """Return what is made in a thread. Large pictures are made one at a time, and hold up no small ones.

    One that waits takes no thread, and is not made if it is cancelled meanwhile.
    """
    try:
        return await asyncio.to_thread(partial(make, large=False))
    except LargePicture:
        return await asyncio.get_running_loop().run_in_executor(_one_at_a_time, make)


def to_picture(
    data: bytes,
    plan: SizePlan,
    texts: Texts,
    output_format: OutputFormat = "png",
    quality: int | None = None,
    *,
    size_required: bool = False,
    large: bool = True,
) -> Picture:
    """Return a JPEG, PNG or WebP, checked, sized by the plan and stored as `output_format` with `texts` inside.

    `quality`: from 0 to 100, of a JPEG or WebP; None if the file may be kept as it came, else the format's usual one. A
    PNG has the texts as UTF-8 chunks, the others as a JSON object in EXIF's ImageDescription. A picture of which the
    plan's exact size cannot be made is returned as it is, unless `size_required`. Raises BadPicture then, and if the
    data is no such picture; LargePicture if it is large, unless `large`.
    """
    decoded = decode(data, plan, size_required, large=large)
    image, stored_format = decoded.image, _stored_format(output_format, decoded)
    file = _kept(data, decoded, texts, stored_format, quality) or encode(image, texts, stored_format, quality)
    placeholder = placeholder_of(image)
    return Picture(
        file, image.width, image.height, hashlib.sha256(file).hexdigest(), stored_format, placeholder=placeholder
    )


def _stored_format(output_format: OutputFormat, decoded: Decoded) -> StoredFormat:
    if output_format == "auto":
        return "jpeg" if decoded.source_format == "JPEG" else "png"
    return output_format


def _kept(
    data: bytes, decoded: Decoded, texts: Texts, stored_format: StoredFormat, quality: int | None
) -> bytes | None:
    """Return the file as it came, with the texts; None if it has to be encoded: a second loss of a JPEG or WebP."""
    alike = decoded.unchanged and decoded.source_format.lower() == stored_format
    return with_texts(data, stored_format, texts) if alike and (quality is None or stored_format == "png") else None
