"""Amounts of money in micro-dollars: whole numbers, because sums of floats would not be exact."""

import math
import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

MICROS = 1_000_000  # of a US dollar
AMOUNT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def micros_of(price: float) -> int:
    """Return a price in dollars as micro-dollars, rounded up."""
    return math.ceil(round(price * MICROS, 3))  # 0.07 * 10**6 is 70000.00000000001


def dollars_of(micros: int) -> float:
    """Return micro-dollars as dollars."""
    return micros / MICROS


def in_words(micros: int) -> str:
    """Return an amount for people, with two digits after the point at least."""
    whole, part = divmod(micros, MICROS)
    return f"${whole}.{f'{part:06d}'.rstrip('0'):0<2}"


def _amounts(value: object) -> object:
    """Return the amounts of `engine=dollars` pairs in micro-dollars. Raises ValueError if a pair is none."""
    if not isinstance(value, str):
        return value
    found: dict[str, int] = {}
    for pair in filter(None, (it.strip() for it in value.split(","))):
        name, _, amount = (it.strip() for it in pair.rpartition("="))
        if not name or not AMOUNT.fullmatch(amount):
            raise ValueError(
                "each part must be an engine and US dollars up to 999999.999999, like openai=2.00, "
                f"and number {len(found) + 1} is not"
            )
        if name in found:
            raise ValueError(f"it must name {name} but once")
        found[name] = int(Decimal(amount) * MICROS)
    return found


Amounts = Annotated[dict[str, int], BeforeValidator(_amounts)]
"""Micro-dollars by the names of engines, given as `openai=2.00,replicate=1` in US dollars."""
