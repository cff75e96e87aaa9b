"""What is refused as no whole picture, and what a hostile file may cost."""

import contextlib
import io
import random
import re
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image

from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from render_worker.sizes import SizePlan

from .kept_files import saved, scans, segment, stored, with_chunks, with_segments
from .odd_files import ODD_FILES
from .odd_files.png import GREY, PALETTE, RGB, chunk, frame_control, png
from .odd_files.scene import rows, scene

PLAN = SizePlan(made=(96, 64), promised=True)
SENTENCES = {
    "picture_empty": "The picture is empty.",
    "picture_unreadable": "The picture is no JPEG, PNG or WebP file.",
    "picture_broken": "The picture is broken or cut off.",
}


def encoded(kind: str, size: tuple[int, int] = (96, 64), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    scene(mode).resize(size).save(out, kind, **options)
    return out.getvalue()


def claiming(width: int, height: int, depth: int = 8) -> bytes:
    """Return a PNG of another size than its pixels have."""
    file = encoded("PNG")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return file[:8] + header + file[33:]


def frame_beyond_its_canvas() -> bytes:
    control = (b"acTL", struct.pack(">II", 1, 0))
    frame = [frame_control(0, (40_000, 40_000)), (b"fdAT", bytes(4) + zlib.compress(bytes(50)))]
    return png(rows(scene()), RGB, before=[control], after=frame)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "picture_empty", id="empty"),
        pytest.param(b"this is no picture", "picture_unreadable", id="text"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture_unreadable", id="svg"),
        pytest.param(encoded("GIF", mode="P"), "picture_unreadable", id="gif"),
        pytest.param(encoded("BMP"), "picture_unreadable", id="bmp"),
        pytest.param(encoded("TIFF"), "picture_unreadable", id="tiff"),
        pytest.param(encoded("JPEG")[:200], "picture_broken", id="cut jpeg"),
        pytest.param(encoded("JPEG")[:-200], "picture_broken", id="jpeg without its end"),
        pytest.param(b"\xff\xd8\xff", "picture_unreadable", id="jpeg of three bytes"),
        pytest.param(encoded("PNG")[:-30], "picture_broken", id="cut png"),
        pytest.param(encoded("PNG")[:60], "picture_broken", id="png of a header"),
        pytest.param(encoded("PNG")[:20], "picture_unreadable", id="cut header"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "picture_unreadable", id="broken png"),
        pytest.param(claiming(0, 64), "picture_unreadable", id="no width"),
        pytest.param(claiming(96, 64, depth=3), "picture_unreadable", id="three bits"),
        pytest.param(png([[(0,)] * 96] * 64, PALETTE), "picture_broken", id="no palette"),
        pytest.param(frame_beyond_its_canvas(), "picture_broken", id="a frame beyond its canvas"),
        pytest.param(encoded("WEBP")[:200], "picture_broken", id="cut webp"),
        pytest.param(claiming(5000, 5000), "picture_too_large", id="too many pixels"),
        pytest.param(claiming(16_384, 64), "picture_too_large", id="too long a side"),
        pytest.param(claiming(1 << 30, 1 << 30), "picture_too_large", id="far too many pixels"),
        pytest.param(encoded("PNG", (64, 96)), "picture_wrong_size", id="turned"),
    ],
)
def test_anything_else_is_refused(data, code, kind):
    with pytest.raises(BadPicture) as caught:
        to_picture(data, PLAN, {}, kind)
    assert caught.value.code == code
    assert str(caught.value) == SENTENCES.get(code, str(caught.value))


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_becomes_a_picture_or_is_refused(seed):
    rng = random.Random(seed)
    files = [make() for name, make in ODD_FILES.items() if not re.search("bomb|MB|megabyte", name)]
    for file in rng.sample(files, 100):
        damaged = bytearray(file)
        for _ in range(rng.choice((1, 3))):
            damaged[rng.randrange(min(len(damaged), 300))] = rng.randrange(256)
        with contextlib.suppress(BadPicture):
            to_picture(bytes(damaged), SizePlan(made=(96, 64), exact=(48, 32)), {}, rng.choice(("png", "webp", "auto")))


MEASURED = """
import sys
from pathlib import Path
from render_worker.errors import BadPicture
from render_worker.imaging import to_picture
from render_worker.sizes import SizePlan
def peak(): return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
data, side, kind = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), sys.argv[3]
to_picture(Path(sys.argv[4]).read_bytes(), SizePlan(made=(96, 64)), {}, kind)  # what is loaded on first use
before = peak()
try: code = to_picture(data, SizePlan(made=(side, side), promised=side != 96), {}, kind) and "made"
except BadPicture as bad: code = bad.code
print(code, (peak() - before) // 1024)
"""


def cost(tmp_path, data: bytes, side: int, kind: str = "png") -> tuple[str, int]:
    """Return the outcome, and how many MiB more the process had at its peak."""
    file, warm = tmp_path / "file", tmp_path / "warm"
    file.write_bytes(data)
    warm.write_bytes(ODD_FILES["PNG: ICC of Display P3 and alpha"]())
    arguments = [sys.executable, "-c", MEASURED, file, str(side), kind, warm]
    code, peak = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    return code, int(peak)


def test_what_has_the_wrong_size_is_not_decoded(tmp_path):
    out = io.BytesIO()
    frames = [Image.new("RGBA", (4096, 4096), (shade, 2, 3, 255)) for shade in (200, 10)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    code, peak = cost(tmp_path, out.getvalue(), 768)  # 160 bytes that become 260 MiB
    assert code == "picture_wrong_size"
    assert peak < 40


@pytest.mark.parametrize("name", ["PNG: a bomb of text", "PNG: ICC of 100 MB"])
def test_a_bomb_in_the_metadata_does_not_go_off(name, tmp_path):
    code, peak = cost(tmp_path, ODD_FILES[name](), 96)
    assert code == "made"
    assert peak < 20


def test_a_large_picture_is_in_memory_twice_at_most(tmp_path):
    side = 4096
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGBA", (side, side), (10, 120, 60, 128))  # 64 MiB
    out = io.BytesIO()
    profile = ODD_FILES["PNG: ICC of Display P3"]()
    image.save(out, "PNG", compress_level=1, exif=exif, icc_profile=Image.open(io.BytesIO(profile)).info["icc_profile"])
    code, peak = cost(tmp_path, out.getvalue(), side, "jpeg")
    assert code == "made"
    assert peak < 160


def test_shades_of_sixteen_bits_need_no_copy_of_thirty_two(tmp_path):
    code, peak = cost(tmp_path, png([[(1000,)] * 1024] * 1024, GREY, 16), 1024)
    assert code == "made"
    assert peak < 12


def of_many_parts(kind: str, count: int) -> bytes:
    """Return a picture with so many empty chunks or segments of a kind."""
    container, _, part = kind.partition(" ")
    if container == "jpeg":
        return with_segments(saved("JPEG"), segment(int(part, 16), b"Exif\0\0" * (part == "e1")) * count)
    if container == "png":
        return with_chunks(saved("PNG"), chunk(part.encode(), b"") * count)
    file = saved("WEBP", exif=b"Exif\0\0II*\0") + (part.encode() + bytes(4)) * count
    return file[:4] + struct.pack("<I", len(file) - 8) + file[8:]


PARTS = ["jpeg fe", "jpeg e1", "jpeg d9", "png IDAT", "png teXt", "png eXIf", "webp ABCD", "webp EXIF"]


@pytest.mark.parametrize("kind", PARTS)
def test_a_file_of_far_too_many_parts_is_refused_before_they_take_memory(kind, tmp_path):
    code, peak = cost(tmp_path, of_many_parts(kind, 400_000), 96, kind.split()[0])
    assert code == "picture_too_large"
    assert peak < 12


@pytest.mark.parametrize("kind", [it for it in PARTS if it != "jpeg d9"])
def test_a_file_of_many_parts_costs_little(kind, tmp_path):
    code, peak = cost(tmp_path, of_many_parts(kind, 15_000), 96, kind.split()[0])
    assert code == "made"
    assert peak < 16


@pytest.mark.parametrize("junk", [b"\xff", b"\0", b"\xff\0"])
def test_a_jpeg_with_much_between_its_segments_is_refused_at_once(junk):
    """Pillow reads it byte by byte, 19 MB in a dozen seconds."""
    file = saved("JPEG")
    assert to_picture(with_segments(file, junk * 5000), PLAN, {}, "jpeg").width == 96
    for data in (with_segments(file, junk * 2**19), b"\xff\xd8\xff" + junk * 2**19):
        with pytest.raises(BadPicture) as caught:
            to_picture(data, PLAN, {}, "jpeg")
        assert caught.value.code == "picture_too_large"


def of_scans(count: int) -> bytes:
    """Return a grey progressive JPEG with so many scans of its coefficients behind the first."""
    file = saved("JPEG", "L", progressive=True)
    first, *others = re.split(rb"(?=\xff\xda|\xff\xc4)", scans(file)[:-2])[1:]
    return file[: file.index(first)] + first + b"".join(others) + others[-1] * count + b"\xff\xd9"


def test_a_progressive_picture_of_far_too_many_scans_is_refused():
    """Each costs as much as the whole picture, of 16 million pixels some milliseconds, however few its bytes."""
    assert to_picture(of_scans(50), PLAN, {}, "jpeg").width == 96
    with pytest.raises(BadPicture) as caught:
        to_picture(of_scans(500), PLAN, {}, "jpeg")
    assert caught.value.code == "picture_too_large"


def heavy(kind: str, count: int) -> bytes:
    """Return a picture of a few kilobytes, and as many times 32 KiB of metadata."""
    text = b"x" * 2**15
    if kind == "jpeg":
        return with_segments(saved("JPEG"), segment(0xFE, text) * count)
    if kind == "png":
        return with_chunks(saved("PNG"), chunk(b"prVt", text) * count)
    file = saved("WEBP", exif=b"Exif\0\0II*\0") + (b"ABCD" + struct.pack("<I", len(text)) + text) * count
    return file[:4] + struct.pack("<I", len(file) - 8) + file[8:]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_file_is_not_kept_for_metadata_that_outweigh_its_picture(kind):
    assert len(stored(heavy(kind, 7), kind)) > 7 * 2**15
    assert len(stored(heavy(kind, 9), kind)) < 2**15


def test_a_file_is_not_kept_with_metadata_among_its_scans():
    file = saved("JPEG", progressive=True)
    at = file.rindex(b"\xff\xda")
    assert len(stored(file[:at] + segment(0xFE, b"x" * 2**15) * 20 + file[at:], "jpeg")) < 2**15


@pytest.mark.parametrize("place", [10, 11, 12])
def test_a_png_of_a_method_that_there_is_not_is_not_kept(place):
    """Browsers show nothing of it; Pillow may."""
    file = bytearray(saved("PNG"))
    file[16 + place] = 7
    file[29:33] = struct.pack(">I", zlib.crc32(file[12:29]))
    with contextlib.suppress(BadPicture):
        assert to_picture(bytes(file), PLAN, {}, "png").data[26:29] in (b"\0\0\0", b"\0\0\1")
