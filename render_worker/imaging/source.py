"""An engine's file, opened: its pixels, not decoded yet, and what it says about them."""

import io
import threading
import warnings
from dataclasses import dataclass

from PIL import Image, ImageFile

from render_worker.contract import Size
from render_worker.imaging import jpeg, png, webp
from render_worker.imaging.orientation import PREFIX, SIDEWAYS, orientation_of
from render_worker.imaging.profiles import profiles_of

LOW_BYTES = "RGB;16L"  # a PNG has the high byte of a sample first; so Pillow takes the second as the high one
ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP")

_warnings = threading.Lock()  # catch_warnings changes what all threads share


@dataclass(frozen=True)
class Source:
    """What an engine's file says about its pixels."""

    file_format: str
    """JPEG, PNG or WEBP."""
    size: Size
    """Width and height, once it is upright."""
    orientation: int = 1
    profiles: tuple[bytes, ...] = ()
    """ICC profiles, of which the first that can be read holds."""
    grey: bool = False
    plain: bool = True
    """Whether all readers show the file's pixels alike: of one picture, of eight bits or fewer, in RGB or grey."""
    place: tuple[int, int] | None = None
    """Where the pixels stand if they are but a part of the picture: the first frame of an animation."""

    color_key: tuple[bytes, Image.Image] | None = None
    """The transparent colour of three samples of 16 bits, and the picture of their low bytes, not decoded yet."""

    def as_stored(self, size: Size) -> Size:
        """Return what a size is before the picture is turned."""
        return _turned(size, self.orientation)


def is_picture(data: bytes) -> bool:
    """Return whether a file begins as a JPEG, PNG or WebP does."""
    return data.startswith((png.MAGIC, jpeg.MAGIC, webp.MAGIC))


def open_source(data: bytes) -> tuple[Image.Image, Source]:
    """Return the picture, not decoded yet, and what its file says.

    Raises Pillow's errors if it is none, and TooManyParts if it costs far more to read than pictures do.
    """
    if data.startswith(png.MAGIC):
        read = png.read_png(data)
        return _opened(read.file), _of_png(read)
    if data.startswith(jpeg.MAGIC):
        said = jpeg.read_jpeg(data)
        image = _opened(data)
        return image, _of_jpeg(image, said)
    if data.startswith(webp.MAGIC):
        webp.check_webp(data)
    image = _opened(data)
    return image, _of_webp(image)


def _of_png(read: png.Png) -> Source:
    orientation = orientation_of(read.said.get(b"eXIf", b""))
    size = _turned(read.canvas, orientation)
    profiles, color = tuple(profiles_of(read)), read.transparent_color
    color_key = (color, _low_bytes(read.file)) if color else None
    return Source("PNG", size, orientation, profiles, read.grey, read.plain, read.place, color_key)


def _low_bytes(file: bytes) -> Image.Image:
    image = _opened(file)
    image.tile = [tile._replace(args=LOW_BYTES) for tile in image.tile]
    return image


def _of_jpeg(image: Image.Image, said: jpeg.Jpeg) -> Source:
    """Return what the first picture's file says; there may be more behind it (MPO)."""
    orientation = orientation_of(said.exif)
    size = _turned(image.size, orientation)
    return Source("JPEG", size, orientation, (said.icc,), image.mode == "L", plain=image.mode != "CMYK")


def _of_webp(image: Image.Image) -> Source:
    orientation = orientation_of((image.info.get("exif") or b"").removeprefix(PREFIX))
    return Source(
        "WEBP",
        _turned(image.size, orientation),
        orientation,
        (image.info.get("icc_profile") or b"",),
        plain=getattr(image, "n_frames", 1) == 1,
    )


def _turned(size: Size, orientation: int) -> Size:
    return (size[1], size[0]) if orientation in SIDEWAYS else size


def _opened(data: bytes) -> ImageFile.ImageFile:
    with _warnings, warnings.catch_warnings(action="ignore"):  # of broken EXIF, and of a size that is checked here
        return Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
