"""What a picture counts as, in units of a rate limit: a small one that costs next to nothing is one."""

import math

from render_worker.contract import GenerateRequest, GenerateResult

PIXELS = 1024 * 1024
"""Of one unit: each further begun megapixel is one more."""
CENT = 0.01
"""US dollars of one unit's factor: each further begun cent of what the picture did cost counts it once more."""
ROUNDING = 1e-9  # of prices that are sums: three times $0.01 is a little more than $0.03


def units_of(request: GenerateRequest) -> int:
    """Return what a picture counts as before it is made, by the size that is asked for."""
    width, height = request.exact_size or (1, 1)
    return max(1, math.ceil(width * height / PIXELS))


def units_with_cost(units: int, result: GenerateResult) -> int:
    """Return what it counts as once it is made, by what it did cost; one of unknown cost as before."""
    return units * max(1, math.ceil((result.cost or 0) / CENT - ROUNDING))
