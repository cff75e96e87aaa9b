"""The sizes that a model at Replicate makes, and the inputs by which it is asked for one, by its own schema.

Models take a width and a height, a text like 1024x1024, or an aspect ratio alone, of which few say the pixels.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from render_worker.contract import MAX_SIDE, PROPORTIONS, Size, difference, size_of
from render_worker.engines.replicate.schema import (
    Property,
    bounds_of,
    integers,
    is_number,
    number_of,
    proportions,
    values,
)
from render_worker.sizes import USUAL_SIDE, SizePlan, SizeRange, Sizes

COG_FLUX: dict[str, Size] = {
    "1:1": (1024, 1024),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "4:3": (1152, 896),
    "3:4": (896, 1152),
    "5:4": (1088, 896),
    "4:5": (896, 1088),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
}
"""Pixels of each aspect ratio, as github.com/replicate/cog-flux has them."""
QUARTER = "0.25"  # of its input `megapixels`: both sides are halved
COG_FLUX_SIZES = (*COG_FLUX.values(), *((width // 2, height // 2) for width, height in COG_FLUX.values()))
COG_FLUX_MODELS = ("black-forest-labs/flux-schnell", "black-forest-labs/flux-dev")  # and those with a LoRA

STEP = 32  # pixels, if a schema says none: FLUX's pro models take multiples of 32, Stable Diffusion's and others of 8
MOST_STEP = 256
MOST_VALUES = 100  # of an enum of sizes
MOST_SIDES = 16  # of an enum of sides with gaps, which are combined

SIDE_NAMES = (("width", "height"), ("image_width", "image_height"))

Words = dict[str, object]


class SizeInput(Protocol):
    """What a model makes, and how it is asked for it."""

    @property
    def sizes(self) -> Sizes:
        """Return the sizes that it makes."""

    def of(self, plan: SizePlan) -> Words:
        """Return the inputs by which it is asked for what is to be made."""


@dataclass(frozen=True)
class NamedSizes:
    """A model that makes some sizes, each by inputs of its own."""

    named: Mapping[Size, Words]

    @property
    def sizes(self) -> Sizes:
        """Return those that have a name."""
        return Sizes(tuple(self.named))

    def of(self, plan: SizePlan) -> Words:
        """Return the inputs of the size that is nearest, which is that of the plan."""
        return self.named[min(self.named, key=lambda size: (_apart(size, plan.made), abs(size[0] - plan.made[0])))]


@dataclass(frozen=True)
class Ratios:
    """A model that takes aspect ratios and says nothing of pixels, or takes nothing of a size at all."""

    ratios: Mapping[str, Fraction]

    @property
    def sizes(self) -> Sizes:
        """Return that they are not known."""
        return Sizes()

    def of(self, plan: SizePlan) -> Words:
        """Return the input of the nearest ratio."""
        proportion = plan.proportion or Fraction(*plan.made)
        nearest = min(self.ratios, key=lambda it: difference(self.ratios[it], proportion), default=None)
        return {"aspect_ratio": nearest} if nearest else {}


@dataclass(frozen=True)
class Sides:
    """A model that takes a width and a height."""

    sizes: Sizes
    names: tuple[str, str]
    beside: Words
    """What else says that these two count."""

    def of(self, plan: SizePlan) -> Words:
        """Return both sides."""
        return {**self.beside, **dict(zip(self.names, plan.made, strict=True))}


def size_input(model: str, properties: Mapping[str, Property]) -> SizeInput:
    """Return how a model takes a size: by its sides if they count, then by what tells the pixels, then by a ratio."""
    ratios = proportions(properties.get("aspect_ratio"))
    custom = next((name for name in ("aspect_ratio", "size") if "custom" in values(properties.get(name))), None)
    names = next((pair for pair in SIDE_NAMES if all(_takes_numbers(properties.get(name)) for name in pair)), None)
    if names and (custom or not ratios):
        return _by_sides(properties, names, {custom: "custom"} if custom else {})
    named = _sizes_in_words(properties) or _cog_flux(model, ratios, values(properties.get("megapixels")))
    return NamedSizes(named) if named else Ratios(ratios)


def sides_of(own: Size, bounds: SizeRange) -> Sizes:
    """Return the sizes of a model that makes any within these bounds, and was made for `own`: it does best near that
    number of pixels."""
    near = (_nearest(math.prod(own), proportion, bounds) for proportion in PROPORTIONS.values())
    return Sizes(tuple(dict.fromkeys((own, *filter(None, near)))), bounds)


def _by_sides(properties: Mapping[str, Property], names: tuple[str, str], beside: Words) -> SizeInput:
    across, down = (properties[name] for name in names)
    listed = [sorted({side for side in integers(about) if 0 < side <= MAX_SIDE}) for about in (across, down)]
    if not all(listed) or all(map(_is_even, listed)):
        return Sides(_any_within(across, down), names, beside)
    own = _default(across, listed[0][-1]) * _default(down, listed[1][-1])
    pairs = [(width, height) for width in listed[0][-MOST_SIDES:] for height in listed[1][-MOST_SIDES:]]
    pairs.sort(key=lambda size: abs(math.log(math.prod(size) / own)))
    return NamedSizes({size: {**beside, **dict(zip(names, size, strict=True))} for size in pairs})


def _any_within(across: Property, down: Property) -> Sizes:
    """Return the sizes within the bounds that both sides have.

    A model whose schema names no highest side is trusted with twice its own pixels. Below half of them a larger one is
    made, as the result would be mush.
    """
    lows, highs, steps = zip(*map(_side_bounds, (across, down)), strict=True)
    least, step = max(lows), math.lcm(*steps)
    most = min((high for high in highs if high), default=None)
    if least > (most or MAX_SIDE):
        least, most = 1, None
    usual = max(least, min(USUAL_SIDE, most or USUAL_SIDE))
    own = (_default(across, usual), _default(down, usual))
    if not all(least <= side <= (most or MAX_SIDE) for side in own):
        own = (usual, usual)
    pixels = math.prod(own)
    if most is None:
        return sides_of(own, SizeRange(least, min(2 * max(own), MAX_SIDE), step, 2 * pixels, pixels // 2))
    return sides_of(own, SizeRange(least, most, step, None, pixels // 2))


def _side_bounds(about: Property) -> tuple[int, int | None, int]:
    """Return a side's lowest and highest number of pixels, None if that is not bounded, and its step."""
    if listed := sorted({side for side in integers(about) if 0 < side <= MAX_SIDE}):
        return listed[0], listed[-1], math.gcd(*listed)
    low, high = bounds_of(about, 1, MAX_SIDE)
    most, step = number_of(about.get("maximum")), number_of(about.get("multipleOf"))
    bounded = most is not None and high == min(most, MAX_SIDE)  # not if it contradicts the minimum
    return math.ceil(low), int(high) if bounded else None, int(step) if step and 1 <= step <= MOST_STEP else STEP


def _nearest(pixels: int, proportion: Fraction, bounds: SizeRange) -> Size | None:
    """Return the size of exactly that proportion whose number of pixels is nearest; None if none is within bounds."""
    across, down = proportion.numerator * bounds.step, proportion.denominator * bounds.step
    possible = (
        (across * times, down * times)
        for times in range(1, bounds.most // max(across, down) + 1)
        if min(across, down) * times >= bounds.least
    )
    return min(possible, key=lambda size: abs(math.log(math.prod(size) / pixels)), default=None)


def _cog_flux(model: str, ratios: Mapping[str, Fraction], megapixels: list[str]) -> dict[Size, Words]:
    """Return what cog-flux makes of each ratio that it takes; {} if the model is none of its models."""
    if not model.startswith(COG_FLUX_MODELS):
        return {}
    known = {ratio: size for ratio, size in COG_FLUX.items() if ratio in ratios}
    whole: dict[Size, Words] = {size: {"aspect_ratio": ratio} for ratio, size in known.items()}
    if QUARTER not in megapixels:
        return whole
    quarter = {(width // 2, height // 2): words | {"megapixels": QUARTER} for (width, height), words in whole.items()}
    return whole | quarter


def _sizes_in_words(properties: Mapping[str, Property]) -> dict[Size, Words]:
    """Return the sizes that an enum lists like 1024x1024, its default first; {} if there is no such enum."""
    for name in ("size", "resolution"):
        about = properties.get(name, {})
        listed = sorted(values(about)[:MOST_VALUES], key=lambda text: text != about.get("default"))
        named: dict[Size, Words] = {size: {name: text} for text in listed if (size := _read_size(text))}
        if named:
            return named
    return {}


def _read_size(text: str) -> Size | None:
    try:
        size = size_of(text)
    except ValueError:
        return None
    return size if min(size) > 0 and max(size) <= MAX_SIDE else None


def _default(about: Property, usual: int) -> int:
    side = number_of(about.get("default"))
    return int(side) if side and 0 < side <= MAX_SIDE else usual


def _takes_numbers(about: Property | None) -> bool:
    return about is not None and is_number(about)


def _is_even(sides: list[int]) -> bool:
    """Return whether the sides are all multiples of one step between two bounds."""
    return sides == list(range(sides[0], sides[-1] + 1, math.gcd(*sides)))


def _apart(one: Size, other: Size) -> float:
    return difference(Fraction(*one), Fraction(*other))
