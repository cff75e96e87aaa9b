"""The sizes that a model makes, and what it is asked for so that a recipe's size comes of it.

Three sizes may differ: the one that the client asked for, the one that the engine is asked for, and that of its file.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from render_worker.contract import PROPORTIONS, ModelSizes, Recipe, Shape, Size, SizeBounds, difference, is_side

# Proportions that differ by less are one shape: FLUX's landscape is 1216 by 832 pixels. Imagen's 896 by 1280, its 3:4,
# differ from 2:3 by 5 % exactly, and are cut.
SAME_SHAPE = math.log(1.05) - 1e-9
MOST_IN_WORDS = 3  # sizes
USUAL_SIDE = 1024  # of models that say nothing of their sizes


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
    most_ratio: int | None = None
    """How many times the shorter side the longer one is at most; None if only the sides are bounded."""

    def covering(self, size: Size | tuple[Fraction, Fraction]) -> Size | None:
        """Return a size, as small as may be, that covers another one and is nearly of its proportion if there is such.

        Returns None if all that cover it are out of bounds.
        """
        proportion, first = Fraction(*size), None
        growth = max(1.0, self.least / min(size), math.sqrt(self.least_pixels / (size[0] * size[1])))
        width, height = (math.ceil(side * growth / self.step - 1e-9) * self.step for side in size)
        while self._allows(width, height):
            first = first or (width, height)
            if alike(Fraction(width, height), proportion):
                return width, height
            if Fraction(width, height) < proportion:
                width += self.step
            else:
                height += self.step
        return first

    @property
    def usual(self) -> Size:
        """Return the square that a model of unknown native sizes is asked for."""
        side = min(USUAL_SIDE, self.most, math.isqrt(self.most_pixels or USUAL_SIDE**2)) // self.step * self.step
        return self.covering((side, side)) or (side, side)

    def for_clients(self) -> SizeBounds:
        """Return the bounds as /models shows them."""
        return SizeBounds(
            min_side=math.ceil(self.least / self.step) * self.step,
            max_side=self.most,
            step=self.step,
            min_pixels=self.least_pixels if self.least_pixels > 1 else None,
            max_pixels=self.most_pixels,
        )

    def in_words(self, asked: Size) -> str:
        """Return the bounds, as the end of a sentence for clients that asked for a size that is out of them."""
        pixels = f" and {self.most_pixels:,} pixels in all" if self.most_pixels else ""
        words = f"width and height up to {self.most:,}{pixels}"
        if not self._has_room_for(*asked):
            return words
        shortest = max(self.least, math.ceil(self.least_pixels / self.most))
        most_ratio = Fraction(self.most_ratio) if self.most_ratio else Fraction(self.most, shortest)
        if Fraction(max(asked), min(asked)) > most_ratio:
            return f"{words}, one of them at most {math.floor(most_ratio)} times the other"
        return f"{words}, both multiples of {self.step}"  # what covers it is out of bounds

    def _allows(self, width: int, height: int) -> bool:
        is_too_long = self.most_ratio is not None and max(width, height) > self.most_ratio * min(width, height)
        return self._has_room_for(width, height) and not is_too_long

    def _has_room_for(self, width: int, height: int) -> bool:
        return max(width, height) <= self.most and (self.most_pixels is None or width * height <= self.most_pixels)


@dataclass(frozen=True)
class SizePlan:
    """What an engine is asked for, and what its file is made to."""

    made: Size
    """What the engine is asked for."""
    exact: Size | None = None
    """What comes of it, scaled down and cut evenly; None if only the proportion is given."""
    proportion: Fraction | None = None
    """To which the file is cut evenly if it differs by more than `tolerance`; of an exact size only if that cannot be
    made of the file."""
    tolerance: float = 0.0
    """Of the proportion, as `difference` returns it."""
    promised: bool = False
    """Whether a file of another size than `made` is a failure of the engine."""
    reduced: bool = False
    """Whether `made` is smaller than planned, so that the exact size comes of it only if it covers that."""

    def reduced_to(self, size: Size) -> "SizePlan":
        """Return the plan if the service was asked for a smaller size after all."""
        return replace(self, made=size, reduced=True)

    def final_size(self, file: Size) -> Size:
        """Return what a file of that size is made to: the shape or ratio if the exact size cannot be made of it, unless
        it is merely too small for that.
        """
        if self.exact and ((file == self.made and not self.reduced) or _covers(file, self.exact)):
            return self.exact
        if self.exact and self.tolerance and alike(Fraction(*file), Fraction(*self.exact)):  # no ratio was given
            return file
        if self.proportion is None or difference(Fraction(*file), self.proportion) <= self.tolerance:
            return file
        return largest_within(file, self.proportion)

    @property
    def keeps_file(self) -> bool:
        """Return whether a file of the size that is asked for is neither scaled nor cut."""
        return self.final_size(self.made) == self.made


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
        proportion, exact = recipe.proportion, recipe.exact_size
        plan = self._cut_to(proportion) if proportion else self._shaped(recipe.shape)
        return replace(plan, made=self._source_of(exact) or exact, exact=exact) if exact else plan

    def can_make(self, size: Size) -> bool:
        """Return whether it makes exactly that size, or a larger one of nearly that proportion, to be scaled down."""
        return self._source_of(size) is not None

    def in_words(self, asked: Size) -> str:
        """Return what it makes, as the end of a sentence for clients that asked for a size which it does not make."""
        if self.within:
            return self.within.in_words(asked)
        native = ", ".join(f"{width}x{height}" for width, height in self._largest_like(Fraction(*asked)))
        return f"{native} and smaller ones of such proportions" if native else "a size for each shape"

    def for_clients(self) -> ModelSizes | None:
        """Return the sizes as /models shows them; None if they are not known."""
        if not self.native and not self.within:
            return None
        plans = {shape: self._shaped(shape) for shape in PROPORTIONS}
        return ModelSizes(
            shapes={shape: plan.final_size(plan.made) for shape, plan in plans.items()},
            native=list(self.native),
            bounds=self.within and self.within.for_clients(),
        )

    def _shaped(self, shape: Shape) -> SizePlan:
        """Return the plan for a shape."""
        return self._cut_to(PROPORTIONS[shape], SAME_SHAPE)

    def _cut_to(self, proportion: Fraction, tolerance: float = 0.0) -> SizePlan:
        """Return the plan for a proportion."""
        return SizePlan(self._made_for(proportion), None, proportion, tolerance, self.promised)

    def _largest_like(self, proportion: Fraction) -> list[Size]:
        """Return the native sizes that can be asked for and of which no other is a larger one of such a proportion: as
        many as a client reads, the nearest proportion first."""
        found: list[Size] = []
        for size in sorted(self.native, key=math.prod, reverse=True):
            if all(map(is_side, size)) and not any(_covers(it, size) for it in found):
                found.append(size)
        return sorted(found, key=lambda it: difference(Fraction(*it), proportion))[:MOST_IN_WORDS]

    def _source_of(self, size: Size) -> Size | None:
        """Return what to ask for so that exactly that size comes of it; None if nothing would do."""
        if size in self.native:
            return size
        if self.within and (covering := self.within.covering(size)):
            return covering
        whole = [it for it in self.native if _covers(it, size)]
        cut = [plan.made for shape in PROPORTIONS if _covers((plan := self._shaped(shape)).final_size(plan.made), size)]
        return min(whole or (cut if self.native else ()), key=math.prod, default=None)

    def _made_for(self, proportion: Fraction) -> Size:
        """Return the native size of the nearest proportion, or what covers it when it is cut to that."""
        usual = self.within.usual if self.within else (USUAL_SIDE, USUAL_SIDE)
        nearest = min(self.native or (usual,), key=lambda it: difference(Fraction(*it), proportion))
        if self.within and not alike(Fraction(*nearest), proportion):
            rounded = largest_within(nearest, proportion)
            whole = self.within.covering(rounded) == rounded  # then nothing is cut off
            return rounded if whole else self.within.covering(_fitted(nearest, proportion)) or nearest
        return nearest


def largest_within(size: Size, proportion: Fraction) -> Size:
    """Return the largest size of a proportion that fits into another one, rounded to whole pixels."""
    width, height = _fitted(size, proportion)
    return max(1, round(width)), max(1, round(height))


def _fitted(size: Size, proportion: Fraction) -> tuple[Fraction, Fraction]:
    """Return the largest size of a proportion that fits into another one."""
    width, height = map(Fraction, size)
    return (height * proportion, height) if width / height > proportion else (width, width / proportion)


def alike(one: Fraction, other: Fraction) -> bool:
    """Return whether two proportions count as one shape."""
    return difference(one, other) < SAME_SHAPE


def _covers(large: Size, small: Size) -> bool:
    """Return whether the small size comes of the large one by scaling down, and cutting off next to nothing."""
    return large[0] >= small[0] and large[1] >= small[1] and alike(Fraction(*large), Fraction(*small))
