"""Images that clients send: upright, opaque, in sRGB, of bounded size, and nothing else of the file."""

import asyncio
import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageCms

from render_worker.contract import MAX_PREVIEW_BYTES
from render_worker.errors import ImageInvalid
from render_worker.imaging import MAX_SOURCE_PIXELS, SentImage, SourcePicture, preview_url
from render_worker.imaging.decoding import LargePicture
from render_worker.imaging.image_input import to_source_picture

GPS = 0x8825


def file_of(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def taken(data: bytes) -> SourcePicture:
    """Return what an engine begins with."""
    return asyncio.run(SentImage(data).picture())


def opened(picture: SourcePicture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (picture.width, picture.height))
    return image


def refused(data: bytes) -> str:
    with pytest.raises(ImageInvalid) as caught:
        taken(data)
    assert (caught.value.code, caught.value.status) == ("invalid_parameter", 400)
    assert str(caught.value).startswith("image must be a whole PNG, JPEG or WebP picture: ")
    return str(caught.value)


def photo(kind: str = "JPEG", orientation: int = 1) -> bytes:
    """Return what a phone sends: with the place, the camera and a comment; its upper left is red."""
    image = Image.new("RGB", (60, 40), "blue")
    image.paste("red", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "the camera"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    return file_of(image, kind, exif=exif, **({"comment": b"a secret"} if kind == "JPEG" else {}))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_it_works(kind):
    picture = taken(file_of(Image.new("RGB", (30, 20), (200, 30, 30)), kind))
    red, green, blue = opened(picture).getpixel((5, 5))
    assert (picture.width, picture.height) == (30, 20)
    assert max(abs(red - 200), abs(green - 30), abs(blue - 30)) < 6


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_where_and_by_what_it_was_taken_is_left_out(kind):
    sent = photo(kind)
    assert b"the camera" in sent
    picture = taken(sent)
    image = opened(picture)
    assert dict(image.getexif()) == {}
    assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
    chunks = {picture.data[at : at + 4] for at in chunk_positions(picture.data)}
    assert chunks == {b"IHDR", b"IDAT", b"IEND"}


def chunk_positions(data: bytes) -> list[int]:
    at, found = 8, []
    while at < len(data):
        found.append(at + 4)
        at += 12 + struct.unpack(">I", data[at : at + 4])[0]
    return found


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (60, 40), (5, 5)),
        (3, (60, 40), (55, 35)),
        (6, (40, 60), (35, 5)),
        (8, (40, 60), (5, 55)),
        (99, (60, 40), (5, 5)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_it_is_upright(kind, orientation, size, red):
    picture = taken(photo(kind, orientation))
    assert (picture.width, picture.height) == size
    shade = opened(picture).getpixel(red)
    assert shade[0] > 150 > shade[2]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_is_white(kind):
    image = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 10, 20))
    made = opened(taken(file_of(image, kind, **({"lossless": True} if kind == "WEBP" else {}))))
    assert (made.getpixel((15, 5)), made.getpixel((5, 5))) == ((255, 255, 255), (0, 0, 255))


def test_a_palette_with_a_transparent_color_is_opaque():
    image = Image.new("P", (10, 10), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    assert opened(taken(file_of(image, transparency=0))).getpixel((5, 5)) == (255, 255, 255)


def test_cmyk_is_rgb():
    red, green, blue = opened(taken(file_of(Image.new("CMYK", (20, 20), (255, 0, 0, 0)), "JPEG"))).getpixel((5, 5))
    assert red < 60 < 100 < min(green, blue)


def test_sixteen_bits_are_eight():
    made = opened(taken(file_of(Image.new("I;16", (20, 20), 32768))))
    assert made.getpixel((5, 5)) == (128, 128, 128)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_other_modes_are_rgb(mode):
    opened(taken(file_of(Image.new(mode, (9, 9)))))


def test_a_profile_is_applied_and_left_out():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = opened(taken(file_of(Image.new("RGB", (9, 9), (10, 200, 30)), icc_profile=profile)))
    assert "icc_profile" not in made.info
    assert max(abs(a - b) for a, b in zip(made.getpixel((3, 3)), (10, 200, 30), strict=True)) < 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind):
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue", "green")]
    sent = file_of(frames[0], kind, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    red, _, blue = opened(taken(sent)).getpixel((5, 5))
    assert red > 200 > blue


@pytest.mark.parametrize(("size", "made"), [((4000, 3000), (2364, 1773)), ((4096, 64), (4096, 64)), ((1, 1), (1, 1))])
def test_a_large_one_is_scaled_down_in_proportion(size, made):
    picture = taken(file_of(Image.new("RGB", size), "JPEG"))
    assert (picture.width, picture.height) == made
    assert picture.width * picture.height <= MAX_SOURCE_PIXELS


def png(width: int, height: int, *chunks: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    packed = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        png(65_000, 65_000),
        png(5000, 4000),
        file_of(Image.new("1", (16_000, 16_000))),
        b"",
        b"GIF89a" + bytes(50),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"BM" + bytes(50),
        b"%PDF-1.4",
        photo("JPEG")[:300],
        photo("PNG")[:60],
        photo("WEBP")[:60],
        b"\xff\xd8\xff\xe0" + bytes(100),
        b"RIFF\x64\0\0\0WEBPVP8X" + bytes(90),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_bombs_and_what_is_broken_are_refused_with_the_reason(data):
    begun = time.monotonic()
    assert len(refused(data)) < 300
    assert time.monotonic() - begun < 10


def test_it_is_decoded_once_for_all_that_ask(monkeypatch):
    decoded = []

    def counted(data: bytes, *, large: bool = True) -> SourcePicture:
        decoded.append(threading.current_thread().name)
        return to_source_picture(data, large=large)

    monkeypatch.setattr("render_worker.imaging.to_source_picture", counted)

    async def ask() -> list[SourcePicture]:
        image = SentImage(photo())
        return await asyncio.gather(*(image.picture() for _ in range(5)))

    assert len({id(it) for it in asyncio.run(ask())}) == 1
    assert len(decoded) == 1
    assert "MainThread" not in decoded  # the event loop goes on


def test_large_ones_are_decoded_one_at_a_time():
    large = file_of(Image.new("RGB", (2400, 2000)), "JPEG")
    with pytest.raises(LargePicture):
        to_source_picture(large, large=False)
    running, most, lock = 0, 0, threading.Lock()

    def watched(data: bytes, *, large: bool = True) -> SourcePicture:
        nonlocal running, most
        if not large:
            raise LargePicture
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return SourcePicture(data, 1, 1)

    async def ask(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("render_worker.imaging.to_source_picture", watched)
        await asyncio.gather(*(SentImage(large).picture() for _ in range(5)))

    with pytest.MonkeyPatch.context() as patched:
        asyncio.run(ask(patched))
    assert most == 1


class TestPreviews:
    @pytest.mark.parametrize("size", [(512, 512), (64, 64), (1500, 200)])
    def test_they_are_small_jpegs(self, size):
        url = preview_url(file_of(Image.new("RGB", size, "red")))
        assert url.startswith("data:image/jpeg;base64,/9j/")
        assert len(url) < 10_000

    @pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG", photo()[:300], png(65_000, 65_000), png(2100, 2000)])
    def test_of_what_cannot_be_read_or_is_large_there_is_none(self, data):
        assert preview_url(data) is None

    def test_a_noisy_one_is_within_the_limit(self):
        url = preview_url(file_of(Image.effect_noise((1000, 1000), 200).convert("RGB")))
        assert url is None or len(url) <= MAX_PREVIEW_BYTES + 100

    def test_they_hold_nothing_of_the_file(self):
        with ThreadPoolExecutor(1) as pool:
            assert "the camera" not in pool.submit(preview_url, photo()).result()
