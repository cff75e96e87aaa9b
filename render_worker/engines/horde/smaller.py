"""The next size down, if AI Horde does not make the planned one without kudos."""

from fractions import Fraction
from itertools import product

from render_worker.contract import Size, difference
from render_worker.sizes import alike

LEAST, STEP = 512, 64  # of a side in pixels
MOST_PIXELS = 1024 * 1024  # the most that it makes of any size without kudos


def next_smaller(size: Size, wanted: Size, max_pixels: int | None) -> Size | None:
    """Return the largest size below `size` that is nearly of the proportion of `wanted`, else the one nearest to it.

    It has at most `max_pixels`, if the service named its limit. Returns None if there is none.
    """
    limit = min(max_pixels or MOST_PIXELS, size[0] * size[1] - 1)
    sides = (range(LEAST, side + 1, STEP) for side in size)
    fitting = [(width, height) for width, height in product(*sides) if width * height <= limit]
    proportion = Fraction(*wanted)

    def distance(it: Size) -> tuple[float, int]:
        own = Fraction(*it)
        return (0.0 if alike(own, proportion) else difference(own, proportion), -it[0] * it[1])

    return min(fitting, key=distance, default=None)
