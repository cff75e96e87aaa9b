"""ICC profiles, written by hand: version 2, as small as they may be."""

import itertools
import struct
from collections.abc import Sequence

from PIL import ImageCms

Triple = tuple[float, float, float]

D50 = (0.9642, 1.0, 0.8249)
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
INKS = ((0, 174, 239), (236, 0, 140), (255, 242, 0), (35, 31, 32))  # cyan, magenta, yellow and black on paper
CMYK_STEPS = 7


def rgb_profile(colorants: tuple[Triple, Triple, Triple], gamma: float, padding: int = 0) -> bytes:
    """Return the profile of a display. `padding`: bytes that make it larger."""
    columns = {tag: _xyz(colorant) for tag, colorant in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    more = {b"more": b"text\0\0\0\0" + bytes(padding)} if padding else {}
    return _profile(b"mntr", b"RGB ", b"XYZ ", {**columns, **curves, **more})


def grey_profile(gamma: float) -> bytes:
    """Return the profile of a grey display."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(gamma)})


def cmyk_profile() -> bytes:
    """Return the profile of a press: the colours of its inks on paper, multiplied where they overlap."""
    ramp = bytes(range(256))
    inks = itertools.product(range(CMYK_STEPS), repeat=4)
    colors = bytes(value for amounts in inks for value in _lab8(_printed(amounts)))
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    table = b"mft1\0\0\0\0" + bytes((4, 3, CMYK_STEPS, 0)) + identity + ramp * 4 + colors + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def lab_profile() -> bytes:
    """Return a profile that belongs to no picture of these formats."""
    return _profile(b"abst", b"Lab ", b"Lab ", {})


def _printed(amounts: Sequence[int]) -> Triple:
    """Return linear light of an entry of the table, whose amounts of ink are from 0 to the last step."""
    light = [1.0, 1.0, 1.0]
    for amount, ink in zip(amounts, INKS, strict=True):
        covered = amount / (CMYK_STEPS - 1)
        light = [
            value * (1 - covered + covered * (channel / 255) ** 2.2) for value, channel in zip(light, ink, strict=True)
        ]
    return light[0], light[1], light[2]


def _lab8(light: Triple) -> tuple[int, int, int]:
    x, y, z = (sum(value * column[row] for value, column in zip(light, SRGB, strict=True)) for row in range(3))
    fx, fy, fz = (
        ratio ** (1 / 3) if ratio > 0.008856 else 7.787 * ratio + 16 / 116
        for ratio in (x / D50[0], y / D50[1], z / D50[2])
    )
    values = ((116 * fy - 16) * 2.55, 500 * (fx - fy) + 128, 200 * (fy - fz) + 128)
    return tuple(min(255, max(0, round(value))) for value in values)


def _xyz(values: Triple) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def srgb_profile() -> bytes:
    """Return sRGB's own, as many programs embed it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"odd file\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(79),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": _xyz(D50),
        **tags,
    }
    offset, directory, body = 132 + 12 * len(tags), b"", b""
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        directory += tag + struct.pack(">II", offset + len(body), len(value))
        body += value
    rest = bytes(12) + b"acsp" + bytes(28) + _xyz(D50)[8:] + bytes(48)
    head = b"none" + struct.pack(">I", 0x02400000) + kind + space + connection + rest
    data = head + struct.pack(">I", len(tags)) + directory + body
    return struct.pack(">I", 4 + len(data)) + data
