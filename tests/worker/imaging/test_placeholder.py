"""What a page can show before the picture is there."""

import io
import statistics
import time

import fast_blurhash
import pytest
from PIL import Image, ImageChops, ImageStat

from render_worker.imaging import to_picture
from render_worker.imaging.placeholder import placeholder_of
from render_worker.picture import Placeholder
from render_worker.sizes import SizePlan
from tests.worker.imaging.kept_files import exif_with, photo, saved

BASE_83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"


def halves(left: str, right: str, share: float, size: tuple[int, int] = (300, 200), mode: str = "RGB") -> Image.Image:
    """Return a picture with that share of its width in one colour and the rest in another."""
    image = Image.new(mode, size, right)
    image.paste(left, (0, 0, round(size[0] * share), size[1]))
    return image


def placeholder(data: bytes) -> Placeholder:
    """Return the placeholder of an engine's file."""
    with Image.open(io.BytesIO(data)) as image:
        return to_picture(data, SizePlan(image.size), {}).placeholder


def components(blurhash: str) -> tuple[int, int]:
    """Return how many components a blurhash has across and down, as its specification says."""
    flags = BASE_83.index(blurhash[0])
    return flags % 9 + 1, flags // 9 + 1


def test_it_works():
    image = photo(size=(768, 512))
    blurred = fast_blurhash.decode(placeholder_of(image).blurhash, 48, 32)
    difference = ImageChops.difference(Image.frombytes("RGB", (48, 32), blurred), image.resize((48, 32)))
    assert max(ImageStat.Stat(difference).mean) < 70
    other = ImageChops.difference(Image.frombytes("RGB", (48, 32), blurred), image.rotate(180).resize((48, 32)))
    assert sum(ImageStat.Stat(difference).mean) < sum(ImageStat.Stat(other).mean)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((768, 768), (4, 4)),
        ((768, 512), (4, 3)),
        ((512, 768), (3, 4)),
        ((1024, 576), (4, 3)),
        ((4096, 1024), (4, 1)),
        ((4096, 1), (4, 1)),
        ((1, 700), (1, 4)),
        ((1, 1), (4, 4)),
        ((33, 31), (4, 4)),
    ],
)
def test_the_longer_side_has_more_components(size, expected):
    made = placeholder_of(Image.new("RGB", size, "#123456"))
    assert components(made.blurhash) == expected
    assert len(made.blurhash) == 4 + 2 * expected[0] * expected[1]
    assert made.dominant_color == "#123456"


@pytest.mark.parametrize(("share", "expected"), [(0.6, "#cc2211"), (0.4, "#1133dd"), (1.0, "#cc2211")])
def test_the_dominant_color_is_one_of_the_picture_and_no_mixture(share, expected):
    assert placeholder_of(halves("#cc2211", "#1133dd", share)).dominant_color == expected


def test_of_similar_shades_it_is_one_of_them():
    image = halves("white", "black", 0.3)
    image.paste(Image.effect_noise((200, 200), 8).convert("RGB"), (100, 0))
    red, green, blue = bytes.fromhex(placeholder_of(image).dominant_color[1:])
    assert red == green == blue
    assert 110 < red < 145


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_is_white(kind):
    image = halves("#cc2211", "#00000000", 0.3, mode="RGBA")
    out = io.BytesIO()
    image.save(out, kind, lossless=True)
    assert placeholder(out.getvalue()).dominant_color == "#ffffff"
    opaque = halves("#cc2211", "#ffffff", 0.3)
    assert placeholder_of(image) == placeholder_of(opaque)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_has_one(mode):
    out = io.BytesIO()
    Image.linear_gradient("L").resize((300, 200)).convert(mode).save(out, "PNG")
    made = placeholder(out.getvalue())
    assert components(made.blurhash) == (4, 3)
    red, green, blue = bytes.fromhex(made.dominant_color[1:])
    assert red == green == blue


def test_it_is_of_the_picture_as_it_is_shown():
    """Upright, as the stored one, and of a kept file the same as of an encoded one."""
    turned = saved("JPEG", exif=exif_with({0x0112: 6}))
    assert components(placeholder(turned).blurhash) == (3, 4)
    data = saved("JPEG", size=(300, 200))
    plan = SizePlan((300, 200))
    assert to_picture(data, plan, {}, "jpeg").placeholder == to_picture(data, plan, {}, "png").placeholder


def test_it_costs_little_beside_the_decoding():
    """A millisecond in a quiet process; here there may be others."""
    image, took = photo(size=(768, 768)), []
    for _ in range(15):
        begun = time.perf_counter()
        placeholder_of(image)
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.005, statistics.median(took)
