"""Odd JPEG files."""

import io
import struct
from collections.abc import Callable

from PIL import Image

from . import profiles
from .scene import scene

ORIENTATION = 0x0112
XMP = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>'


def _jpeg(mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    scene(mode).save(out, "JPEG", **{"quality": 92, "subsampling": 0, **options})
    return out.getvalue()


def _oriented(orientation: int, kind: int = 3, mode: str = "RGB") -> bytes:
    """`kind`: how the field is stored; 3 is a short number, as the standard has it."""
    value = struct.pack("<HH", orientation, 0) if kind == 3 else struct.pack("<I", orientation)
    return _jpeg(mode, exif=_exif(value, kind))


def _exif(value: bytes, kind: int = 3) -> bytes:
    field = struct.pack("<HHI", ORIENTATION, kind, 1) + value
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + field + bytes(4)


def _exif_segment(orientation: int) -> bytes:
    return _segment(0xE1, _exif(struct.pack("<HH", orientation, 0)))


def _segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes((marker,)) + struct.pack(">H", len(data) + 2) + data


def _with_segment(file: bytes, added: bytes) -> bytes:
    return file[:2] + added + file[2:]


def _before_the_scan(file: bytes, added: bytes) -> bytes:
    at = file.index(b"\xff\xda")
    return file[:at] + added + file[at:]


def _profile(number: int = 1, count: int = 1, part: slice = slice(None)) -> bytes:
    """Return a segment with a profile, or with a part of one."""
    profile = profiles.rgb_profile(profiles.ADOBE_RGB, 1.6)
    return _segment(0xE2, b"ICC_PROFILE\0" + bytes((number, count)) + profile[part])


def _fields(*fields: tuple[int, int, int]) -> bytes:
    """Return an EXIF segment of orientations: of each the type, how many there are, and the value."""
    rows = b"".join(struct.pack(">HHIHH", ORIENTATION, kind, count, value, 0) for kind, count, value in fields)
    return _segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(fields)) + rows + bytes(4))


def _without_adobe(file: bytes) -> bytes:
    at = file.index(b"\xff\xeeAdobe"[:2])
    return file[:at] + file[at + 16 :]


def _ycck() -> bytes:
    """Return a picture of which the first three of four channels are taken for brightness and colour differences."""
    ycc = scene().convert("YCbCr").split()
    image = Image.merge("CMYK", (*ycc, scene("L").point(lambda value: value // 3)))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, subsampling=0)
    file = bytearray(out.getvalue())
    file[file.index(b"Adobe") + 11] = 2
    return bytes(file)


def _of_two() -> bytes:
    out = io.BytesIO()
    scene().save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64), "white")], quality=92)
    return out.getvalue()


JPEGS: dict[str, Callable[[], bytes]] = {
    "plain": _jpeg,
    "colours halved": lambda: _jpeg(subsampling=2),
    "progressive": lambda: _jpeg(progressive=True),
    "restart markers": lambda: _jpeg(restart_marker_blocks=2),
    "grey": lambda: _jpeg("L"),
    **{f"orientation {turn}": lambda turn=turn: _oriented(turn) for turn in range(1, 9)},
    "orientation 0": lambda: _oriented(0),
    "orientation 9": lambda: _oriented(9),
    "orientation 6 as a long number": lambda: _oriented(6, kind=4),
    "orientation 6, grey": lambda: _oriented(6, mode="L"),
    "orientation 8, CMYK": lambda: _oriented(8, mode="CMYK"),
    "orientation 6, behind XMP": lambda: _with_segment(_oriented(6), _segment(0xE1, XMP)),
    "orientations 1 and 6": lambda: _with_segment(_oriented(6), _exif_segment(1)),
    "orientations 6 and 1": lambda: _with_segment(_oriented(1), _exif_segment(6)),
    "orientation 6, EXIF with another fill byte": lambda: _with_segment(
        _jpeg(), _exif_segment(6).replace(b"Exif\0\0", b"Exif\0\xff")
    ),
    "orientation 6 behind the frame's header": lambda: _before_the_scan(_jpeg(), _exif_segment(6)),
    "orientations 99 and 6 in one block": lambda: _with_segment(_jpeg(), _fields((3, 1, 99), (3, 1, 6))),
    "orientations 3 and 6 in one block": lambda: _with_segment(_jpeg(), _fields((3, 1, 3), (3, 1, 6))),
    "orientations 1 and 6 in one block": lambda: _with_segment(_jpeg(), _fields((3, 1, 1), (3, 1, 6))),
    "orientations 6, of a wrong type and right": lambda: _with_segment(_jpeg(), _fields((4, 1, 3), (3, 1, 6))),
    "orientations of two values and 6": lambda: _with_segment(_jpeg(), _fields((3, 2, 3), (3, 1, 6))),
    "EXIF broken": lambda: _jpeg(exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    "EXIF cut off": lambda: _jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0\x12\x01"),
    "orientation 6 in XMP alone": lambda: _with_segment(_jpeg(), _segment(0xE1, XMP)),
    "CMYK of Adobe's": lambda: _jpeg("CMYK"),
    "CMYK without Adobe's marker": lambda: _without_adobe(_jpeg("CMYK")),
    "YCCK": _ycck,
    "RGB kept": lambda: _jpeg(keep_rgb=True),
    "ICC of sRGB": lambda: _jpeg(icc_profile=profiles.srgb_profile()),
    "ICC of gamma 1.8": lambda: _jpeg(icc_profile=profiles.rgb_profile(profiles.SRGB, 1.8)),
    "ICC of Display P3 in three segments": lambda: _jpeg(
        icc_profile=profiles.rgb_profile(profiles.DISPLAY_P3, 2.2, padding=150_000)
    ),
    "ICC of Adobe RGB": lambda: _jpeg(icc_profile=profiles.rgb_profile(profiles.ADOBE_RGB, 2.2)),
    "ICC of Display P3": lambda: _jpeg(icc_profile=profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)),
    "ICC of swapped channels": lambda: _jpeg(
        icc_profile=profiles.rgb_profile((profiles.SRGB[1], profiles.SRGB[2], profiles.SRGB[0]), 2.2)
    ),
    "ICC of grey 1.0": lambda: _jpeg("L", icc_profile=profiles.grey_profile(1.0)),
    "ICC of grey 2.2": lambda: _jpeg("L", icc_profile=profiles.grey_profile(2.2)),
    "ICC of colour in grey": lambda: _jpeg("L", icc_profile=profiles.rgb_profile(profiles.DISPLAY_P3, 1.0)),
    "ICC of grey in colour": lambda: _jpeg(icc_profile=profiles.grey_profile(1.0)),
    "ICC of CMYK": lambda: _jpeg("CMYK", icc_profile=profiles.cmyk_profile()),
    "ICC of CMYK, without Adobe's marker": lambda: _without_adobe(_jpeg("CMYK", icc_profile=profiles.cmyk_profile())),
    "ICC of colour in CMYK": lambda: _jpeg("CMYK", icc_profile=profiles.rgb_profile(profiles.ADOBE_RGB, 1.0)),
    "ICC of CMYK in colour": lambda: _jpeg(icc_profile=profiles.cmyk_profile()),
    "ICC of Lab": lambda: _jpeg(icc_profile=profiles.lab_profile()),
    "ICC of Display P3, its last segment missing": lambda: _jpeg(
        icc_profile=profiles.rgb_profile(profiles.DISPLAY_P3, 2.2, padding=70_000)
    ).replace(b"ICC_PROFILE\0\2\2", b"ICC_NOTHING\0\2\2"),
    "ICC of Adobe RGB behind the frame's header": lambda: _before_the_scan(_jpeg(), _profile()),
    "ICC of Adobe RGB twice": lambda: _with_segment(_jpeg(), _profile() * 2),
    "ICC of Adobe RGB in two segments, the second first": lambda: _with_segment(
        _jpeg(), _profile(2, 2, slice(300, None)) + _profile(1, 2, slice(300))
    ),
    "ICC of Adobe RGB, its first half twice": lambda: _with_segment(
        _jpeg(), _profile(1, 2, slice(300)) * 2 + _profile(2, 2, slice(300, None))
    ),
    "ICC of Adobe RGB, two counts": lambda: _with_segment(
        _jpeg(), _profile(1, 2, slice(300)) + _profile(2, 3, slice(300, None))
    ),
    "ICC of Adobe RGB behind one of no number": lambda: _with_segment(_jpeg(), _profile(0, 1) + _profile()),
    "ICC broken": lambda: _jpeg(icc_profile=profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)[:200]),
    "ICC of other bytes": lambda: _jpeg(icc_profile=b"no profile " * 20),
    "two pictures (MPO)": _of_two,
    "a tail of other bytes": lambda: _jpeg() + b"\0\xff" * 300,
    "a long comment": lambda: _jpeg(comment=b"x" * 60_000),
}
