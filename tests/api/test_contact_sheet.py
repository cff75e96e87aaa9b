"""The composition of a contact sheet: its cells, captions and blanks, and what it takes of memory."""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from image_api.contact_sheet import BLANK, PAPER, ContactSheet, UnreadablePicture

ROOT = Path(__file__).resolve().parent.parent.parent
RED, BLUE = (200, 30, 30), (30, 30, 200)
MAX_MIB = 330  # beyond the interpreter: a 4096x4096 picture with alpha is 64 MiB, and the decoder has a copy
WORST = """
import resource, sys
from image_api.contact_sheet import ContactSheet
import PIL.Image, PIL.ImageDraw, PIL.ImageFont
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sheet = ContactSheet(3)
for index in range(4):
    sheet.add(open(sys.argv[1], "rb").read(), f"seed {index}")
sheet.encoded("image/png")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def file_of(width: int, height: int, color: tuple[int, ...] = RED, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB" if len(color) == 3 else "RGBA", (width, height), color).save(out, kind)
    return out.getvalue()


def opened(sheet: ContactSheet, media_type: str = "image/png") -> Image.Image:
    image = Image.open(io.BytesIO(sheet.encoded(media_type)))
    image.load()
    return image


def box_of(image: Image.Image, color: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the box around the pixels of a colour."""
    reds, greens = (image.getchannel(it).point(lambda it, of=color[it]: 255 * (it == of)) for it in (0, 1))
    same = ImageChops.multiply(reds, greens)
    found = same.getbbox()
    assert found
    return found


@pytest.mark.parametrize(("columns", "count"), [(2, 4), (3, 9)])
@pytest.mark.parametrize(
    ("size", "cell"),
    [
        ((768, 768), (768, 768)),
        ((1024, 1024), (768, 768)),
        ((1536, 768), (768, 384)),
        ((512, 768), (512, 768)),
        ((300, 200), (300, 200)),
    ],
)
def test_cells_keep_the_proportion_and_are_never_scaled_up(columns, count, size, cell):
    sheet = ContactSheet(columns)
    sheet.add(file_of(*size), "seed 1")
    for number in range(1, count):
        sheet.add(file_of(*size, BLUE), f"seed {number}")
    image = opened(sheet)
    left, top, right, bottom = box_of(image, RED)
    assert (right - left, bottom - top) == cell
    gap = max(max(cell) // 24, 8)
    assert (left, top) == (gap, gap)
    assert image.width == columns * (cell[0] + gap) + gap
    assert image.height > columns * (cell[1] + gap) + gap  # captions


def test_pictures_stand_in_their_order():
    sheet = ContactSheet(2)
    colors = [(10, 0, 0), (60, 0, 0), (110, 0, 0), (160, 0, 0)]
    for color in colors:
        sheet.add(file_of(200, 200, color), "")
    corners = [box_of(opened(sheet), color)[:2] for color in colors]
    assert corners == sorted(corners, key=lambda it: (it[1], it[0]))
    assert len({it[0] for it in corners}) == len({it[1] for it in corners}) == 2


@pytest.mark.parametrize("caption", ["seed 2147483647", ""])
def test_a_caption_is_below_its_picture(caption):
    sheet = ContactSheet(2)
    for _ in range(4):
        sheet.add(file_of(400, 300), caption)
    image = opened(sheet)
    below = image.crop((0, 16 + 300, image.width, image.height // 2))
    assert (below.convert("L").getextrema()[0] < 120) == bool(caption)


@pytest.mark.parametrize("size", [(64, 64), (64, 16), (256, 64), (64, 256), (128, 128), (400, 300)])
def test_a_caption_is_right_below_its_picture_however_small_that_is(size):
    sheet = ContactSheet(2)
    for number in range(4):
        sheet.add(file_of(*size, RED if number else BLUE), f"seed {number}")
    image = opened(sheet)
    bottom = box_of(image, BLUE)[3]
    below = image.convert("L").crop((0, bottom, image.width // 2, image.height)).point(lambda it: 255 * (it < 120))
    top = below.getbbox()[1]  # of the letters, or of the next row's picture
    assert 0 < top <= 24
    assert below.crop((0, top, below.width, top + 24)).getbbox()[3] < 24  # the next row's picture is farther away


@pytest.mark.parametrize("size", [(64, 256), (256, 1024), (128, 128), (1024, 256)])
def test_the_longest_caption_is_no_wider_than_its_cell(size):
    sheet = ContactSheet(2)
    for _ in range(4):
        sheet.add(file_of(*size), "seed 2147483647")
    image = opened(sheet)
    width = max(min(size[0], size[0] * 768 // max(size)), 128)
    gap = (image.width - 2 * width) // 3
    between = image.crop((gap + width, 0, 2 * gap + width, image.height))
    assert between.getcolors() == [(gap * image.height, image.getpixel((0, 0)))]


def test_a_blank_cell_is_as_large_as_the_others_and_says_why():
    sheet = ContactSheet(2)
    sheet.add(file_of(400, 300), "seed 1")
    sheet.add_blank("The service refused this prompt. " * 40, "seed 2")
    sheet.add(file_of(400, 300), "seed 3")
    sheet.add(file_of(400, 300), "seed 4")
    image = opened(sheet)
    cell = image.crop((2 * 16 + 400, 16, 2 * 16 + 800, 316))
    assert f"#{bytes(cell.getpixel((8, 8))).hex()}" == BLANK
    assert cell.crop((16, 0, 384, 300)).convert("L").getextrema()[0] < 120
    assert image.crop((2 * 16 + 800, 0, image.width, 300)).getcolors() == [(16 * 300, image.getpixel((0, 0)))]
    assert f"#{bytes(image.getpixel((0, 0))).hex()}" == PAPER


def test_what_is_transparent_is_white():
    sheet = ContactSheet(2)
    for _ in range(4):
        sheet.add(file_of(200, 200, (200, 30, 30, 0)), "")
    assert opened(sheet).getpixel((100, 100)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16", "CMYK"])
def test_every_kind_of_picture_can_be_shown(mode):
    out = io.BytesIO()
    Image.new(mode, (900, 900)).save(out, "JPEG" if mode == "CMYK" else "PNG")
    sheet = ContactSheet(2)
    sheet.add(out.getvalue(), "seed 1")
    assert opened(sheet).mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_it_is_a_file_of_the_type_that_is_asked_for(kind):
    sheet = ContactSheet(2)
    sheet.add(file_of(100, 100, RED, kind), "seed 1")
    assert opened(sheet, f"image/{kind.lower()}").format == kind


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", file_of(100, 100)[:60], file_of(10, 10, kind="BMP"), file_of(8000, 4096)],
    ids=["empty", "text", "cut off", "another type", "too large"],
)
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(UnreadablePicture):
        ContactSheet(2).add(data, "")


def test_a_sheet_of_the_largest_pictures_fits_into_a_small_machine():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.png")
        path.write_bytes(file_of(4096, 4096, (200, 30, 30, 128)))
        command = [sys.executable, "-c", WORST, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert int(done.stdout) < MAX_MIB
