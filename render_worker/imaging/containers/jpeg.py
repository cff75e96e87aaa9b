"""A JPEG's segments (ITU-T T.81, annex B), and EXIF among them (CIPA DC-008, 4.7.2)."""

import re
import struct

from render_worker.imaging.containers import exif
from render_worker.imaging.containers.errors import UnusualFile
from render_worker.imaging.limits import is_heavy
from render_worker.imaging.texts import Texts

SOI, EOI, SOS = b"\xff\xd8", 0xD9, 0xDA
APP0, APP1, APP2 = b"\xff\xe0", b"\xff\xe1", b"\xff\xe2"
FRAMES = range(0xC0, 0xD0)
NO_FRAMES = (0xC4, 0xC8, 0xCC)  # of the same range: tables of codes, and one that is reserved
METADATA = (*range(0xE0, 0xF0), 0xFE)  # applications' segments, and comments
STANDALONE = (0x00, 0x01, *range(0xD0, 0xDA))  # markers without a segment
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2  # browsers read no other frames: lossless, arithmetic coding
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in coded data, a stuffed byte and the restart markers are none
FILL = re.compile(rb"\xff*(?=\xff)")
MAX_SEGMENT_BYTES = 65_533  # its length, which counts itself, is of two bytes
EXIF = b"Exif\0"  # and a byte that browsers do not look at
MULTI_PICTURE = b"MPF\0"  # the index of the pictures behind the first one (CIPA DC-007), which are cut off


def with_texts(file: bytes, texts: Texts) -> bytes:
    """Return the file with the texts in EXIF. Raises UnusualFile, struct.error or IndexError if it cannot have them."""
    head, scans = _parts(file)
    kept = [segment for segment in head if not _is_exif(segment) and segment[:2] + segment[4:8] != APP2 + MULTI_PICTURE]
    # As the first segment; but JFIF's own come before it, or old programs take the file for no JFIF.
    position = next((at for at, segment in enumerate(kept) if segment[:2] != APP0), len(kept))
    found = [segment[4 + len(exif.PREFIX) :] for segment in head if _is_exif(segment)]
    block = exif.PREFIX + exif.with_texts(found, texts, MAX_SEGMENT_BYTES - len(exif.PREFIX))
    kept.insert(position, APP1 + struct.pack(">H", len(block) + 2) + block)
    return SOI + b"".join(kept) + scans


def without_exif(file: bytes) -> bytes:
    """Return the file without EXIF. Raises UnusualFile, struct.error or IndexError if it is an unusual one."""
    head, scans = _parts(file)
    return SOI + b"".join(segment for segment in head if not _is_exif(segment)) + scans


def _is_exif(segment: bytes) -> bool:
    return segment[:2] == APP1 and segment[4:9] == EXIF


def _parts(file: bytes) -> tuple[list[bytes], bytes]:
    """Return the segments before the first scan, and what follows as far as the picture's end."""
    if not file.startswith(SOI):
        raise UnusualFile("no JPEG")
    segments, at = [], _next_marker(file, 2)
    while (marker := _marker(file, at)) != SOS:
        end = _segment_end(file, at)
        segments.append(file[at:end])
        at = _next_marker(file, end)
        if marker in FRAMES and marker not in NO_FRAMES:
            _check_frame(segments[-1])
    scans = file[at : _end(file, at)]
    if is_heavy(at, len(scans)):
        raise UnusualFile("metadata that outweigh the picture")
    return segments, scans


def _check_frame(segment: bytes) -> None:
    if segment[1] not in (BASELINE, EXTENDED, PROGRESSIVE) or segment[4] != 8:  # bits of a sample
        raise UnusualFile("a frame that browsers do not read")


def _end(file: bytes, at: int) -> int:
    """Return the offset behind the picture that has a scan at that offset."""
    while (marker := _marker(file, at)) != EOI:
        if marker in FRAMES and marker not in NO_FRAMES:
            raise UnusualFile("more than a frame")
        if marker in METADATA:
            raise UnusualFile("metadata among the scans")
        at = _segment_end(file, at)
        if marker == SOS:
            found = MARKER.search(file, at)
            if not found:
                raise UnusualFile("no end")
            at = found.start()
        else:
            at = _next_marker(file, at)
    return at + 2


def _marker(file: bytes, at: int) -> int:
    if file[at] != 0xFF:
        raise UnusualFile("no marker")
    return file[at + 1]


def _next_marker(file: bytes, at: int) -> int:
    """Return the offset of the marker behind fill bytes, of which there may be any number before it."""
    found = FILL.match(file, at)
    return found.end() if found else at


def _segment_end(file: bytes, at: int) -> int:
    (length,) = struct.unpack_from(">H", file, at + 2)
    end: int = at + 2 + length
    if file[at + 1] in STANDALONE or length < 2 or end > len(file):
        raise UnusualFile("a segment without its end")
    return end
