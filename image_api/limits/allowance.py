"""What the holder of a key may have made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """Limits of a key; None means that there is none of that kind."""

    per_minute: int | None = None
    """New pictures a minute, as the rate limit counts them."""
    per_day: int | None = None
    budget: int | None = None
    """What its pictures may cost in a day of UTC, in micro-dollars."""
