"""A JPEG that is asked for as JPEG is kept as it came, with the recipe in its EXIF."""

import io
import struct

import pytest
from PIL import Image, ImageOps

from tests.worker.imaging import kept_files
from tests.worker.imaging.kept_files import (
    KNOWN,
    TEXTS,
    XMP,
    entries,
    exif_with,
    opened,
    recipe_in,
    same_pixels,
    saved,
    scans,
    segment,
    segments,
    stored,
    with_segments,
)

EXIF = 0xE1
DESCRIPTION, SOFTWARE, ORIENTATION, CAMERA, LENS, NOTE = 0x010E, 0x0131, 0x0112, 0x8769, 0xA434, 0x927C


@pytest.mark.parametrize("output_format", ["jpeg", "auto"])
@pytest.mark.parametrize(
    "options",
    [
        {"quality": 60},
        {"quality": 95, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"optimize": True},
        {"mode": "L"},
    ],
    ids=str,
)
def test_it_works(options, output_format):
    data = saved("JPEG", **options)
    kept = stored(data, output_format)
    assert scans(kept) == scans(data)
    assert same_pixels(kept, data)
    assert recipe_in(kept) == KNOWN
    assert [it for it in segments(kept) if it[0] != EXIF] == segments(data)


def test_the_recipe_stands_behind_jfif_and_before_all_else():
    data = with_segments(saved("JPEG"), segment(0xE0, b"JFXX\0\x10"), segment(0xFE, b"a comment"))
    assert [marker for marker, _ in segments(stored(data, "jpeg"))][:4] == [0xE0, 0xE0, EXIF, 0xFE]


def test_what_else_the_file_says_stays():
    """Among it a claim of origin (C2PA), whose readers look for it there."""
    others = [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumb"),
        (0xED, b"Photoshop 3.0\0"),
        (0xFE, b"Made by an engine."),
    ]
    data = with_segments(saved("JPEG"), *(segment(*other) for other in others))
    kept = stored(data, "jpeg")
    assert [it for it in segments(kept) if it in others] == others
    assert opened(kept).info["xmp"] == XMP
    assert recipe_in(kept) == KNOWN


@pytest.mark.parametrize("order", ["II", "MM"])
def test_what_the_file_s_own_exif_says_stays(order):
    own = exif_with({SOFTWARE: "an engine", ORIENTATION: 1}, {LENS: "a lens", NOTE: b"\1\2\3" * 9}, order)
    data = with_segments(saved("JPEG"), segment(EXIF, own))
    kept = stored(data, "jpeg")
    ((_, written),) = [it for it in segments(kept) if it[0] == EXIF]
    exif = opened(kept).getexif()
    assert recipe_in(kept) == KNOWN
    assert (exif[SOFTWARE], exif[ORIENTATION]) == ("an engine", 1)
    assert exif.get_ifd(CAMERA) == {LENS: "a lens", NOTE: b"\1\2\3" * 9}
    assert {tag: row for tag, row in entries(written).items() if tag != DESCRIPTION} == entries(own)
    assert written[14 : len(own)] == own[14:]  # all else where it was: makers' notes count from the beginning
    assert scans(kept) == scans(data)


@pytest.mark.parametrize(
    "metadata",
    [
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:RDF tiff:Orientation="6"/></x:xmpmeta>',
        b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\4\0\1\0\0\0\6\0\0\0\0\0\0\0",
    ],
    ids=["in xmp", "of the wrong type"],
)
def test_a_turn_that_browsers_do_not_make_is_made_by_none(metadata):
    """Pillow, and programs that use it, would turn the file; the response says that it is upright."""
    data = with_segments(saved("JPEG"), segment(EXIF, metadata))
    assert ImageOps.exif_transpose(opened(data)).size == (64, 96)
    kept = stored(data, "jpeg")
    assert ImageOps.exif_transpose(opened(kept)).size == (96, 64)
    assert scans(kept) == scans(data)


def test_the_file_s_own_description_gives_way():
    data = with_segments(saved("JPEG"), segment(EXIF, exif_with({DESCRIPTION: "its own", SOFTWARE: "an engine"})))
    kept = stored(stored(data, "jpeg"), "jpeg")  # twice: ours is replaced as well
    assert recipe_in(kept) == KNOWN
    assert opened(kept).getexif()[SOFTWARE] == "an engine"


@pytest.mark.parametrize(
    "own",
    [
        [b"Exif\0\0"],
        [b"Exif\0\0nonsense"],
        [b"Exif\0\0II*\0\xff\xff\xff\xff"],
        [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"],
        [exif_with({SOFTWARE: "x" * 60_000})],
        [exif_with({SOFTWARE: "one"}), exif_with({SOFTWARE: "two"})],
    ],
    ids=["empty", "nonsense", "elsewhere", "endless", "full", "two"],
)
def test_exif_that_cannot_be_merged_is_replaced(own):
    """Nothing is lost of the picture for that."""
    data = with_segments(saved("JPEG"), *(segment(EXIF, block) for block in own))
    long = {**TEXTS, "prompt": "🌲" * 1000}
    kept = stored(data, "jpeg", long)
    assert scans(kept) == scans(data)
    assert recipe_in(kept) == {**KNOWN, "prompt": "🌲" * 1000}
    assert [marker for marker, _ in segments(kept)].count(EXIF) == 1


def test_texts_that_no_segment_holds_do_not_fail_the_picture():
    """More than the longest prompts are never sent; the error of a larger limit would be one of all JPEGs."""
    with pytest.raises(ValueError, match="too long"):
        stored(saved("JPEG"), "jpeg", {"prompt": "🌲" * 6000})


@pytest.mark.parametrize("garbage", [b"\0", b"<script>", b"\xff\xd8\xff", saved("PNG"), b"\xff\xd9" * 9])
def test_what_follows_the_end_is_cut_off(garbage):
    data = saved("JPEG")
    assert stored(data + garbage, "jpeg") == stored(data, "jpeg")


def test_of_several_pictures_in_a_file_the_first_is_kept():
    out, frames = io.BytesIO(), [kept_files.photo(), kept_files.photo().rotate(180)]
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:])
    kept = stored(out.getvalue(), "jpeg")
    assert (opened(kept).format, kept.count(b"MPF\0")) == ("JPEG", 0)
    assert recipe_in(kept) == KNOWN
    with Image.open(io.BytesIO(out.getvalue())) as source:
        assert source.tobytes() == opened(kept).tobytes()


def test_fill_bytes_between_segments_do_no_harm():
    data = saved("JPEG")
    end = 4 + struct.unpack(">H", data[4:6])[0]
    kept = stored(data[:end] + b"\xff\xff\xff" + data[end:], "jpeg")
    assert kept == stored(data, "jpeg")


@pytest.mark.parametrize("quality", [90, 100])
def test_a_quality_that_is_asked_for_is_made(quality):
    data = saved("JPEG", quality=70)
    assert scans(stored(data, "jpeg", quality=quality)) != scans(data)


@pytest.mark.parametrize("data", [saved("JPEG", "CMYK"), saved("PNG"), saved("WEBP")], ids=["cmyk", "png", "webp"])
def test_what_is_no_such_jpeg_is_encoded(data):
    kept = stored(data, "jpeg")
    assert (opened(kept).format, opened(kept).mode, recipe_in(kept)) == ("JPEG", "RGB", KNOWN)


def test_a_picture_that_is_turned_is_encoded():
    data = with_segments(saved("JPEG"), segment(EXIF, exif_with({ORIENTATION: 6})))
    kept = stored(data, "jpeg")
    assert scans(kept) != scans(data)
    assert opened(kept).getexif().get(ORIENTATION, 1) == 1


def test_one_that_browsers_do_not_read_is_encoded():
    """No browser reads arithmetic coding; here the frame alone says so."""
    data = saved("JPEG")
    lossless = data.replace(b"\xff\xc0\0\x11", b"\xff\xc9\0\x11")
    from render_worker.imaging.containers import with_texts

    assert with_texts(data, "jpeg", TEXTS)
    assert with_texts(lossless, "jpeg", TEXTS) is None


def test_equal_files_have_equal_names():
    data = saved("JPEG")
    assert stored(data, "jpeg") == stored(data, "auto") == stored(bytes(bytearray(data)), "jpeg")
