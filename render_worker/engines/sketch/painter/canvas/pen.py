"""One subject's drawing board: shapes in units of the subject's own height, returned as a lit, antialiased sprite."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .color import RGB, darker, lighter, mix
from .outline import Point

MARGIN = 12.0  # units of empty room on each side, for tails, rays and rims


@dataclass(frozen=True)
class Light:
    """How a scene lights a subject; shares are 0..1."""

    ambient: RGB
    share: float  # how far everything takes the ambient colour, 0..1
    rim: RGB
    rim_share: float
    side: int  # -1 when the light comes from the left, 1 from the right


class Pen:
    """A drawing board 100 units high and 100 x aspect wide, y down, the ground at y = 100."""

    def __init__(self, height: float, aspect: float) -> None:
        self.aspect = aspect
        self.over = 3 if height <= 260 else 2
        self.k = max(8.0, height) * self.over / 100
        size = [max(self.over, round((side + 2 * MARGIN) * self.k)) for side in (100 * aspect, 100)]
        self.image = Image.new("RGBA", (size[0], size[1]), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self.image)
        self._lights: list[tuple[list[Point], RGB]] = []

    def shape(self, points: Sequence[Point], colour: RGB) -> None:
        """Fill a polygon or an outline."""
        self._draw.polygon(self._place(points), fill=(*colour, 255))

    def shade(self, points: Sequence[Point], colour: RGB, inside: Sequence[Point]) -> None:
        """Fill the part of a shape that is inside another."""
        first, second = Image.new("1", self.image.size), Image.new("1", self.image.size)
        ImageDraw.Draw(first).polygon(self._place(points), fill=1)
        ImageDraw.Draw(second).polygon(self._place(inside), fill=1)
        self.image.paste((*colour, 255), (0, 0), ImageChops.logical_and(first, second))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        """Fill an oval about a centre."""
        (x0, y0), (x1, y1) = self._place([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.ellipse((x0, y0, x1, y1), fill=(*colour, 255))

    def ring(self, x: float, y: float, radius: float, width: float, colour: RGB) -> None:
        """Draw the line of a circle."""
        (x0, y0), (x1, y1) = self._place([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse((x0, y0, x1, y1), outline=(*colour, 255), width=max(1, round(width * self.k)))

    def arc(self, box: tuple[float, float, float, float], start: float, end: float, width: float, colour: RGB) -> None:
        """Draw part of the line of an oval; angles in degrees, clockwise from the right."""
        (x0, y0), (x1, y1) = self._place([(box[0], box[1]), (box[2], box[3])])
        self._draw.arc((x0, y0, x1, y1), start, end, fill=(*colour, 255), width=max(1, round(width * self.k)))

    def slice(self, x: float, y: float, rx: float, ry: float, span: tuple[float, float], colour: RGB) -> None:
        """Fill a slice of an oval; angles in degrees, clockwise from the right."""
        (x0, y0), (x1, y1) = self._place([(x - rx, y - ry), (x + rx, y + ry)])
        self._draw.pieslice((x0, y0, x1, y1), span[0], span[1], fill=(*colour, 255))

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: RGB, round_by: float = 0.0) -> None:
        """Fill a rectangle with its corners rounded by a radius in units."""
        (a, b), (c, d) = self._place([(x0, y0), (x1, y1)])
        self._draw.rounded_rectangle((a, b, max(a, c), max(b, d)), round_by * self.k, fill=(*colour, 255))

    def line(self, points: Sequence[Point], width: float, colour: RGB) -> None:
        """Draw an open line with round ends."""
        placed = self._place(points)
        px = max(1, round(width * self.k))
        self._draw.line(placed, fill=(*colour, 255), width=px, joint="curve")
        if px > 2:
            for x, y in (placed[0], placed[-1]):
                r = px / 2 - 0.5
                self._draw.ellipse((x - r, y - r, x + r, y + r), fill=(*colour, 255))

    def limb(self, points: Sequence[Point], start: float, end: float, colour: RGB) -> None:
        """Draw a line that tapers from one width to another."""
        self.ribbon(points, (start, end), colour)

    def ribbon(self, points: Sequence[Point], widths: Sequence[float], colour: RGB) -> None:
        """Draw a line with round ends whose width passes evenly through the given widths."""
        last, spans = max(1, len(points) - 1), len(widths) - 1
        left: list[Point] = []
        right: list[Point] = []
        for i, (x, y) in enumerate(points):
            ax, ay = points[max(0, i - 1)]
            bx, by = points[min(last, i + 1)]
            length = max(1e-6, ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5)
            at = min(spans - 1, i * spans // last)
            half = (widths[at] + (widths[at + 1] - widths[at]) * (i * spans / last - at)) / 2
            nx, ny = -(by - ay) / length * half, (bx - ax) / length * half
            left.append((x + nx, y + ny))
            right.append((x - nx, y - ny))
        self.shape(left + right[::-1], colour)
        for (x, y), width in ((points[0], widths[0]), (points[-1], widths[-1])):
            self.oval(x, y, width / 2, width / 2, colour)

    def lit(self, points: Sequence[Point], colour: RGB) -> None:
        """Fill a shape that gives light: the ambient colour of the scene does not dim it."""
        self.shape(points, colour)
        self._lights.append((list(points), colour))

    def lit_box(self, x0: float, y0: float, x1: float, y1: float, colour: RGB) -> None:
        """Fill a rectangle that gives light."""
        self.lit([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def finish(self, light: Light) -> Image.Image:
        """Return the board at its final size as an RGBA sprite, lit."""
        small = self.image.reduce(self.over)
        alpha = small.getchannel("A")
        solid = small.convert("RGB")
        if light.share > 0:
            solid = Image.blend(solid, Image.new("RGB", solid.size, light.ambient), light.share)
        self._model(solid, alpha, light)
        self._shine(solid)
        solid.putalpha(alpha)
        return solid

    def _model(self, solid: Image.Image, alpha: Image.Image, light: Light) -> None:
        """Shade one side of the flat shapes softly and draw a thin bright rim."""
        reach = max(2, round(self.k / self.over * 5))
        soft = alpha.filter(ImageFilter.BoxBlur(reach))
        shaded = ImageChops.subtract(alpha, ImageChops.offset(soft, reach * light.side, -reach // 2))
        shaded = ImageChops.multiply(shaded.point([round(v * 0.36) for v in range(256)]), alpha)
        solid.paste(darker(mix(light.ambient, (40, 30, 60), 0.5), 0.4), (0, 0), shaded)
        step = max(1, round(self.k / self.over * 1.1))
        rim = ImageChops.subtract(alpha, ImageChops.offset(alpha, -step * light.side, step))
        rim = ImageChops.multiply(rim.point([round(v * light.rim_share) for v in range(256)]), alpha)
        solid.paste(light.rim, (0, 0), rim)

    def _shine(self, solid: Image.Image) -> None:
        """Put the shapes that give light back undimmed, with a soft halo."""
        if not self._lights:
            return
        over = Image.new("RGB", self.image.size, self._lights[0][1])
        mask = Image.new("L", self.image.size)
        draw, tint = ImageDraw.Draw(mask), ImageDraw.Draw(over)
        for points, colour in self._lights:
            placed = self._place(points)
            draw.polygon(placed, fill=255)
            tint.polygon(placed, fill=lighter(colour, 0.15))
        small = mask.reduce(self.over)
        halo = small.filter(ImageFilter.BoxBlur(max(1, round(self.k / self.over * 2.5))))
        solid.paste(self._lights[0][1], (0, 0), halo.point([min(255, round(v * 0.6)) for v in range(256)]))
        solid.paste(over.reduce(self.over), (0, 0), small)

    def _place(self, points: Sequence[Point]) -> list[Point]:
        k, margin = self.k, MARGIN
        return [((x + margin) * k, (y + margin) * k) for x, y in points]
