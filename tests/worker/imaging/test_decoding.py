"""What an engine's file says about itself is applied before its size is planned, and is not said again."""

import asyncio
import io
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from PIL import Image, ImageChops, ImageStat

from render_worker.errors import BadPicture
from render_worker.imaging import make_picture, to_picture
from render_worker.imaging.alpha import over_white
from render_worker.imaging.color import _is_known_srgb
from render_worker.imaging.decoding import LARGE_PIXELS, decode
from render_worker.sizes import SizePlan

from .odd_files import ODD_FILES, profiles
from .odd_files.png import GREY, RGB, icc, png
from .odd_files.scene import rows, scene, veiled

AS_IT_COMES = SizePlan(made=(96, 64))
FORMATS = ("png", "jpeg", "webp")


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shown(data: bytes, plan: SizePlan, kind: str = "png") -> Image.Image:
    """Return what is stored, as a white page shows it."""
    image = Image.open(io.BytesIO(to_picture(data, plan, {}, kind).data))
    return over_white(image.convert("RGBA"))


def off(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size"), [(turn, (96, 64) if turn < 5 else (64, 96)) for turn in (*range(1, 9), 0, 9)]
)
def test_the_promised_size_is_that_of_the_upright_picture(kind, orientation, size):
    size = size if 1 <= orientation <= 8 else (96, 64)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(scene(), kind, exif=exif)
    assert to_picture(data, SizePlan(made=size, promised=True), {}).width == size[0]
    with pytest.raises(BadPicture) as caught:
        to_picture(data, SizePlan(made=(size[1], size[0]), promised=True), {})
    assert caught.value.code == "picture_wrong_size"
    assert f"{size[0]} by {size[1]} pixels where" in str(caught.value)


@pytest.mark.parametrize("plan", [SizePlan((32, 48), exact=(32, 48)), SizePlan((64, 64), proportion=Fraction(1, 2))])
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["JPEG", "PNG"])
def test_a_turned_picture_is_scaled_and_cut_as_the_upright_one_is(kind, source, plan):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = scene().transpose(Image.Transpose.ROTATE_270)
    turned = shown(saved(scene(), source, exif=exif), plan, kind)
    assert off(turned, shown(saved(upright), plan)) < (4 if (source, kind) == ("PNG", "png") else 9)


@pytest.mark.parametrize("profile", [None, profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)])
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_large_jpeg_that_is_decoded_smaller_keeps_its_colours(mode, profile):
    if profile and mode == "CMYK":
        profile = profiles.cmyk_profile()
    large = saved(scene(mode).resize((768, 512)), "JPEG", quality=95, icc_profile=profile)
    whole = shown(large, SizePlan(made=(768, 512)))
    assert off(shown(large, SizePlan((768, 512), exact=(96, 64))), whole.reduce(8)) < 3


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_scaling_shows_no_colour_of_transparent_pixels(kind, mode):
    image = Image.new("RGBA", (96, 64), (0, 0, 0, 0))  # black, which nothing shows
    image.paste((255, 255, 255, 255), (0, 0, 47, 64))
    small = shown(saved(image.convert(mode)), SizePlan(made=(96, 64), exact=(48, 32)), kind)
    assert min(least for least, _ in small.getextrema()) >= 253


@pytest.mark.parametrize(("kind", "mode"), [("png", "RGBA"), ("webp", "RGBA"), ("jpeg", "RGB")])
def test_alpha_is_kept_where_the_format_has_it(kind, mode):
    for plan in (AS_IT_COMES, SizePlan(made=(96, 64), exact=(48, 32))):
        stored = Image.open(io.BytesIO(to_picture(saved(veiled()), plan, {}, kind).data))
        assert stored.mode == mode
        assert off(over_white(stored), over_white(veiled()).resize(stored.size, Image.Resampling.LANCZOS)) < 9


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_an_alpha_that_is_opaque_is_dropped(kind):
    plan = SizePlan(made=(96, 64), exact=(48, 32))
    for data in (saved(scene("RGBA")), saved(scene("RGBA"), "WEBP", lossless=True)):
        assert Image.open(io.BytesIO(to_picture(data, plan, {}, kind).data)).mode == "RGB"


def test_sixteen_bits_are_scaled_to_eight():
    samples = [[(0,), (100,), (257,), (32768,), (65278,), (65535,)]]
    picture = shown(png(samples, GREY, 16), SizePlan(made=(6, 1)))
    assert [picture.getpixel((x, 0))[0] for x in range(6)] == [0, 0, 1, 128, 254, 255]


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_said_again_of_what_was_applied_or_ignored(kind):
    profile = profiles.rgb_profile(profiles.DISPLAY_P3, 2.2)
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "a camera"
    for data in (
        saved(scene(), "JPEG", icc_profile=profile, exif=exif, comment=b"a secret"),
        saved(scene(), "WEBP", icc_profile=profile, exif=exif, xmp=b"a secret"),
        png(rows(scene()), RGB, before=[icc(profile), (b"tEXt", b"a\0secret"), (b"eXIf", exif.tobytes()[6:])]),
    ):
        stored = to_picture(data, AS_IT_COMES, {}, kind).data
        assert not any(word in stored for word in (b"secret", b"camera", b"iCCP", b"ICC_PROFILE", b"ICCP", b"mntr"))
        assert Image.open(io.BytesIO(stored)).getexif().get(0x0112) is None


def test_a_profile_of_srgb_changes_no_pixel():
    data = png(rows(scene()), RGB, before=[icc(profiles.srgb_profile())])
    decoded = decode(data, AS_IT_COMES, False)
    assert decoded.image.tobytes() == scene().tobytes()
    assert decoded.unchanged


def seconds_to_decode(data: bytes, forget: Callable[[], object]) -> float:
    """Return the least of five times, each after `forget`."""
    times = []
    for _ in range(5):
        forget()
        begun = time.thread_time()
        decode(data, AS_IT_COMES, False)
        times.append(time.thread_time() - begun)
    return min(times)


def test_the_profile_that_an_engine_has_in_each_picture_is_compared_with_srgb_once():
    data = ODD_FILES["JPEG: ICC of sRGB"]()
    assert seconds_to_decode(data, lambda: None) < seconds_to_decode(data, _is_known_srgb.cache_clear) / 3


UNCHANGED = {
    *("JPEG: plain", "JPEG: progressive", "JPEG: grey", "JPEG: orientation 1", "JPEG: orientation 9", "JPEG: RGB kept"),
    *("JPEG: ICC of sRGB", "JPEG: ICC broken", "JPEG: two pictures (MPO)", "PNG: grey, 1 bits", "PNG: palette, 8 bits"),
    *("PNG: palette, a table of alphas", "PNG: alpha", "PNG: grey and alpha", "PNG: interlaced", "PNG: gAMA of sRGB"),
    *("PNG: ICC of sRGB", "PNG: gAMA 1.0 and sRGB", "WebP: plain", "WebP: alpha", "WebP: EXIF broken"),
}
MADE_ANEW = {
    *("JPEG: orientation 2", "JPEG: orientation 6", "JPEG: CMYK of Adobe's", "JPEG: YCCK", "JPEG: ICC of Display P3"),
    *("JPEG: ICC of grey 1.0", "PNG: grey, 16 bits", "PNG: palette, an index beyond its end", "PNG: gAMA 1.0"),
    *("PNG: grey of 4 bits, one shade transparent", "PNG: cICP of Display P3", "PNG: cICP of PQ", "PNG: animated"),
    *("PNG: eXIf, turned", "PNG: animated, a hidden default picture", "WebP: animated", "WebP: orientation 6"),
}


@pytest.mark.parametrize(
    ("name", "unchanged"), [*((it, True) for it in sorted(UNCHANGED)), *((it, False) for it in sorted(MADE_ANEW))]
)
def test_it_is_known_whether_the_file_shows_the_same_without_its_metadata(name, unchanged):
    decoded = decode(ODD_FILES[name](), AS_IT_COMES, False)
    assert decoded.unchanged == unchanged
    assert decoded.source_format == name.split(":")[0].upper()
    assert decoded.image.mode in ("RGB", "RGBA")


async def made(data: bytes, side: int) -> float:
    """Return when the picture is there."""
    await make_picture(data, SizePlan(made=(side, side)), {}, "webp", None, size_required=False)
    return time.monotonic()


def test_large_pictures_are_made_one_at_a_time_and_hold_up_no_small_ones():
    """Also when there are more of them than threads."""
    side = int(LARGE_PIXELS**0.5)
    large, small = saved(scene().resize((side, side))), saved(scene().resize((64, 64)))

    async def make() -> tuple[list[float], float]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        others = [asyncio.create_task(made(large, side)) for _ in range(4)]
        await asyncio.sleep(0.1)
        first = await made(small, 64)
        return await asyncio.gather(*others), first

    ends, first = asyncio.run(make())
    assert first < min(ends)
    assert sum(thread.name.startswith("large-picture") for thread in threading.enumerate()) == 1
    steps = [later - sooner for sooner, later in itertools.pairwise(sorted(ends))]
    assert min(steps) > 0.02


def test_a_large_picture_that_is_cancelled_while_it_waits_is_not_made():
    side = int(LARGE_PIXELS**0.5)
    large = saved(scene().resize((side, side)))

    async def make() -> tuple[float, float]:
        begun = time.monotonic()
        alone = await made(large, side) - begun
        tasks = [asyncio.create_task(made(large, side)) for _ in range(6)]
        await asyncio.sleep(alone / 4)
        for task in tasks[1:]:
            task.cancel()
        begun = time.monotonic()
        return alone, await made(large, side) - begun

    alone, behind_one = asyncio.run(make())
    assert behind_one < alone * 4


def test_a_picture_without_profile_loads_no_colour_management():
    code = "import render_worker.imaging, sys; print([it for it in sys.modules if 'cms' in it.lower()])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
