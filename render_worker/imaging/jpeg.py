"""What a JPEG says about its pixels, as browsers read it; Pillow misses some of it.

Its segments are few: Pillow, which keeps each of them, gets no file of millions.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from render_worker.imaging.limits import MAX_PARTS, MAX_SCANS, TooManyParts, bounded

MAGIC = b"\xff\xd8\xff"
MARKER = re.compile(rb"\xff[^\x00\xff]")  # behind whatever is no marker
STANDALONE = (0x01, *range(0xD0, 0xDA))  # markers without a segment
APP1, APP2, SOS = 0xE1, 0xE2, 0xDA
EXIF = b"Exif\0"  # and a byte that counts for nothing
PROFILE = b"ICC_PROFILE\0"  # then the number of this piece, from 1, and how many there are


@dataclass(frozen=True)
class Jpeg:
    """What the segments before the first scan say."""

    exif: bytes
    """The first EXIF block; empty if there is none."""
    icc: bytes
    """The ICC profile; empty if there is none or if it is not whole."""


def read_jpeg(data: bytes) -> Jpeg:
    """Return what the file says. Raises TooManyParts if it has far more segments or scans than any picture needs."""
    if data.count(bytes((0xFF, SOS))) > MAX_SCANS:
        raise TooManyParts
    exif, pieces = b"", []
    for marker, start, end in bounded(_segments(data)):
        if marker == APP1 and not exif and data.startswith(EXIF, start):
            exif = data[start + len(EXIF) + 1 : end]
        elif marker == APP2 and data.startswith(PROFILE, start):
            pieces.append(data[start + len(PROFILE) : end])
    return Jpeg(exif, _profile(pieces))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each marker as far as the first scan, with the start and the end of its segment's data.

    Raises TooManyParts if far too much stands between them, which Pillow reads byte by byte.
    """
    marker, end = 0, len(MAGIC) - 1
    while marker != SOS:
        found = MARKER.search(data, end)
        if (found.start() if found else len(data)) - end > MAX_PARTS:
            raise TooManyParts
        if not found:
            return
        marker, start, end = data[found.end() - 1], found.end(), found.end()
        if marker not in STANDALONE:
            start, end = start + 2, start + max(int.from_bytes(data[start : start + 2]), 2)
        yield marker, start, end


def _profile(pieces: Iterable[bytes]) -> bytes:
    """Return the profile that the pieces make, once all are there; empty if they do not fit together."""
    known: dict[int, bytes] = {}
    total = 0
    for piece in pieces:
        number, count = piece[:2].ljust(2, b"\0")
        total = total or count
        if count != total or not 0 < number <= count or number in known:
            return b""
        known[number] = piece[2:]
        if len(known) == total:
            return b"".join(known[at] for at in range(1, total + 1))
    return b""
