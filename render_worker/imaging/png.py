"""What a PNG says about its pixels, apart from all else that it carries.

Pillow reads every chunk, and refuses a good picture for a text of a megabyte, a wrong checksum of a comment, or an
animation's frame out of order. So it is given the chunks with the pixels alone.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import UnidentifiedImageError

from render_worker.imaging.limits import bounded

MAGIC = b"\x89PNG\r\n\x1a\n"
GREY, COLOR, PALETTE, GREY_ALPHA = 0, 2, 3, 4  # colour types
COLOR_OF_16_BITS = bytes((16, COLOR))
DEPTHS = (1, 2, 4, 8, 16)
PIXELS = frozenset({b"IDAT", b"IEND"})
OF_PIXELS = frozenset(
    {b"IHDR", b"PLTE", b"tRNS", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf", b"acTL", b"fcTL"}
)
"""Chunks that hold for the pixels if they come before them."""
HIGH_DYNAMIC_RANGE = (b"\x10", b"\x12")  # PQ and HLG in cICP
MAX_PROFILE = 4 << 20  # bytes; those of presses have two or three million


@dataclass(frozen=True)
class Png:
    """A PNG of pixels alone, and what its file says about them."""

    file: bytes
    said: dict[bytes, bytes]
    """The first intact chunk of each kind in `OF_PIXELS`."""
    place: tuple[int, int] | None = None
    """Where the picture stands on the canvas, if it is the first frame of an animation and not the default picture."""

    @property
    def canvas(self) -> tuple[int, int]:
        """Return its width and height."""
        width, height = struct.unpack_from(">II", self.said[b"IHDR"])
        return width, height

    @property
    def grey(self) -> bool:
        """Return whether its pixels are shades of grey."""
        return self.said[b"IHDR"][9] in (GREY, GREY_ALPHA)

    @property
    def transparent_color(self) -> bytes:
        """Return the three samples of 16 bits that are transparent, of which Pillow reads eight; empty if none are."""
        color = self.said.get(b"tRNS", b"")
        return color if self.said[b"IHDR"][8:10] == COLOR_OF_16_BITS and len(color) == 6 else b""

    @property
    def plain(self) -> bool:
        """Return whether all readers show its pixels alike.

        They differ with 16 bits, a transparent shade of few bits, an index beyond the palette, alphas before the
        palette, frames, and light above white.
        """
        depth, color_type = self.said[b"IHDR"][8:10]
        colors = len(self.said.get(b"PLTE", b"")) // 3
        usual = (
            colors >= 1 << depth and not _are_early(self.said)
            if color_type == PALETTE
            else depth == 8 or (depth < 8 and b"tRNS" not in self.said)
        )
        return usual and b"acTL" not in self.said and self.said.get(b"cICP", b"")[1:2] not in HIGH_DYNAMIC_RANGE

    @property
    def icc(self) -> bytes:
        """Return its ICC profile; empty if there is none, or if it is broken or absurdly large."""
        _, _, packed = self.said.get(b"iCCP", b"").partition(b"\0")
        unpacking = zlib.decompressobj()
        try:
            profile = unpacking.decompress(packed[1:], MAX_PROFILE)
        except zlib.error:
            return b""
        return profile if unpacking.eof else b""


def read_png(data: bytes) -> Png:
    """Return the picture, without what its pixels do not need.

    Raises UnidentifiedImageError if it has no header, and TooManyParts if it has far more chunks than pictures need.
    """
    said: dict[bytes, bytes] = {}
    pixels: list[tuple[int, int]] = []
    for kind, start, end in bounded(_chunks(data)):
        if kind in PIXELS:
            begun = pixels.pop()[0] if pixels and pixels[-1][1] == start else start
            pixels.append((begun, end))
        elif not pixels and kind in OF_PIXELS and kind not in said and _is_intact(data, start, end):
            said[kind] = data[start + 8 : end - 4]
    if len(header := said.get(b"IHDR", b"")) != 13 or header[8] not in DEPTHS:
        raise UnidentifiedImageError
    if b"acTL" in said and b"fcTL" not in said and (frame := _first_frame(data)):
        return _of_frame(said, *frame)
    return Png(b"".join([_head(said), *(data[start:end] for start, end in pixels)]), said)


def _of_frame(said: dict[bytes, bytes], control: bytes, pixels: bytes) -> Png:
    """Return a frame as a picture of its own. Raises ValueError if it is larger than the canvas."""
    width, height, x, y = struct.unpack_from(">4I", control, 4)
    canvas_width, canvas_height = struct.unpack_from(">II", said[b"IHDR"])
    if x + width > canvas_width or y + height > canvas_height:
        raise ValueError("a frame beyond its canvas")
    head = _head({**said, b"IHDR": struct.pack(">II", width, height) + said[b"IHDR"][8:]})
    return Png(head + _chunk(b"IDAT", pixels) + _chunk(b"IEND"), said, (x, y))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, start and end, to the end of the picture; the last one may be cut off."""
    start, kind = len(MAGIC), b""
    while start < len(data) and kind != b"IEND":
        kind, end = data[start + 4 : start + 8], start + 12 + int.from_bytes(data[start : start + 4])
        yield kind, start, end
        start = end


def _is_intact(data: bytes, start: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[start + 4 : end - 4]) == int.from_bytes(data[end - 4 : end])


def _first_frame(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the control data and the pixels of the first frame; None if there is none."""
    control, pieces = b"", []
    for kind, start, end in _chunks(data):
        if kind == b"fcTL" and control:
            break
        if kind == b"fcTL":
            control = data[start + 8 : end - 4]
        elif kind == b"fdAT" and control:
            pieces.append(data[start + 12 : end - 4])
    return (control, b"".join(pieces)) if len(control) == 26 and pieces else None


def _head(said: dict[bytes, bytes]) -> bytes:
    """Return the file up to its pixels. Raises ValueError if its palette is missing."""
    header = said[b"IHDR"]
    chunks = [_chunk(b"IHDR", header)]
    if header[9] == PALETTE:
        colors = said.get(b"PLTE", b"")
        if not colors or len(colors) % 3:
            raise ValueError("the palette is missing or broken")
        chunks.append(_chunk(b"PLTE", colors + colors[-3:] * (256 - len(colors) // 3)))  # for indexes beyond its end
    if not _are_early(said) and (transparent := _transparency(header, said.get(b"tRNS", b""))):
        chunks.append(_chunk(b"tRNS", transparent))
    return MAGIC + b"".join(chunks)


def _are_early(said: dict[bytes, bytes]) -> bool:
    """Return whether alphas stand before the palette that they are of; browsers ignore those."""
    kinds = list(said)
    palette = said[b"IHDR"][9] == PALETTE and b"PLTE" in kinds and b"tRNS" in kinds
    return palette and kinds.index(b"tRNS") < kinds.index(b"PLTE")


def _transparency(header: bytes, said: bytes) -> bytes:
    """Return what is transparent, with samples of eight bits as Pillow has them; empty if it is broken or has more."""
    depth, color_type = header[8], header[9]
    if header[8:10] == COLOR_OF_16_BITS:
        return b""
    if color_type == PALETTE:
        return said[:256]
    if len(said) != {GREY: 2, COLOR: 6}.get(color_type) or (depth, color_type) == (16, GREY):  # which Pillow keeps
        return said if len(said) == 2 else b""
    samples = struct.unpack(f">{len(said) // 2}H", said)
    most = (1 << depth) - 1
    return struct.pack(f">{len(samples)}H", *((sample & most) * 255 // most for sample in samples))


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
