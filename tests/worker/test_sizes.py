"""What a model is asked for, and what its file is made to: never scaled up, and exactly what was asked for."""

import random
from fractions import Fraction

import pytest

from render_worker.contract import MAX_SIDE, MIN_SIDE, PROPORTIONS, SIDE_STEP, Recipe, difference
from render_worker.sizes import SAME_SHAPE, SizePlan, SizeRange, Sizes, largest_within

PERCHANCE = Sizes(((768, 768), (768, 512), (512, 768)))
FLUX = Sizes(((1024, 1024), (1216, 832), (832, 1216), (1344, 768)), SizeRange(256, 1440, 32))
BY_PIXELS = Sizes(((1024, 1024),), SizeRange(256, 2048, 8, most_pixels=1024 * 1024, least_pixels=512 * 512))
COARSE = Sizes(((768, 768), (768, 512)), SizeRange(512, 3000, 64))
ANY = Sizes((), SizeRange(64, 2048))
SMALL = Sizes((), SizeRange(128, 700, 16, most_pixels=300_000))
LARGE = Sizes((), SizeRange(1280, 4096, 64))
MANY_PIXELS = Sizes(((2048, 2048), (2496, 1664)), SizeRange(1024, 4096, most_pixels=4096**2, least_pixels=2560 * 1440))
UNKNOWN = Sizes()
ALL = [PERCHANCE, FLUX, BY_PIXELS, COARSE, ANY, SMALL, LARGE, MANY_PIXELS, UNKNOWN]
RATIOS = ["1:1", "16:9", "9:16", "1.91:1", "4:1", "1:4", "21:9", "3:2", "2:3", "5:4", "1000:999", "3.99:1", "7:3"]


def planned(sizes: Sizes, **fields: object) -> SizePlan:
    return sizes.plan(Recipe(prompt="a", **fields))


def some_sizes(count: int) -> list[tuple[int, int]]:
    """Return sizes that clients can ask for: those at the bounds, and others by chance."""
    chance = random.Random(5)
    edges = [(a, b) for a in (MIN_SIDE, 512, 768, MAX_SIDE) for b in (MIN_SIDE, 520, 1024, MAX_SIDE)]
    sides = range(MIN_SIDE, MAX_SIDE + 1, SIDE_STEP)
    small = range(MIN_SIDE, 1600, SIDE_STEP)
    return edges + [(chance.choice(among), chance.choice(among)) for among in (sides, small) for _ in range(count)]


def assert_in_bounds(sizes: Sizes, made: tuple[int, int]) -> None:
    if made in sizes.native or not sizes.within:
        return
    bounds, (width, height) = sizes.within, made
    assert bounds.least <= min(made)
    assert max(made) <= bounds.most
    assert (width % bounds.step, height % bounds.step) == (0, 0)
    assert bounds.least_pixels <= width * height <= (bounds.most_pixels or width * height)


@pytest.mark.parametrize(
    ("sizes", "shape", "made", "file"),
    [
        (PERCHANCE, "square", (768, 768), (768, 768)),
        (PERCHANCE, "landscape", (768, 512), (768, 512)),
        (PERCHANCE, "portrait", (512, 768), (512, 768)),
        (FLUX, "landscape", (1216, 832), (1216, 832)),
        (COARSE, "portrait", (512, 768), (512, 768)),
        (ANY, "landscape", (1024, 683), (1024, 683)),
        (Sizes(((512, 512),), SizeRange(512, 1024, 8)), "portrait", (512, 768), (512, 768)),
        (LARGE, "square", (1280, 1280), (1280, 1280)),
        (SMALL, "square", (544, 544), (544, 544)),
        (Sizes(((1024, 1024), (896, 1280))), "portrait", (896, 1280), (853, 1280)),
        (Sizes(((1024, 1024),)), "landscape", (1024, 1024), (1024, 683)),
        (UNKNOWN, "square", (1024, 1024), (1024, 1024)),
        (UNKNOWN, "portrait", (1024, 1024), (683, 1024)),
    ],
)
def test_a_shape_is_the_native_size_for_it(sizes, shape, made, file):
    plan = planned(sizes, shape=shape)
    assert (plan.made, plan.final_size(plan.made)) == (made, file)


@pytest.mark.parametrize(
    ("sizes", "ratio", "made", "file"),
    [
        (PERCHANCE, "16:9", (768, 512), (768, 432)),
        (PERCHANCE, "1.91:1", (768, 512), (768, 402)),
        (PERCHANCE, "1:4", (512, 768), (192, 768)),
        (PERCHANCE, "21:20", (768, 768), (768, 731)),
        (FLUX, "16:9", (1344, 768), (1344, 756)),
        (FLUX, "4:1", (1344, 352), (1344, 336)),
        (COARSE, "16:9", (1024, 576), (1024, 576)),
        (UNKNOWN, "16:9", (1024, 1024), (1024, 576)),
    ],
)
def test_an_aspect_ratio_is_the_nearest_native_size_cut_to_it(sizes, ratio, made, file):
    plan = planned(sizes, aspect_ratio=ratio)
    assert (plan.made, plan.final_size(plan.made)) == (made, file)


@pytest.mark.parametrize(
    ("sizes", "size", "made"),
    [
        (PERCHANCE, (768, 768), (768, 768)),
        (PERCHANCE, (512, 512), (768, 768)),
        (PERCHANCE, (384, 256), (768, 512)),
        (PERCHANCE, (600, 400), (768, 512)),
        (PERCHANCE, (504, 512), (768, 768)),
        (PERCHANCE, (1024, 1024), None),
        (PERCHANCE, (768, 432), None),
        (PERCHANCE, (776, 512), None),
        (FLUX, (1024, 1024), (1024, 1024)),
        (FLUX, (1000, 1000), (1024, 1024)),
        (FLUX, (64, 64), (256, 256)),
        (FLUX, (1440, 1440), (1440, 1440)),
        (FLUX, (1448, 1024), None),
        (BY_PIXELS, (1032, 1024), None),
        (BY_PIXELS, (128, 128), (512, 512)),
        (COARSE, (520, 512), (576, 576)),
        (COARSE, (2944, 2944), (2944, 2944)),
        (COARSE, (2952, 2952), None),
        (COARSE, (3000, 3000), None),
        (COARSE, (64, 64), (512, 512)),
        (ANY, (2048, 64), (2048, 64)),
        (UNKNOWN, (1024, 1024), None),
    ],
)
def test_an_exact_size_is_made_or_scaled_down_from_one_of_its_proportion(sizes, size, made):
    assert sizes.can_make(size) == (made is not None)
    if made:
        plan = planned(sizes, width=size[0], height=size[1])
        assert (plan.made, plan.final_size(plan.made)) == (made, size)


def test_a_small_size_of_a_native_proportion_is_scaled_down_where_the_range_cannot_cover_it():
    sizes = Sizes(((1600, 400),), SizeRange(512, 1440, 16))
    assert planned(sizes, width=256, height=64).made == (1600, 400)


@pytest.mark.parametrize("sizes", ALL)
def test_whatever_can_be_made_comes_exactly_and_is_never_scaled_up(sizes):
    makeable = [size for size in some_sizes(400) if sizes.can_make(size)]
    assert makeable or sizes is UNKNOWN
    for size in makeable:
        plan = planned(sizes, width=size[0], height=size[1])
        assert plan.final_size(plan.made) == size
        assert plan.made[0] >= size[0]
        assert plan.made[1] >= size[1]
        assert_in_bounds(sizes, plan.made)


@pytest.mark.parametrize("sizes", [FLUX, BY_PIXELS, ANY, COARSE])
def test_what_the_range_allows_can_be_made(sizes):
    step, most = max(sizes.within.step, SIDE_STEP), min(sizes.within.most, MAX_SIDE) // 64 * 64
    for width, height in ((side, other) for side in range(512, most, step) for other in (512, side)):
        allowed = width * height <= (sizes.within.most_pixels or width * height)
        assert sizes.can_make((width, height)) == allowed
        if allowed:
            assert planned(sizes, width=width, height=height).made == (width, height)


@pytest.mark.parametrize("sizes", ALL)
def test_an_aspect_ratio_is_kept_to_half_a_pixel(sizes):
    for ratio in RATIOS:
        plan = planned(sizes, aspect_ratio=ratio)
        assert_in_bounds(sizes, plan.made)
        width, height = plan.final_size(plan.made)
        across, down = map(Fraction, ratio.split(":"))
        assert width <= plan.made[0]
        assert height <= plan.made[1]
        assert width == plan.made[0] or height == plan.made[1]  # of one side nothing is cut
        off = min(abs(width - height * across / down), abs(height - width * down / across))
        assert off <= Fraction(1, 2)


@pytest.mark.parametrize("sizes", ALL)
@pytest.mark.parametrize("shape", PROPORTIONS)
def test_a_shape_differs_by_less_than_a_twentieth_whatever_file_comes(sizes, shape):
    plan = planned(sizes, shape=shape)
    assert_in_bounds(sizes, plan.made)
    for file in (plan.made, (1024, 1024), (1000, 300), (512, 768), (640, 480)):
        final = plan.final_size(file)
        assert final[0] <= file[0]
        assert final[1] <= file[1]
        assert difference(Fraction(*final), PROPORTIONS[shape]) <= SAME_SHAPE


@pytest.mark.parametrize(
    ("file", "final"),
    [
        ((1024, 1024), (1024, 1024)),
        ((2048, 2048), (1024, 1024)),
        ((2048, 2000), (1024, 1024)),
        ((1536, 1024), (1024, 1024)),  # of another proportion: cut to the shape
        ((1000, 1000), (1000, 1000)),  # too small: kept, and told
    ],
)
def test_a_file_of_another_size_than_was_asked_for_is_scaled_down_cut_or_kept(file, final):
    assert planned(FLUX, width=1024, height=1024).final_size(file) == final


def test_a_file_of_which_the_size_cannot_be_made_is_still_cut_to_the_ratio_that_was_given():
    plan = planned(FLUX, width=1024, aspect_ratio="16:9")
    assert (plan.exact, plan.final_size((1000, 1000))) == ((1024, 576), (1000, 562))
    assert plan.final_size((900, 520)) == (900, 506)
    assert planned(FLUX, width=1024, height=576).final_size((900, 520)) == (900, 520)


def test_a_range_is_told_with_the_native_sizes():
    told = FLUX.for_clients()
    assert told.shapes == {"portrait": (832, 1216), "landscape": (1216, 832), "square": (1024, 1024)}
    assert (told.native[0], told.bounds.min_side, told.bounds.max_side, told.bounds.max_pixels) == (
        (1024, 1024),
        256,
        1440,
        None,
    )
    assert UNKNOWN.for_clients() is None


def test_the_largest_of_a_proportion_is_a_pixel_at_least():
    assert largest_within((1, 1), Fraction(4)) == (1, 1)
