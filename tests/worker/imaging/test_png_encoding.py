"""The PNGs that are encoded here: every decoder reads the same pixels out of them."""

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from render_worker.imaging.png_encoding import BAND_BYTES, encode_png
from tests.fakes.playwright_browser import chromium
from tests.worker.imaging.test_kept_in_browser import PIXELS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZES = [(1, 1), (1, 9), (9, 1), (2, 2), (64, 48), (63, 49), (3, 5000), (5000, 3), (257, 1031)]
PICTURES = {
    "noise": lambda mode, size: Image.merge(mode, [Image.effect_noise(size, 90) for _ in mode]),
    "flat": lambda mode, size: Image.new(mode, size, "#00ff80"),
    "white": lambda mode, size: Image.new(mode, size, "white"),
    "gradient": lambda mode, size: Image.merge(mode, [Image.linear_gradient("L").resize(size) for _ in mode]),
    "gradient across": lambda mode, size: Image.merge(
        mode, [Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_90).resize(size) for _ in mode]
    ),
}


def chunks_of(file: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG, strictly: their lengths and checksums are right, and nothing is left."""
    assert file.startswith(SIGNATURE)
    found, at = [], len(SIGNATURE)
    while at < len(file):
        length, kind = struct.unpack_from(">I4s", file, at)
        data = file[at + 8 : at + 8 + length]
        assert (len(data), struct.unpack_from(">I", file, at + 8 + length)) == (length, (zlib.crc32(kind + data),))
        found.append((kind, data))
        at += 12 + length
    return found


def reread(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_no_pixel_changes(mode, size, name):
    image = PICTURES[name](mode, size)
    found = reread(encode_png(image, {}))
    assert (found.mode, found.size, found.tobytes()) == (mode, size, image.tobytes())


def test_what_is_left_of_a_band_is_not_lost():
    width = 512
    rows = BAND_BYTES // (3 * width)
    for height in (rows - 1, rows, rows + 1, 3 * rows):
        image = PICTURES["noise"]("RGB", (width, height))
        assert reread(encode_png(image, {})).tobytes() == image.tobytes()


def test_a_row_may_be_larger_than_a_band():
    image = PICTURES["noise"]("RGBA", (BAND_BYTES // 3, 3))
    assert reread(encode_png(image, {})).tobytes() == image.tobytes()


def test_the_file_is_as_the_standard_says():
    file = encode_png(PICTURES["noise"]("RGBA", (33, 21)), {"prompt": "ต้นไม้ 🌲", "seed": "5", "left_out": None})
    chunks = chunks_of(file)
    assert [kind for kind, _ in chunks] == [b"IHDR", b"iTXt", b"iTXt", b"IDAT", b"IEND"]
    assert chunks[0][1] == struct.pack(">2I5B", 33, 21, 8, 6, 0, 0, 0)
    inflating = zlib.decompressobj()
    rows = inflating.decompress(chunks[3][1])
    assert (inflating.eof, inflating.unused_data, len(rows)) == (True, b"", 21 * (1 + 33 * 4))
    assert reread(file).text == {"prompt": "ต้นไม้ 🌲", "seed": "5"}


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_plain_picture_is_small(mode):
    image = PICTURES["gradient"](mode, (1024, 1024))
    assert len(encode_png(image, {})) < len(image.tobytes()) / 50


def test_a_browser_shows_the_same():
    image = PICTURES["noise"]("RGB", (63, 49))
    file = base64.b64encode(encode_png(image, {"prompt": "a tree"})).decode()
    with chromium() as browser:
        width, height, pixels = browser.new_page().evaluate(PIXELS, ["png", file])
    assert (width, height) == image.size
    assert bytes(int(value) for value in pixels.split(",")) == image.convert("RGBA").tobytes()
