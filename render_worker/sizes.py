"""The sizes that a model makes, and what it is asked for so that a recipe's size comes of it.

Three sizes may differ: the one that the client asked for, the one that the engine is asked for, and that of its file.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from render_worker.contract import PROPORTIONS, ModelSizes, Recipe, Shape, Size, difference

SAME_SHAPE = math.log(1.05)  # proportions that differ by less are one shape: FLUX's landscape is 1216 by 832 pixels

USUAL: Size = (1024, 1024)  # of models that say nothing of their sizes


@dataclass(frozen=True)
class SizeRange:
    """Bounds within which a model makes any size, in pixels."""

    least: int
    """The shortest side."""
    most: int
    """The longest side."""
    step: int = 1
    """Of which both sides are multiples."""
    most_pixels: int | None = None
    """Width times height at most; None if only the sides are bounded."""
    least_pixels: int = 1
    """Width times height at least."""

    def covering(self, size: Size) -> Size | None:
        """Return the smallest size of nearly the same proportion that covers it; None if that is out of bounds."""
        growth = max(1.0, self.least / min(size), math.sqrt(self.least_pixels / (size[0] * size[1])))
        width, height = (math.ceil(side * growth / self.step - 1e-9) * self.step for side in size)
        if max(width, height) > self.most or (self.most_pixels and width * height > self.most_pixels):
            return None
        return width, height


@dataclass(frozen=True)
class SizePlan:
    """What an engine is asked for, and what its file is made to."""

    made: Size
    """What the engine is asked for."""
    exact: Size | None = None
    """What comes of it: the file is scaled down and cut evenly, at most by the difference of nearly equal proportions.
    None if only the proportion is given."""
    proportion: Fraction | None = None
    """To which the file is cut evenly if it differs by more than `tolerance`; None if `exact` is given."""
    tolerance: float = 0.0
    """Of the proportion, as `difference` returns it."""
    promised: bool = False
    """Whether a file of another size than `made` is a failure of the engine."""


@dataclass(frozen=True)
class Sizes:
    """The sizes that a model makes."""

    native: tuple[Size, ...] = ()
    """Those that it is made for. The first of a proportion is the one for that shape. Empty if they are not known."""
    within: SizeRange | None = None
    """The bounds of all others; None if it makes no others."""
    promised: bool = False
    """Whether its service keeps to the size that was asked for, so that another one is a failure."""

    def plan(self, recipe: Recipe) -> SizePlan:
        """Return the plan for a recipe. Its exact size, if it has one, is one that `can_make`."""
        if exact := recipe.exact_size:
            return SizePlan(self._source_of(exact) or exact, exact=exact, promised=self.promised)
        if proportion := recipe.proportion:
            return SizePlan(self._made_for(proportion), proportion=proportion, promised=self.promised)
        proportion = PROPORTIONS[recipe.shape]
        return SizePlan(self._made_for(proportion), proportion=proportion, tolerance=SAME_SHAPE, promised=self.promised)

    def can_make(self, size: Size) -> bool:
        """Return whether it makes exactly that size, or a larger one of the same proportion, to be scaled down."""
        return self._source_of(size) is not None

    def for_clients(self) -> ModelSizes:
        """Return the sizes as /models shows them."""
        shapes = {shape: self._size_of(shape) for shape in PROPORTIONS} if self.native else {}
        bounds = self.within
        return ModelSizes(
            shapes=shapes,
            native=list(self.native),
            min_side=bounds and bounds.least,
            max_side=bounds and bounds.most,
            max_pixels=bounds and bounds.most_pixels,
        )

    def _size_of(self, shape: Shape) -> Size:
        """Return the size that comes of a shape."""
        proportion = PROPORTIONS[shape]
        made = self._made_for(proportion)
        alike = difference(Fraction(*made), proportion) < SAME_SHAPE
        return made if alike else largest_within(made, proportion)

    def _source_of(self, size: Size) -> Size | None:
        """Return what to ask for so that exactly that size comes of it; None if nothing would do."""
        if size in self.native:
            return size
        if self.within and (covering := self.within.covering(size)):
            return covering
        proportion = Fraction(*size)
        larger = [
            it
            for it in self.native
            if it[0] >= size[0] and it[1] >= size[1] and difference(Fraction(*it), proportion) < SAME_SHAPE
        ]
        return min(larger, key=lambda it: it[0] * it[1], default=None)

    def _made_for(self, proportion: Fraction) -> Size:
        """Return the native size of the nearest proportion, or what covers it when it is cut to that."""
        nearest = min(self.native or (USUAL,), key=lambda it: difference(Fraction(*it), proportion))
        if self.within and difference(Fraction(*nearest), proportion) >= SAME_SHAPE:
            return self.within.covering(largest_within(nearest, proportion)) or nearest
        return nearest


def largest_within(size: Size, proportion: Fraction) -> Size:
    """Return the largest size of a proportion that fits into another one, rounded to whole pixels."""
    width, height = size
    if Fraction(width, height) > proportion:
        return max(1, round(height * proportion)), height
    return width, max(1, round(width / proportion))
