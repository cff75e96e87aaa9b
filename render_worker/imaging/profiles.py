"""ICC profiles of colour spaces that a PNG names by numbers: its primaries and its curve."""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from render_worker.imaging.png import Png

Curve = Callable[[float], float]
"""From a sample to linear light, both from 0 to 1."""
Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

D50: Vector = (0.9642, 1.0, 0.8249)
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
SAMPLES = 1024  # of a curve
NEARLY = 0.05  # gAMA alone so near to 1/2.2 means sRGB, as browsers take it
SRGB_GAMMA = 1 / 2.2


class Primaries(NamedTuple):
    """The chromaticities x and y of white and of the three primaries."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


D65 = (0.3127, 0.329)
SRGB = Primaries(D65, (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))


def srgb_curve(sample: float) -> float:
    """Return sRGB's linear light."""
    return sample / 12.92 if sample <= 0.04045 else float(((sample + 0.055) / 1.055) ** 2.4)


def gamma_curve(gamma: float) -> Curve:
    """Return the curve of a display."""
    return lambda sample: float(sample**gamma)


# By their numbers in ITU-T H.273, as cICP has them. Light above white (PQ, HLG) is not read: what it would look like
# depends on the display.
PRIMARIES = {
    1: SRGB,
    5: Primaries(D65, (0.64, 0.33), (0.29, 0.6), (0.15, 0.06)),
    6: Primaries(D65, (0.63, 0.34), (0.31, 0.595), (0.155, 0.07)),
    9: Primaries(D65, (0.708, 0.292), (0.17, 0.797), (0.131, 0.046)),
    12: Primaries(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
}
CURVES = {
    **dict.fromkeys((1, 6, 14, 15), gamma_curve(2.4)),  # television's, as its screens show it (BT.1886)
    4: gamma_curve(2.2),
    5: gamma_curve(2.8),
    8: gamma_curve(1.0),
    13: srgb_curve,
}


def profiles_of(png: Png) -> list[bytes]:
    """Return the profiles that a PNG names, of which the first good one counts; none if it names sRGB."""
    if profile := _of_code_points(png.said.get(b"cICP", b"")):
        return [profile]
    named_srgb = png.said.get(b"sRGB", b"\xff")[:1] <= b"\3"
    return [png.icc] if named_srgb else [png.icc, _of_gamma(png.said.get(b"gAMA", b""), png.said.get(b"cHRM"))]


@lru_cache(maxsize=16)
def _of_code_points(said: bytes) -> bytes:
    if len(said) != 4 or said[2:] != b"\0\1" or said[0] not in PRIMARIES or said[1] not in CURVES:
        return b""
    return rgb_profile(PRIMARIES[said[0]], CURVES[said[1]])


@lru_cache(maxsize=16)
def _of_gamma(gamma: bytes, chromaticities: bytes | None) -> bytes:
    """Return the profile of gAMA and cHRM; empty if they are missing, broken, or mean sRGB."""
    value = int.from_bytes(gamma) / 100_000 if len(gamma) == 4 else 0
    if not value or (chromaticities is None and abs(value / SRGB_GAMMA - 1) < NEARLY):
        return b""
    try:
        return rgb_profile(SRGB if chromaticities is None else _primaries(chromaticities), gamma_curve(1 / value))
    except (struct.error, ZeroDivisionError):
        return b""


def _primaries(chromaticities: bytes) -> Primaries:
    numbers = [number / 100_000 for number in struct.unpack(">8I", chromaticities)]
    white, red, green, blue = zip(numbers[::2], numbers[1::2], strict=True)
    return Primaries(white, red, green, blue)


def rgb_profile(primaries: Primaries, curve: Curve) -> bytes:
    """Return the profile. Raises ZeroDivisionError or struct.error if such primaries make no colours."""
    columns = {
        tag: _xyz(column) for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _colorants(primaries), strict=True)
    }
    samples = [round(65535 * curve(place / (SAMPLES - 1))) for place in range(SAMPLES)]
    response = b"curv\0\0\0\0" + struct.pack(f">I{SAMPLES}H", SAMPLES, *samples)
    return _profile({**columns, b"wtpt": _xyz(D50), **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), response)})


def _profile(tags: dict[bytes, bytes]) -> bytes:
    """Return a profile of version 2: with one of version 4, Little CMS would compensate black points."""
    places: dict[bytes, int] = {}
    body, directory = b"", b""
    for tag, value in tags.items():
        place = places.setdefault(value, len(body))
        body += value if place == len(body) else b""
        directory += tag + struct.pack(">II", 132 + 12 * len(tags) + place, len(value))
    head = bytes(4) + b"\x02\x40\0\0" + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + _xyz(D50)[8:] + bytes(48)
    data = head + struct.pack(">I", len(tags)) + directory + body
    return struct.pack(">I", 4 + len(data)) + data


def _xyz(values: Vector) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _colorants(primaries: Primaries) -> Matrix:
    """Return the primaries' XYZ at full strength, adapted to the white of profiles."""
    white, *rest = (_of_chromaticity(*it) for it in primaries)
    columns: Matrix = (rest[0], rest[1], rest[2])
    strengths = _times(_inverse(_turned(columns)), white)
    cones, wanted = _times(BRADFORD, white), _times(BRADFORD, D50)
    back = _inverse(BRADFORD)
    red, green, blue = (
        _times(back, _scaled(_times(BRADFORD, column), strength, cones, wanted))
        for column, strength in zip(columns, strengths, strict=True)
    )
    return red, green, blue


def _scaled(cones: Vector, strength: float, white: Vector, wanted: Vector) -> Vector:
    x, y, z = (strength * cone * new / old for cone, old, new in zip(cones, white, wanted, strict=True))
    return x, y, z


def _of_chromaticity(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Matrix, vector: Vector) -> Vector:
    x, y, z = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return x, y, z


def _turned(matrix: Matrix) -> Matrix:
    x, y, z = zip(*matrix, strict=True)
    return x, y, z


def _inverse(matrix: Matrix) -> Matrix:
    a, b, c = matrix
    crosses = (_cross(b, c), _cross(c, a), _cross(a, b))
    determinant = sum(one * other for one, other in zip(a, crosses[0], strict=True))
    x, y, z = ((row[0] / determinant, row[1] / determinant, row[2] / determinant) for row in _turned(crosses))
    return x, y, z


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
