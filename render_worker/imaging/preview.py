"""Previews: the unfinished picture, small enough for a line of progress."""

import base64
import io

from render_worker.contract import MAX_PREVIEW_BYTES
from render_worker.errors import BadPicture
from render_worker.imaging.decoding import LargePicture
from render_worker.imaging.image_input import opaque

PREVIEW_SIDE = 384  # pixels; a JPEG of it has some 15 KB
PREVIEW_QUALITY = 75


def preview_url(data: bytes) -> str | None:
    """Return a small JPEG of an image file as a data URL; None if it is none, or large, or if the JPEG is."""
    try:
        image = opaque(data, large=False)
    except (BadPicture, LargePicture):
        return None
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=PREVIEW_QUALITY)
    text = base64.b64encode(out.getvalue()).decode()
    return f"data:image/jpeg;base64,{text}" if len(text) <= MAX_PREVIEW_BYTES else None
