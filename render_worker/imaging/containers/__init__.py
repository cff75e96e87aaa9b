"""Files that are kept as they came: their metadata is changed, and never the picture's own data.

No kept-up library under a free licence does it for all three formats: piexif's last release is of 2019 and knows no
PNG, pyexiv2 is under the GPL.
"""

import struct
from collections.abc import Callable

from render_worker.contract import StoredFormat
from render_worker.imaging.containers import jpeg, png, webp
from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.limits import TooManyParts
from render_worker.imaging.texts import Texts

__all__ = ["with_texts", "without_exif"]

WAYS: dict[StoredFormat, Callable[[bytes, Texts], bytes]] = {
    "png": png.with_texts,
    "jpeg": jpeg.with_texts,
    "webp": webp.with_texts,
}


def with_texts(file: bytes, kind: StoredFormat, texts: Texts) -> bytes | None:
    """Return the file with the texts in its metadata, and without anything behind its end.

    Returns None if it is no single picture, if its structure is not what its specification says, or if its metadata
    outweigh the picture.
    """
    try:
        return WAYS[kind](file, texts)
    except (UnusualFile, TooManyParts, struct.error, IndexError):  # the last two: it ends too early
        return None


def without_exif(file: bytes) -> bytes:
    """Return a JPEG without EXIF, of which a file that is kept would keep all but the texts.

    Any other file is returned as it is, and so is a JPEG that cannot be kept.
    """
    try:
        return jpeg.without_exif(file)
    except (UnusualFile, TooManyParts, struct.error, IndexError):
        return file
