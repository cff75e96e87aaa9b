"""Kept files in a real browser: it shows what it shows of their sources, to the last bit of each pixel."""

import base64
import io

import pytest
from PIL import Image

from tests.fakes.playwright_browser import chromium
from tests.worker.imaging.kept_files import (
    TEXTS,
    XMP,
    chunk,
    exif_with,
    recipe_in,
    saved,
    segment,
    stored,
    with_chunks,
    with_segments,
)

SOFTWARE, ORIENTATION = 0x0131, 0x0112
EXIF = exif_with({SOFTWARE: "an engine", ORIENTATION: 1})
FILES = {
    "jpeg": ("jpeg", saved("JPEG")),
    "progressive jpeg": ("jpeg", saved("JPEG", progressive=True)),
    "grey jpeg": ("jpeg", saved("JPEG", "L")),
    "jpeg with exif": ("jpeg", with_segments(saved("JPEG"), segment(0xE1, EXIF), segment(0xFE, b"a comment"))),
    "jpeg with garbage behind it": ("jpeg", saved("JPEG") + b"\xff\xd8" * 50),
    "png": ("png", saved("PNG")),
    "png with alpha": ("png", saved("PNG", "RGBA")),
    "png with texts": ("png", with_chunks(saved("PNG", "P"), chunk(b"tEXt", b"prompt\0its own"), before=b"IEND")),
    "webp": ("webp", saved("WEBP")),
    "lossless webp with alpha": ("webp", saved("WEBP", "RGBA", lossless=True)),
    "webp with alpha, exif and xmp": ("webp", saved("WEBP", "RGBA", exif=EXIF, xmp=XMP)),
}
PIXELS = """async ([kind, file]) => {
    const image = new Image();
    image.src = `data:image/${kind};base64,${file}`;
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return [canvas.width, canvas.height, [...context.getImageData(0, 0, canvas.width, canvas.height).data].join()];
}"""


@pytest.fixture(scope="module")
def shown():
    """Return a function that returns the size and the pixels of a file as the browser has them."""
    with chromium() as browser:
        page = browser.new_page()
        yield lambda kind, file: page.evaluate(PIXELS, [kind, base64.b64encode(file).decode()])


@pytest.mark.parametrize("name", FILES)
def test_it_works(shown, name):
    kind, source = FILES[name]
    kept = stored(source, kind)
    assert shown(kind, kept) == shown(kind, source)
    assert len(set(shown(kind, kept)[2].split(","))) > 50  # it shows something
    assert recipe_in(kept) == {name: text for name, text in TEXTS.items() if text}
    with Image.open(io.BytesIO(kept)) as image:
        assert image.format == kind.upper()
