"""Odd WebP files."""

import io
import struct
from collections.abc import Callable

from PIL import Image

from . import profiles
from .scene import scene, veiled


def _webp(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", **{"quality": 92, **options})
    return out.getvalue()


def _animated(image: Image.Image) -> bytes:
    white = Image.new(image.mode, image.size, "white")
    return _webp(image, save_all=True, append_images=[white], duration=60_000, lossless=True)


def _offset_frame() -> bytes:
    """Return an animation whose only frame covers a part of the canvas; the rest is transparent."""
    part = _webp(veiled().crop((32, 16, 80, 48)), lossless=True, exact=True)
    lossless = part[part.index(b"VP8L") :]
    frame = _u24(32 // 2) + _u24(16 // 2) + _u24(47) + _u24(31) + _u24(60_000) + b"\0" + lossless
    extended = struct.pack("<I", 0b10010) + _u24(95) + _u24(63)
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data
        for kind, data in ((b"VP8X", extended), (b"ANIM", bytes(6)), (b"ANMF", frame))
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _with_chunk(file: bytes, kind: bytes, data: bytes) -> bytes:
    file += kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return file[:4] + struct.pack("<I", len(file) - 8) + file[8:]


def _p3() -> bytes:
    return profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)


WEBPS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: _webp(scene()),
    "lossless": lambda: _webp(scene(), lossless=True),
    "alpha": lambda: _webp(veiled()),
    "alpha, lossless": lambda: _webp(veiled(), lossless=True, exact=True),
    "alpha, all opaque": lambda: _webp(scene("RGBA"), lossless=True),
    "animated": lambda: _animated(scene()),
    "animated, alpha": lambda: _animated(veiled()),
    "animated, a small first frame": _offset_frame,
    "orientation 6": lambda: _webp(scene(), exif=_exif(6)),
    "orientation 3, alpha": lambda: _webp(veiled(), exif=_exif(3), lossless=True),
    "EXIF broken": lambda: _webp(scene(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "ICC of Display P3": lambda: _webp(scene(), icc_profile=_p3()),
    "ICC of Display P3 and alpha": lambda: _webp(veiled(), icc_profile=_p3(), lossless=True),
    "ICC of grey": lambda: _webp(scene(), icc_profile=profiles.grey_profile(1.0)),
    "ICC broken": lambda: _webp(scene(), icc_profile=_p3()[:200]),
    "an unknown chunk": lambda: _with_chunk(_webp(scene()), b"ODD ", b"private"),
    "a tail of other bytes": lambda: _webp(scene()) + b"\xff" * 300,
}
