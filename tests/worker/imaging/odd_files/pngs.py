"""Odd PNG files."""

import struct
import zlib
from collections.abc import Callable

from . import profiles
from .png import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGBA,
    chromaticities,
    chunk,
    frame_control,
    gamma,
    icc,
    pixel_data,
    png,
    with_chunk,
)
from .scene import SIZE, rows, scaled, scene, veiled

UPRIGHT_AFTER_A_TURN = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
P3_PRIMARIES = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SWAPPED_PRIMARIES = (0.3127, 0.329, 0.3, 0.6, 0.15, 0.06, 0.64, 0.33)
LONG_TEXT = b"a good picture's workflow " * 60_000  # 1.5 MB
BOMB = zlib.compress(bytes(100_000_000), 9)

grey = rows(scene("L"))
colors = rows(scene())
transparent = rows(veiled())


def _palette(depth: int, alphas: bytes = b"", *, early: bool = False) -> bytes:
    image = scene().quantize(1 << depth)
    chunks = [(b"PLTE", bytes(image.getpalette() or ())), *([(b"tRNS", alphas)] if alphas else [])]
    return png(rows(image), PALETTE, depth, before=reversed(chunks) if early else chunks)


def _masked(color_type: int, depth: int) -> bytes:
    """Return a picture of which one colour is transparent: that of the dark block."""
    samples = scaled(grey if color_type == GREY else colors, depth)
    return png(samples, color_type, depth, before=[(b"tRNS", struct.pack(f">{len(samples[60][5])}H", *samples[60][5]))])


def _keyed(color: tuple[int, int, int], *, interlaced: bool = False) -> bytes:
    """Return a picture of 16 bits with a transparent block of a colour, beside one that is opaque for its last bits."""
    samples = [[*row] for row in scaled(colors, 16)]
    for row in samples[16:32]:
        row[16:48], row[48:80] = [color] * 32, [(color[0] ^ 0x81, color[1], color[2] ^ 0x18)] * 32
    return png(samples, RGB, 16, before=[(b"tRNS", struct.pack(">3H", *color))], interlaced=interlaced)


def _colored(*chunks: tuple[bytes, bytes]) -> Callable[[], bytes]:
    return lambda: png(colors, RGB, before=chunks)


def _animated(*, hidden: bool) -> bytes:
    """Return an animation of two frames, of which the second is white; a hidden default picture is none of them."""
    white = [[(255, 255, 255)] * SIZE[0]] * SIZE[1]
    control = (b"acTL", struct.pack(">II", 2, 0))
    first, second = frame_control(0, SIZE), frame_control(2 if hidden else 1, SIZE)
    if hidden:
        frames = [first, (b"fdAT", struct.pack(">I", 1) + pixel_data(colors))]
        last = [second, (b"fdAT", struct.pack(">I", 3) + pixel_data(white))]
        return png([[(9, 9, 200)] * SIZE[0]] * SIZE[1], RGB, before=[control], after=frames + last)
    return png(
        colors, RGB, before=[control, first], after=[second, (b"fdAT", struct.pack(">I", 2) + pixel_data(white))]
    )


def _small_first_frame() -> bytes:
    """Return an animation whose first frame covers a part of the canvas; the rest is transparent."""
    part = [row[32:80] for row in transparent[16:48]]
    frames = [frame_control(0, (48, 32), (32, 16)), (b"fdAT", struct.pack(">I", 1) + pixel_data(part))]
    control = (b"acTL", struct.pack(">II", 1, 0))
    return png(transparent, RGBA, before=[control], after=frames)


def _altered(place: int) -> bytes:
    """Return a file of which one byte is another."""
    file = bytearray(png(colors, RGB))
    file[place] ^= 0xFF
    return bytes(file)


def _recompressed(change: Callable[[bytes], bytes]) -> bytes:
    """Return a file of which the lines of pixels are changed."""
    file = png(colors, RGB)
    at = file.index(b"IDAT")
    lines = zlib.decompress(file[at + 4 : -16])
    return file[: at - 4] + chunk(b"IDAT", zlib.compress(change(lines))) + chunk(b"IEND", b"")


PNGS: dict[str, Callable[[], bytes]] = {
    **{f"grey, {depth} bits": lambda depth=depth: png(scaled(grey, depth), GREY, depth) for depth in (1, 2, 4, 8, 16)},
    "colour, 16 bits": lambda: png(scaled(colors, 16), RGB, 16),
    **{f"palette, {depth} bits": lambda depth=depth: _palette(depth) for depth in (1, 2, 4, 8)},
    "palette, one colour transparent": lambda: _palette(8, b"\xff" * 5 + b"\0"),
    "palette, a table of alphas": lambda: _palette(8, bytes(range(256))),
    "palette of 4 bits, a short table": lambda: _palette(4, bytes((0, 80, 160))),
    "palette, an index beyond its end": lambda: png(
        [[*[(9,)] * 32, *[(0,)] * 32, *[(1,)] * 32]] * 64, PALETTE, before=[(b"PLTE", b"\xe0\x10\x10\x10\x20\xe0")]
    ),
    **{
        f"grey of {depth} bits, one shade transparent": lambda depth=depth: _masked(GREY, depth)
        for depth in (1, 2, 4, 8, 16)
    },
    "a transparent colour of no length": _colored((b"tRNS", b"")),
    "alpha and a transparent colour": lambda: png(transparent, RGBA, before=[(b"tRNS", bytes(6))]),
    "one colour transparent": lambda: _masked(RGB, 8),
    "16 bits, one colour transparent": lambda: _masked(RGB, 16),
    **{
        f"16 bits, {name} transparent": lambda color=color: _keyed(color)
        for name, color in {
            "#800040007f80": (0x8000, 0x4000, 0x7F80),
            "#01007f002000": (0x0100, 0x7F00, 0x2000),
            "#ff0000ff00fe": (0xFF00, 0x00FF, 0x00FE),
        }.items()
    },
    "16 bits, interlaced, one colour transparent": lambda: _keyed((0x1234, 0x8001, 0xFEDC), interlaced=True),
    "one colour transparent, before a palette of no use": lambda: png(
        colors, RGB, before=[(b"tRNS", struct.pack(">3H", *colors[60][5])), (b"PLTE", bytes(48))]
    ),
    "one colour transparent, behind a palette of no use": lambda: png(
        colors, RGB, before=[(b"PLTE", bytes(48)), (b"tRNS", struct.pack(">3H", *colors[60][5]))]
    ),
    "palette, alphas before it": lambda: _palette(8, bytes(range(256)), early=True),
    "grey and alpha": lambda: png(rows(veiled().convert("LA")), GREY_ALPHA),
    "grey and alpha, 16 bits": lambda: png(scaled(rows(veiled().convert("LA")), 16), GREY_ALPHA, 16),
    "alpha": lambda: png(transparent, RGBA),
    "alpha, 16 bits": lambda: png(scaled(transparent, 16), RGBA, 16),
    "alpha, all opaque": lambda: png([[(*pixel, 255) for pixel in row] for row in colors], RGBA),
    "alpha, all transparent": lambda: png([[(*pixel, 0) for pixel in row] for row in colors], RGBA),
    "interlaced": lambda: png(colors, RGB, interlaced=True),
    "interlaced, alpha, 16 bits": lambda: png(scaled(transparent, 16), RGBA, 16, interlaced=True),
    "gAMA of sRGB": _colored(gamma(0.45455)),
    "gAMA 1.0": _colored(gamma(1.0)),
    "gAMA 1.0, grey": lambda: png(grey, GREY, before=[gamma(1.0)]),
    "gAMA 0": _colored(gamma(0)),
    "gAMA 0.5": _colored(gamma(0.5)),
    "gAMA 0.47, nearly sRGB": _colored(gamma(0.47)),
    "gAMA 0.5 and an sRGB of no intent": _colored(gamma(0.5), (b"sRGB", b"\x09")),
    "gAMA 0.5 and a broken ICC": _colored(icc(b"broken" * 30), gamma(0.5)),
    "gAMA 0.5 and cHRM of zeros": _colored(gamma(0.5), chromaticities(*[0] * 8)),
    "gAMA and cHRM of swapped colours": _colored(gamma(0.45455), chromaticities(*SWAPPED_PRIMARIES)),
    "gAMA 1.0 and sRGB": _colored((b"sRGB", b"\0"), gamma(1.0)),
    "gAMA 1.0 and cHRM of sRGB": _colored(gamma(1.0), chromaticities(*SRGB_PRIMARIES)),
    "gAMA and cHRM of Display P3": _colored(gamma(0.45455), chromaticities(*P3_PRIMARIES)),
    "cHRM of Display P3 alone": _colored(chromaticities(*P3_PRIMARIES)),
    "gAMA 1.0 and alpha": lambda: png(transparent, RGBA, before=[gamma(1.0), chromaticities(*SRGB_PRIMARIES)]),
    "ICC of sRGB": _colored(icc(profiles.srgb_profile())),
    "ICC of Adobe RGB": _colored(icc(profiles.rgb_profile(profiles.ADOBE_RGB, 2.2))),
    "ICC of Display P3": _colored(icc(profiles.rgb_profile(profiles.DISPLAY_P3, 2.2))),
    "ICC of Display P3 and gAMA 1.0": _colored(icc(profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)), gamma(1.0)),
    "ICC of Display P3 and alpha": lambda: png(
        transparent, RGBA, before=[icc(profiles.rgb_profile(profiles.DISPLAY_P3, 2.2))]
    ),
    "ICC of Adobe RGB, a palette": lambda: png(
        rows(scene().quantize(64)),
        PALETTE,
        before=[
            icc(profiles.rgb_profile(profiles.ADOBE_RGB, 2.2)),
            (b"PLTE", bytes(scene().quantize(64).getpalette() or ())),
        ],
    ),
    "ICC of Adobe RGB, 16 bits": lambda: png(
        scaled(colors, 16), RGB, 16, before=[icc(profiles.rgb_profile(profiles.ADOBE_RGB, 2.2))]
    ),
    "ICC of grey 1.0": lambda: png(grey, GREY, before=[icc(profiles.grey_profile(1.0))]),
    "ICC of grey 1.0, alpha": lambda: png(
        rows(veiled().convert("LA")), GREY_ALPHA, before=[icc(profiles.grey_profile(1.0))]
    ),
    "ICC of grey 1.0, 16 bits": lambda: png(scaled(grey, 16), GREY, 16, before=[icc(profiles.grey_profile(1.0))]),
    "ICC of Display P3 in grey": lambda: png(grey, GREY, before=[icc(profiles.rgb_profile(profiles.DISPLAY_P3, 1.0))]),
    "ICC of grey in colour": _colored(icc(profiles.grey_profile(1.0))),
    "ICC of CMYK in colour": _colored(icc(profiles.cmyk_profile())),
    "ICC of Lab in colour": _colored(icc(profiles.lab_profile())),
    "ICC broken": _colored(icc(profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)[:200])),
    "ICC not compressed well": _colored((b"iCCP", b"odd\0\0" + b"\x78\x9cbroken")),
    "ICC of 100 MB": _colored((b"iCCP", b"odd\0\0" + BOMB)),
    "cICP of sRGB and an ICC of Display P3": _colored(
        (b"cICP", bytes((1, 13, 0, 1))), icc(profiles.rgb_profile(profiles.DISPLAY_P3, 2.2))
    ),
    "cICP of Display P3": _colored((b"cICP", bytes((12, 13, 0, 1)))),
    "cICP of linear light": _colored((b"cICP", bytes((1, 8, 0, 1)))),
    "cICP unspecified and gAMA 1.0": _colored((b"cICP", bytes((2, 2, 0, 1))), gamma(1.0)),
    "cICP of limited range": _colored((b"cICP", bytes((12, 13, 0, 0)))),
    "cICP of BT.709": _colored((b"cICP", bytes((1, 1, 0, 1)))),
    "cICP of PQ": _colored((b"cICP", bytes((9, 16, 0, 1)))),
    "cICP of BT.2020": _colored((b"cICP", bytes((9, 14, 0, 1)))),
    "eXIf, turned": _colored((b"eXIf", UPRIGHT_AFTER_A_TURN)),
    "eXIf after the pixels, turned": lambda: png(colors, RGB, after=[(b"eXIf", UPRIGHT_AFTER_A_TURN)]),
    "eXIf broken": _colored((b"eXIf", b"MM\0*\xff\xff\xff\xff")),
    "a megabyte of text": _colored((b"tEXt", b"workflow\0" + LONG_TEXT)),
    "a megabyte of compressed text": _colored((b"zTXt", b"workflow\0\0" + zlib.compress(LONG_TEXT))),
    "a megabyte of compressed text after the pixels": lambda: png(
        colors, RGB, after=[(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(LONG_TEXT))]
    ),
    "a bomb of text": _colored((b"zTXt", b"bomb\0\0" + BOMB), (b"iTXt", b"bomb\0\1\0\0\0" + BOMB)),
    "a text without its end": _colored((b"iTXt", b"workflow\0\1")),
    "a wrong checksum of a text": lambda: with_chunk(png(colors, RGB), chunk(b"tEXt", b"a\0b", crc=1)),
    "a wrong checksum of a gAMA": lambda: with_chunk(png(colors, RGB), chunk(*gamma(1.0), crc=1)),
    "a wrong checksum of an eXIf": lambda: with_chunk(png(colors, RGB), chunk(b"eXIf", UPRIGHT_AFTER_A_TURN, crc=1)),
    "a wrong checksum of the pixels": lambda: _altered(-16),
    "more pixels than there is room for": lambda: _recompressed(lambda pixels: pixels * 2),
    "no end": lambda: png(colors, RGB)[:-12],
    "eXIf with JPEG's prefix": _colored((b"eXIf", b"Exif\0\0" + UPRIGHT_AFTER_A_TURN)),
    "two of eXIf": _colored((b"eXIf", UPRIGHT_AFTER_A_TURN.replace(b"\x06", b"\x01")), (b"eXIf", UPRIGHT_AFTER_A_TURN)),
    "two of gAMA": _colored(gamma(0.45455), gamma(1.0)),
    "an unknown chunk": _colored((b"prVt", b"private")),
    "a background": _colored((b"bKGD", struct.pack(">3H", 255, 0, 0)), (b"sBIT", b"\5\6\5")),
    "alpha and a background": lambda: png(transparent, RGBA, before=[(b"bKGD", struct.pack(">3H", 255, 0, 0))]),
    "pieces of seven bytes": lambda: png(colors, RGB, piece=7),
    "a tail of other bytes": lambda: png(colors, RGB) + b"\xff" * 500,
    "animated": lambda: _animated(hidden=False),
    "animated, a hidden default picture": lambda: _animated(hidden=True),
    "animated, a small first frame": _small_first_frame,
    "animated, of no frame": _colored((b"acTL", bytes(8))),
    "animated, frames in the wrong order": _colored((b"acTL", struct.pack(">II", 2, 0)), frame_control(3, SIZE)),
}
