"""Pictures that clients send: whole files, as small as they can be."""

import io

from PIL import Image


def picture(kind: str = "PNG") -> bytes:
    """Return a file of that format, of one pixel."""
    file = io.BytesIO()
    Image.new("RGBA" if kind != "JPEG" else "RGB", (1, 1)).save(file, kind)
    return file.getvalue()


PNG, JPEG, WEBP = picture("PNG"), picture("JPEG"), picture("WEBP")
