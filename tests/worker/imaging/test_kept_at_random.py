"""Broken and odd files by chance: none fails but as BadPicture, and what is kept shows what the source shows."""

import contextlib
import random
import warnings

import pytest

from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from render_worker.imaging.containers import with_texts
from render_worker.sizes import SizePlan
from tests.worker.imaging.kept_files import (
    KNOWN,
    SIZE,
    TEXTS,
    XMP,
    chunk,
    exif_with,
    of_kind,
    opened,
    recipe_in,
    saved,
    segment,
    webp_chunks,
    with_chunks,
    with_segments,
)

SEED = 20261129
PER_FILE = 40
EXIF = exif_with({0x0131: "an engine", 0x010E: "its own"}, {0xA434: "a lens"})
FILES = {
    "jpeg": [
        with_segments(saved("JPEG"), segment(0xE1, EXIF), segment(0xFE, b"a comment")),
        saved("JPEG", progressive=True, restart_marker_blocks=1),
        with_segments(saved("JPEG", "L"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    ],
    "png": [
        with_chunks(saved("PNG", "RGBA"), chunk(b"tEXt", b"prompt\0its own"), chunk(b"eXIf", EXIF[6:])),
        with_chunks(saved("PNG", "P"), chunk(b"iTXt", b"Comment\0\0\0\0\0" + XMP), before=b"IEND"),
    ],
    "webp": [
        saved("WEBP"),
        saved("WEBP", "RGBA", lossless=True),
        saved("WEBP", "RGBA", exif=EXIF, xmp=XMP),
    ],
}


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a file with one to three parts of it changed, left out, doubled or moved; often near its beginning."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(len(data), chance.choice([64, 400, len(data)])) or 1)
        length = chance.choice([1, 1, 2, 4, 12, 60])
        part = data[at : at + length]
        kind = chance.randrange(6)
        if kind == 0:
            part = chance.randbytes(len(part))
        elif kind == 1:
            part = b""
        elif kind == 2:
            part = part * 2
        elif kind == 3:
            part = chance.choice([b"\xff", b"\0", b"\xff\xd9", b"\xff\xff\xff", b"\xff\xe1\0\1", b"\xff\xff\xff\xff"])
        elif kind == 4:
            data = data[: max(at, 1)]
        else:
            data += chance.randbytes(length)
        data = data[:at] + part + data[at + length :]
    return data


@pytest.mark.parametrize(
    ("output_format", "source"), [(kind, it) for kind, files in FILES.items() for it in range(len(files))]
)
@pytest.mark.filterwarnings("ignore")  # Pillow's, of corrupt EXIF data
def test_no_odd_file_fails_but_as_a_bad_picture(output_format, source):
    chance, kept = random.Random(f"{SEED} {output_format} {source}"), 0
    for _ in range(PER_FILE):
        data = mutated(FILES[output_format][source], chance)
        with contextlib.suppress(BadPicture):
            assert recipe_in(to_picture(data, SizePlan(SIZE), TEXTS, output_format).data) == KNOWN
            kept += 1
    assert 0 < kept < PER_FILE


def _shows_the_same(output_format: str, file: bytes, source: bytes) -> bool:
    """Return whether it has the source's pixels; a broken WebP is read beyond its end, so there its data count."""
    if output_format == "webp":
        same = all(data in source for data in of_kind(webp_chunks(file), b"VP8 ", b"VP8L", b"ALPH"))
        return same and opened(file).size == opened(source).size
    return opened(file).tobytes() == opened(source).tobytes()


def _opens(data: bytes) -> bool:
    """Return whether Pillow reads the file's head: by that the tests take its size."""
    with contextlib.suppress(Exception):
        opened(data)
        return True
    return False


@pytest.mark.parametrize("output_format", FILES)
def test_what_is_kept_shows_what_its_source_shows(output_format):
    chance, kept = random.Random(f"{SEED} {output_format}"), 0
    with warnings.catch_warnings(action="ignore"):
        for _ in range(400):
            data = mutated(chance.choice(FILES[output_format]), chance)
            file = with_texts(data, output_format, TEXTS)  # of any bytes; in the product, of decoded files alone
            if file and _opens(data):
                kept += 1
                assert _shows_the_same(output_format, file, data)
                assert recipe_in(file) == KNOWN
    assert kept >= 20
