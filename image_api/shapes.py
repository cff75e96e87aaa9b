"""The shape for a width and height, or for an aspect ratio."""

import math

from render_worker.contract import SIZES, Shape


def nearest(width: float, height: float) -> Shape:
    """Return the shape whose aspect ratio differs by the smallest factor."""
    ratio = math.log(width / height)
    return min(SIZES, key=lambda shape: abs(math.log(SIZES[shape][0] / SIZES[shape][1]) - ratio))
