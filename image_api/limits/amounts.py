"""Amounts of money in micro-dollars: whole numbers, because sums of floats would not be exact."""

import math

MICROS = 1_000_000  # of a US dollar


def micros_of(dollars: float) -> int:
    """Return US dollars in micro-dollars, rounded up."""
    return math.ceil(round(dollars * MICROS, 3))  # 0.07 * 10**6 is 70000.00000000001


def in_dollars(micros: int) -> str:
    """Return an amount for people, with two digits after the point at least."""
    whole, part = divmod(micros, MICROS)
    return f"${whole}.{f'{part:06d}'.rstrip('0'):0<2}"
