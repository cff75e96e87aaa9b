"""Compact outlines: a few points written as text, smoothed into curves when the module is loaded."""

from collections.abc import Sequence

Point = tuple[float, float]
Outline = tuple[Point, ...]

_STEPS = 6  # straight pieces for each curved piece


def outline(text: str) -> Outline:
    """Return the closed outline that a text describes: "x,y" is on a curve, "x,y!" is a sharp corner."""
    return curve(_points(text), closed=True)


def stroke(text: str) -> Outline:
    """Return the open line that a text in the same notation describes."""
    return curve(_points(text), closed=False)


def curve(points: Sequence[Point], closed: bool) -> Outline:
    """Return a Catmull-Rom curve through the points; a doubled point makes a corner."""
    count = len(points)
    out: list[Point] = []
    for i in range(count if closed else count - 1):
        start, end = points[i], points[(i + 1) % count]
        if start == end:
            continue
        before = points[i - 1] if closed or i > 0 else start
        after = points[(i + 2) % count] if closed or i + 2 < count else end
        out.extend(_piece(before, start, end, after))
    if not closed:
        out.append(points[-1])
    return tuple(out)


def moved(points: Sequence[Point], dx: float, dy: float, scale: float = 1.0) -> Outline:
    """Return the points scaled about the origin, then shifted."""
    return tuple((x * scale + dx, y * scale + dy) for x, y in points)


def mirrored(points: Sequence[Point], axis: float) -> Outline:
    """Return the points reflected left to right about x = axis."""
    return tuple((2 * axis - x, y) for x, y in points)


def _points(text: str) -> list[Point]:
    points: list[Point] = []
    for token in text.split():
        x, y = token.rstrip("!").split(",")
        points.extend([(float(x), float(y))] * (2 if token.endswith("!") else 1))
    return points


def _piece(a: Point, b: Point, c: Point, d: Point) -> list[Point]:
    out: list[Point] = []
    for step in range(_STEPS):
        t = step / _STEPS
        t2, t3 = t * t, t * t * t
        wa, wb = -0.5 * t + t2 - 0.5 * t3, 1 - 2.5 * t2 + 1.5 * t3
        wc, wd = 0.5 * t + 2 * t2 - 1.5 * t3, -0.5 * t2 + 0.5 * t3
        out.append((wa * a[0] + wb * b[0] + wc * c[0] + wd * d[0], wa * a[1] + wb * b[1] + wc * c[1] + wd * d[1]))
    return out
