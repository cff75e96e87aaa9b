"""AI Horde's models, and what each of them lets a request without kudos ask for.

As `require_upfront_kudos` of its source has it, and with names of its model reference; the numbers of machines are made
up. The stand-in's limit is the scenario's and not computed of a queue's length.
"""

from collections.abc import Sequence

SMALL = "stable_diffusion"
LARGE = ("AlbedoBase XL (SDXL)", "ICBINP XL", "Stable Cascade 1.0", "Flux.1-Schnell fp8 (Compact)")
WORKERS = {SMALL: 12, "Deliberate": 5, LARGE[0]: 7, LARGE[1]: 0, LARGE[3]: 2, "CyberRealistic Pony": 4}
LEAST, MOST = 576, 1024  # the limit's own, of a side of a square
MAX_STEPS = {"Stable Cascade 1.0": 30, "Flux.1-Schnell fp8 (Compact)": 8}
USUAL_MAX_STEPS = 40


def listed(workers: dict[str, int]) -> list[dict[str, object]]:
    """Return the models with the number of their machines, as the service lists them."""
    return [
        {"name": name, "count": count, "type": "image", "queued": 0.0, "jobs": 0.0, "eta": 0, "performance": 1e6}
        for name, count in workers.items()
    ]


def limit_of(side: int, models: Sequence[str]) -> int:
    """Return the side of the largest square that is made without kudos, with a queue that allows `side`."""
    return MOST if set(models) & set(LARGE) else min(max(side, LEAST), MOST)


def wants_kudos(size: tuple[int, int], steps: int, side: int, models: Sequence[str]) -> bool:
    """Return whether such a request is refused without kudos."""
    too_many = any(MAX_STEPS.get(name, USUAL_MAX_STEPS) < steps for name in models)
    return too_many or size[0] * size[1] > limit_of(side, models) ** 2
