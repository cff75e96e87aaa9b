"""EXIF's orientation: how a camera's picture is turned before it is shown."""

import struct

from PIL import Image

TAG = 0x0112
SHORT = 3  # the type of its value; browsers ignore an orientation of any other
PREFIX = b"Exif\0\0"  # of the block in a WebP, by mistake
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = frozenset({5, 6, 7, 8})  # that swap width and height


def orientation_of(tiff: bytes) -> int:
    """Return the orientation, from 1 to 8, of EXIF's block, the first valid one; 1 if there is none.

    Pillow's own reader warns of broken data, and takes an orientation from XMP, which browsers do not.
    """
    order = BYTE_ORDERS.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (fields,) = struct.unpack_from(f"{order}H", tiff, start)
        for place in range(fields):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * place)
            if (tag, kind, count) == (TAG, SHORT, 1) and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass  # the data end too early
    return 1
