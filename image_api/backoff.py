"""Exponential backoff with jitter."""

import random


def longer_pause(pause: float, first: float, longest: float) -> float:
    """Return the seconds of the pause after the next failure, given those of the one before; 0 before the first."""
    return min(longest, max(first, 2 * pause)) * random.uniform(0.8, 1)  # noqa: S311
