"""An engine's file, opened: its pixels, which are not decoded yet, and what it says about them."""

import io
import threading
import warnings
from dataclasses import dataclass

from PIL import Image

from render_worker.contract import Size
from render_worker.imaging.orientation import SIDEWAYS, orientation_of
from render_worker.imaging.png import MAGIC, Png, read_png
from render_worker.imaging.profiles import profiles_of

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP")

_warnings = threading.Lock()  # catch_warnings changes what all threads share


@dataclass(frozen=True)
class Source:
    """An engine's file, opened."""

    image: Image.Image
    orientation: int = 1
    profiles: tuple[bytes, ...] = ()
    """ICC profiles, of which the first that can be read holds."""
    grey: bool = False
    plain: bool = True
    """Whether other readers show the file's pixels as they are here: of one picture, of eight bits, in RGB or grey."""
    canvas: Size | None = None
    """The size of the animation of which the image is the first frame; None if that is the image's."""
    place: tuple[int, int] = (0, 0)
    """Where the image stands on the canvas."""

    @property
    def stored_size(self) -> Size:
        """Return the width and height before it is turned."""
        return self.canvas or self.image.size

    @property
    def size(self) -> Size:
        """Return the width and height."""
        return self.as_stored(self.stored_size)

    def as_stored(self, size: Size) -> Size:
        """Return what a size is before the picture is turned, or the reverse."""
        return (size[1], size[0]) if self.orientation in SIDEWAYS else size

    @property
    def file_format(self) -> str:
        """Return JPEG, PNG or WEBP."""
        return "JPEG" if self.image.format == "MPO" else self.image.format or ""


def open_source(data: bytes) -> Source:
    """Return the opened file. Raises Pillow's errors if it is no JPEG, PNG or WebP."""
    if data.startswith(MAGIC):
        return _of_png(read_png(data))
    image = _opened(data)
    profile = image.info.get("icc_profile") or b""
    plain = image.mode != "CMYK" and (image.format == "MPO" or getattr(image, "n_frames", 1) == 1)
    return Source(image, orientation_of(image.info.get("exif") or b""), (profile,), image.mode == "L", plain)


def _of_png(png: Png) -> Source:
    return Source(
        _opened(png.file),
        orientation_of(png.said.get(b"eXIf", b"")),
        tuple(profiles_of(png)),
        png.grey,
        png.plain,
        None if png.place is None else png.canvas,
        png.place or (0, 0),
    )


def _opened(data: bytes) -> Image.Image:
    with _warnings, warnings.catch_warnings(action="ignore"):  # of broken EXIF, and of a size that is checked here
        return Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
