"""A supersampled band of the picture: many opaque shapes in many colours, antialiased at once."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from PIL import Image, ImageDraw

from .color import RGB
from .outline import Point
from .raster import Canvas


class Board:
    """A band of a canvas from y = top to y = bottom, at twice its size.

    Leaving the `with` block puts it back, antialiased.
    """

    def __init__(self, canvas: Canvas, top: float, bottom: float) -> None:
        self._canvas = canvas
        self._top = min(canvas.height - 1, max(0, math.floor(top)))
        self._bottom = max(self._top + 1, min(canvas.height, math.ceil(bottom)))
        band = canvas.image.crop((0, self._top, canvas.width, self._bottom))
        self._image = band.resize((band.width * 2, band.height * 2), Image.Resampling.NEAREST)
        self._draw = ImageDraw.Draw(self._image)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._canvas.image.paste(self._image.reduce(2), (0, self._top))

    def polygon(self, points: Sequence[Point], colour: RGB) -> None:
        """Fill a polygon, given in pixels of the canvas."""
        self._draw.polygon(self._place(points), fill=colour)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        """Fill an oval about a centre, given in pixels of the canvas."""
        y -= self._top
        self._draw.ellipse(((x - rx) * 2, (y - ry) * 2, (x + rx) * 2, (y + ry) * 2), fill=colour)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: RGB) -> None:
        """Fill a rectangle; draws nothing if it is thinner than a pixel of the board."""
        left, right, top, bottom = x0 * 2, x1 * 2 - 1, (y0 - self._top) * 2, (y1 - self._top) * 2 - 1
        if right >= left and bottom >= top:
            self._draw.rectangle((left, top, right, bottom), fill=colour)

    def line(self, points: Sequence[Point], width: float, colour: RGB) -> None:
        """Draw an open line of a width in pixels of the canvas."""
        self._draw.line(self._place(points), fill=colour, width=max(1, round(width * 2)), joint="curve")

    def _place(self, points: Sequence[Point]) -> list[Point]:
        return [(x * 2, (y - self._top) * 2) for x, y in points]
