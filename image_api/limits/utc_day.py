"""Days of UTC, by which budgets are counted."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Day:
    """A day of UTC at one of its moments."""

    name: str
    """Like 2026-11-30."""
    seconds_left: int
    """Until it ends, rounded up."""


def day_of(now: float) -> Day:
    """Return the day of a moment, given in seconds since the epoch."""
    moment = datetime.fromtimestamp(now, UTC)
    midnight = (moment + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return Day(moment.date().isoformat(), math.ceil((midnight - moment).total_seconds()))
