"""A WebP that is asked for as WebP is kept as it came, with the recipe in its EXIF."""

import io

import pytest
from PIL import Image

from tests.worker.imaging.kept_files import (
    KNOWN,
    SIZE,
    XMP,
    exif_with,
    of_kind,
    opened,
    photo,
    recipe_in,
    same_pixels,
    saved,
    stored,
    webp_chunks,
)

PICTURE = (b"VP8 ", b"VP8L", b"ALPH")
SOFTWARE = 0x0131
ALPHA, XMP_FLAG, EXIF_FLAG, PROFILE = 0x10, 0x04, 0x08, 0x20


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"quality": 20}], ids=str)
@pytest.mark.parametrize("size", [SIZE, (65, 33), (1, 1)], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_it_works(mode, size, options):
    data = saved("WEBP", mode, size, **options)
    kept = stored(data, "webp")
    assert of_kind(webp_chunks(kept), *PICTURE) == of_kind(webp_chunks(data), *PICTURE)
    assert same_pixels(kept, data)
    assert recipe_in(kept) == KNOWN


@pytest.mark.parametrize(("options", "mode", "flags"), [({}, "RGB", 0), ({"lossless": True}, "RGBA", ALPHA)])
def test_a_simple_file_is_extended(options, mode, flags):
    data = saved("WEBP", mode, (300, 65), **options)
    assert len(webp_chunks(data)) == 1
    (extension, _, _) = webp_chunks(stored(data, "webp"))
    sides = (299).to_bytes(3, "little") + (64).to_bytes(3, "little")
    assert extension == (b"VP8X", bytes([flags | EXIF_FLAG, 0, 0, 0]) + sides)


def test_what_else_the_file_says_stays():
    data = saved("WEBP", "RGBA", xmp=XMP, exif=exif_with({SOFTWARE: "an engine"}), quality=70)
    kept = stored(data, "webp")
    assert webp_chunks(kept)[0][1][0] == ALPHA | XMP_FLAG | EXIF_FLAG
    assert [kind for kind, _ in webp_chunks(kept)] == [b"VP8X", b"ALPH", b"VP8 ", b"EXIF", b"XMP "]
    assert (opened(kept).info["xmp"], opened(kept).getexif()[SOFTWARE]) == (XMP, "an engine")
    assert recipe_in(kept) == KNOWN


def test_the_recipe_stands_before_what_the_file_says_already():
    kinds = [kind for kind, _ in webp_chunks(stored(saved("WEBP", xmp=XMP), "webp"))]
    assert kinds == [b"VP8X", b"VP8 ", b"EXIF", b"XMP "]


@pytest.mark.parametrize("garbage", [b"\0", b"<script>", saved("PNG")])
def test_what_follows_the_end_is_cut_off(garbage):
    assert stored(saved("WEBP") + garbage, "webp") == stored(saved("WEBP"), "webp")


def test_animations_are_encoded():
    out, frames = io.BytesIO(), [photo(), photo().rotate(180)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    kept = Image.open(io.BytesIO(stored(out.getvalue(), "webp")))
    assert (kept.n_frames, kept.size) == (1, SIZE)


def test_a_quality_that_is_asked_for_is_made():
    data = saved("WEBP", quality=60)
    assert of_kind(webp_chunks(stored(data, "webp", quality=85)), *PICTURE) != of_kind(webp_chunks(data), *PICTURE)


def test_auto_stores_it_as_png():
    kept = stored(saved("WEBP"), "auto")
    assert (opened(kept).format, recipe_in(kept)) == ("PNG", KNOWN)
    assert same_pixels(kept, saved("WEBP"))
