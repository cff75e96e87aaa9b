"""The raster that a picture is painted on: antialiased shapes, gradients, glows and veils on one RGB image."""

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw

from .color import RGB
from .outline import Point

Stops = Sequence[RGB]
Box = tuple[int, int, int, int]


class Canvas:
    """An RGB picture of width x height pixels; coordinates are in pixels, y down; alpha and strength are 0..1."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height))
        self.width = width
        self.height = height
        self.focus: Image.Image | None = None  # where the subjects are, once any is painted

    @property
    def unit(self) -> float:
        """Return the length in pixels that sizes are relative to: between the short side and the mean side."""
        return min(math.sqrt(self.width * self.height) * 0.92, min(self.width, self.height) * 1.12)

    def shapes(self, polygons: Sequence[Sequence[Point]], fill: RGB | Stops, alpha: float = 1.0) -> None:
        """Fill polygons as one antialiased layer, with a colour or a top-to-bottom gradient."""
        box = self._clip([p for polygon in polygons for p in polygon])
        if box is None:
            return
        mask = Image.new("L", ((box[2] - box[0]) * 2, (box[3] - box[1]) * 2))
        draw = ImageDraw.Draw(mask)
        for polygon in polygons:
            draw.polygon([((x - box[0]) * 2, (y - box[1]) * 2) for x, y in polygon], fill=255)
        self.stamp(mask.reduce(2), box, fill, alpha)

    def stamp(self, mask: Image.Image, box: Box, fill: RGB | Stops, alpha: float = 1.0) -> None:
        """Lay a colour or a gradient through a mask; its top left is the box's."""
        if alpha < 1.0:
            mask = mask.point([round(v * alpha) for v in range(256)])
        if isinstance(fill[0], int):
            self.image.paste(fill, box, mask)  # type: ignore[arg-type]  # one colour, by the check above
        else:
            self.image.paste(gradient(mask.size, fill), box, mask)  # type: ignore[arg-type]  # else it is stops

    def polygon(self, points: Sequence[Point], fill: RGB | Stops, alpha: float = 1.0) -> None:
        """Fill one polygon."""
        self.shapes([points], fill, alpha)

    def ovals(self, ovals: Sequence[tuple[float, float, float, float]], fill: RGB, alpha: float = 1.0) -> None:
        """Fill ovals, each (centre x, centre y, half width, half height)."""
        box = self._clip([(x + s * rx, y + s * ry) for x, y, rx, ry in ovals for s in (-1, 1)])
        if box is None:
            return
        mask = Image.new("L", ((box[2] - box[0]) * 2, (box[3] - box[1]) * 2))
        draw = ImageDraw.Draw(mask)
        for x, y, rx, ry in ovals:
            x0, y0 = (x - rx - box[0]) * 2, (y - ry - box[1]) * 2
            draw.ellipse((x0, y0, x0 + rx * 4, y0 + ry * 4), fill=255)
        self.stamp(mask.reduce(2), box, fill, alpha)

    def lines(self, lines: Sequence[Sequence[Point]], width: float, fill: RGB, alpha: float = 1.0) -> None:
        """Draw open lines of one width."""
        box = self._clip([(x + s * width, y + s * width) for line in lines for x, y in line for s in (-1, 1)])
        if box is None:
            return
        mask = Image.new("L", ((box[2] - box[0]) * 2, (box[3] - box[1]) * 2))
        draw = ImageDraw.Draw(mask)
        for line in lines:
            points = [((x - box[0]) * 2, (y - box[1]) * 2) for x, y in line]
            draw.line(points, fill=255, width=max(1, round(width * 2)), joint="curve")
        self.stamp(mask.reduce(2), box, fill, alpha)

    def glow(self, x: float, y: float, radius: float, colour: RGB, strength: float = 1.0, power: float = 2.0) -> None:
        """Add a soft round light that fades to nothing at the radius."""
        self.halo(x, y, radius, radius, colour, strength, power)

    def halo(self, x: float, y: float, rx: float, ry: float, colour: RGB, strength: float, power: float) -> None:
        """Lay an oval of colour that is strongest in its middle."""
        box = self._clip([(x - rx, y - ry), (x + rx, y + ry)])
        if box is None or rx < 1 or ry < 1:
            return
        lut = [
            round(255 * strength * max(0.0, 1 - v / 178) ** power) for v in range(256)
        ]  # 181 at the edge, 255 in a corner
        source = Image.radial_gradient("L").point(lut)
        sx, sy = 256 / (2 * rx), 256 / (2 * ry)
        part = (
            max(0.0, (box[0] - x + rx) * sx),
            max(0.0, (box[1] - y + ry) * sy),
            min(256.0, (box[2] - x + rx) * sx),
            min(256.0, (box[3] - y + ry) * sy),
        )
        if part[2] - part[0] < 0.5 or part[3] - part[1] < 0.5:
            return
        size = (box[2] - box[0], box[3] - box[1])
        self.image.paste(colour, box, source.resize(size, Image.Resampling.BILINEAR, box=part))

    def veil(self, top: float, bottom: float, colour: RGB, start: float, end: float) -> None:
        """Lay a horizontal band of haze; its opacity runs from start (at its top) to end."""
        y0, y1 = max(0, round(top)), min(self.height, round(bottom))
        if y1 <= y0:
            return
        ramp = Image.new("L", (1, 2))
        ramp.putdata([round(255 * start), round(255 * end)])
        column = ramp.resize((1, y1 - y0), Image.Resampling.BILINEAR)
        mask = column.resize((self.width, y1 - y0), Image.Resampling.NEAREST)
        self.image.paste(colour, (0, y0, self.width, y1), mask)

    def lay(self, sprite: Image.Image, x: float, y: float) -> None:
        """Paste an RGBA sprite with its top left at x, y."""
        self.image.paste(sprite, (round(x), round(y)), sprite)

    def mark_focus(self, sprite: Image.Image, x: float, y: float) -> None:
        """Add the shape of a sprite to the focus mask."""
        if self.focus is None:
            self.focus = Image.new("L", self.image.size)
        alpha = sprite.getchannel("A")
        self.focus.paste(255, (round(x), round(y)), alpha)

    def _clip(self, points: Sequence[Point]) -> Box | None:
        if not points:
            return None
        x0 = max(0, math.floor(min(p[0] for p in points)))
        y0 = max(0, math.floor(min(p[1] for p in points)))
        x1 = min(self.width, math.ceil(max(p[0] for p in points)) + 1)
        y1 = min(self.height, math.ceil(max(p[1] for p in points)) + 1)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def gradient(size: tuple[int, int], stops: Stops) -> Image.Image:
    """Return a top-to-bottom gradient of evenly spaced colours."""
    tiny = Image.new("RGB", (1, len(stops)))
    tiny.putdata(list(stops))
    column = tiny.resize((1, size[1]), Image.Resampling.BILINEAR)
    return column.resize(size, Image.Resampling.NEAREST)


def noise(rng: random.Random, size: tuple[int, int], cells: tuple[int, int]) -> Image.Image:
    """Return smooth value noise, 0..255: a small random picture enlarged."""
    small = Image.frombytes("L", cells, rng.randbytes(cells[0] * cells[1]))
    return small.resize(size, Image.Resampling.BICUBIC)


def contrast(mask: Image.Image, low: int, high: int) -> Image.Image:
    """Return the mask with the values between low and high stretched over 0..255."""
    return mask.point([round(255 * min(1.0, max(0.0, (v - low) / (high - low)))) for v in range(256)])
