"""Pictures that clients send: what an engine begins with, and nothing else that the file holds."""

import math
from dataclasses import dataclass

from PIL import Image, ImageOps

from render_worker.contract import Size
from render_worker.imaging.alpha import over_white
from render_worker.imaging.decoding import decode
from render_worker.imaging.encoding import encode
from render_worker.sizes import SizePlan

MAX_SOURCE_PIXELS = 2048 * 2048  # no model here reads more of it; the services' own limits are of this order
SENT_QUALITY = 95
AS_IT_IS = SizePlan((1, 1))  # of a file of any size is made the same


@dataclass(frozen=True)
class SourcePicture:
    """A picture to begin with: a PNG, upright, opaque, in sRGB and without metadata, of MAX_SOURCE_PIXELS at most."""

    data: bytes
    width: int
    height: int


def to_source_picture(data: bytes, *, large: bool = True) -> SourcePicture:
    """Return the picture of a file.

    Raises BadPicture if it is no JPEG, PNG or WebP, and LargePicture if it is large, unless `large`.
    """
    image = opaque(data, large=large)
    size = _within(image.size)
    image = image if size == image.size else image.resize(size, reducing_gap=2.0)
    return SourcePicture(encode(image, {}, "png", None), *size)


def opaque(data: bytes, *, large: bool = True) -> Image.Image:
    """Return the picture of a file in RGB. Raises as `decode`."""
    return over_white(decode(data, AS_IT_IS, size_required=False, large=large).image).convert("RGB")


def _within(size: Size) -> Size:
    """Return the size, scaled down if it has too many pixels."""
    share = min(1.0, math.sqrt(MAX_SOURCE_PIXELS / math.prod(size)))
    return max(1, math.floor(size[0] * share)), max(1, math.floor(size[1] * share))


def file_within(image: SourcePicture, max_bytes: int) -> tuple[str, bytes]:
    """Return the media type and the file for a service that takes so many bytes: a JPEG if the PNG has more.

    It takes a while: use a thread.
    """
    if len(image.data) <= max_bytes:
        return "image/png", image.data
    return "image/jpeg", encode(opaque(image.data), {}, "jpeg", SENT_QUALITY)


def fitted(picture: SourcePicture, size: Size) -> SourcePicture:
    """Return the picture in another size: scaled, and cut evenly to its proportion. It takes a while: use a thread."""
    if (picture.width, picture.height) == size:
        return picture
    return SourcePicture(encode(ImageOps.fit(opaque(picture.data), size), {}, "png", None), *size)
