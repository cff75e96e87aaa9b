"""Rates: how many units may be used in each window of time, as RATE_LIMIT gives them."""

import re
from typing import NamedTuple

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
RATE = re.compile(
    r"([0-9]{1,9})\s*(?:/|\s+per\s)\s*(?:([0-9]{1,5})\s*)?(second|minute|hour|day)s?", re.IGNORECASE | re.ASCII
)
SEPARATOR = ";"
OFF = "off"
MAX_SECONDS = 366 * SECONDS["day"]


class Rate(NamedTuple):
    """At most `amount` units in each window of `seconds`."""

    amount: int
    seconds: int

    @property
    def period(self) -> str:
        """Return the length of a window as a sentence has it: `minute`, `10 minutes`."""
        unit, seconds = max(((it, of) for it, of in SECONDS.items() if self.seconds % of == 0), key=lambda it: it[1])
        count = self.seconds // seconds
        return unit if count == 1 else f"{count} {unit}s"

    @property
    def name(self) -> str:
        """Return the same as one word, by which headers name it: `minute`, `10-minutes`."""
        return self.period.replace(" ", "-")


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Return the rates of a text like `20 per 10 minutes` or `5/minute; 200/day`; none if it is `off`.

    Raises ValueError if it is no such text.
    """
    if text.strip().lower() == OFF:
        return ()
    return tuple(_parse_rate(part.strip()) for part in text.split(SEPARATOR))


def _parse_rate(text: str) -> Rate:
    found = RATE.fullmatch(text)
    if not found:
        raise ValueError("it must be like 20 per 10 minutes or 5/minute, several of them with ; between, or off")
    rate = Rate(int(found[1]), int(found[2] or 1) * SECONDS[found[3].lower()])
    if not rate.amount or not 0 < rate.seconds <= MAX_SECONDS:
        raise ValueError("each rate must be of one picture at least, in a time of one second to 366 days")
    return rate
