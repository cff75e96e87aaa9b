"""A PNG that is asked for as PNG is kept as it came, with the recipe in its text chunks."""

import io
import json
import zlib

import pytest
from PIL import PngImagePlugin

from render_worker.contract import MAX_TEXT
from tests.worker.imaging.kept_files import (
    KNOWN,
    SIZE,
    TEXTS,
    XMP,
    chunk,
    chunks,
    exif_with,
    of_kind,
    opened,
    photo,
    recipe_in,
    same_pixels,
    saved,
    stored,
    with_chunks,
)


def with_text(**texts: str) -> bytes:
    """Return a PNG with texts of another program, one of each kind of chunk."""
    info = PngImagePlugin.PngInfo()
    for at, (keyword, text) in enumerate(texts.items()):
        if at % 3 == 2:
            info.add_itxt(keyword, text, zip=True)
        else:
            info.add_text(keyword, text, zip=at % 3 == 1)
    return saved("PNG", pnginfo=info)


@pytest.mark.parametrize("output_format", ["png", "auto"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_it_works(mode, output_format):
    data = saved("PNG", mode)
    kept = stored(data, output_format)
    assert [it for it in chunks(kept) if it[0] != b"iTXt"] == chunks(data)
    assert same_pixels(kept, data)
    assert recipe_in(kept) == KNOWN


def test_the_recipe_is_found_without_reading_the_pixels():
    kinds = [kind for kind, _ in chunks(stored(saved("PNG"), "png"))]
    assert kinds[:1] + kinds[-3:] == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]


def test_a_text_is_written_as_the_specification_says():
    written = of_kind(chunks(stored(saved("PNG"), "png")), b"iTXt")
    assert written == [f"{name}\0\0\0\0\0{text}".encode() for name, text in KNOWN.items()]


def test_texts_of_ours_in_the_source_give_way_and_others_stay():
    """Also those that this recipe lacks: a reader would take the source's for ours."""
    data = with_text(prompt="its own", seed="9", negative_prompt="its own", parameters="Steps: 20", Comment="ของเขา")
    kept = stored(stored(data, "png"), "png")  # twice: ours are replaced as well
    assert opened(kept).text == {**KNOWN, "parameters": "Steps: 20", "Comment": "ของเขา"}


def test_what_else_the_file_says_stays():
    extras = {b"pHYs": b"\0\0\x0b\x13\0\0\x0b\x13\1", b"caBX": b"a claim of origin", b"tIME": b"\x07\xea\x0b\1\0\0\0"}
    data = with_chunks(saved("PNG"), *(chunk(kind, data) for kind, data in extras.items()))
    data = with_chunks(data, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP), before=b"IEND")
    kept = stored(data, "png")
    assert {kind: data for kind, data in chunks(kept) if kind in extras} == extras
    assert opened(kept).info["xmp"] == XMP
    assert recipe_in(kept) == KNOWN


def test_exif_of_the_source_describes_ours():
    own = exif_with({0x010E: "its own", 0x0131: "an engine"})[6:]
    kept = opened(stored(with_chunks(saved("PNG"), chunk(b"eXIf", own)), "png"))
    assert json.loads(kept.getexif()[0x010E]) == kept.text == KNOWN
    assert kept.getexif()[0x0131] == "an engine"


def test_many_idat_chunks_stay_as_they_are():
    data = saved("PNG")
    (pixels,) = of_kind(chunks(data), b"IDAT")
    pieces = b"".join(chunk(b"IDAT", pixels[at : at + 500]) for at in range(0, len(pixels), 500))
    several = data.replace(chunk(b"IDAT", pixels), pieces)
    kept = stored(several, "png")
    assert of_kind(chunks(kept), b"IDAT") == of_kind(chunks(several), b"IDAT")
    assert same_pixels(kept, data)


@pytest.mark.parametrize("garbage", [b"\0", b"<script>", b"PK\3\4" * 100, saved("PNG")])
def test_what_follows_the_end_is_cut_off(garbage):
    assert stored(saved("PNG") + garbage, "png") == stored(saved("PNG"), "png")


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_that_readers_refuse_is_left_out(kind):
    """A mebibyte of it fails Pillow, and with it all that read the stored file by Pillow."""
    start = b"Comment\0\0" if kind == b"zTXt" else b"Comment\0\1\0\0\0"
    bomb = chunk(kind, start + zlib.compress(bytes(2**21)))
    data = with_chunks(saved("PNG"), bomb, before=b"IEND")
    from render_worker.imaging.containers import with_texts

    assert with_texts(data, "png", TEXTS) is None


def test_a_file_that_is_not_compressed_is():
    """As our own painter's, whose bytes the pipeline compresses."""
    image = photo(size=(256, 256)).resize((512, 512))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0)
    kept = stored(out.getvalue(), "png")
    assert len(kept) < len(out.getvalue()) * 0.9
    assert same_pixels(kept, out.getvalue())


def test_animations_are_encoded():
    out, frames = io.BytesIO(), [photo(), photo().rotate(180)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    kept = stored(out.getvalue(), "png")
    assert of_kind(chunks(kept), b"acTL", b"fcTL", b"fdAT") == []
    assert opened(kept).tobytes() == frames[0].tobytes()


def test_a_quality_changes_nothing():
    assert stored(saved("PNG"), "png", quality=100) == stored(saved("PNG"), "png")


def test_the_longest_texts_are_kept():
    texts = {"prompt": "🌲" * MAX_TEXT, "negative_prompt": "é\n" * (MAX_TEXT // 2)}
    assert recipe_in(stored(saved("PNG"), "png", texts)) == texts


def test_the_size_is_the_picture_s():
    assert opened(stored(saved("PNG"), "png")).size == SIZE
