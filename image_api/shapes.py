"""Other people's words for a picture's proportions, and the shape that comes nearest to them."""

import math

from render_worker.contract import SIZES, Shape


def nearest(width: float, height: float) -> Shape:
    """The shape whose proportions differ least, by the factor between them."""
    wanted = math.log(width / height)
    return min(SIZES, key=lambda shape: abs(math.log(SIZES[shape][0] / SIZES[shape][1]) - wanted))
