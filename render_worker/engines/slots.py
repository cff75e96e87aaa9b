"""Concurrency slots: how many pictures an engine can make at a time."""

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Slots:
    """One engine's concurrency slots. Admission control keeps count of those that are taken."""

    size: int
    """How many pictures the engine can make at a time."""
    cheap: bool = False
    """Whether its generations yield to those of other engines, and never hold the last slot of all."""
