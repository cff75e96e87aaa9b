"""Trees as subjects: broad, fir, palm, cherry, willow."""

import math

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look


def _crown(pen: Pen, look: Look, middle: tuple[float, float], reach: tuple[float, float], tones: list[RGB]) -> None:
    """Paint tufts of leaves in layers, the upper ones brighter."""
    rng = look.rng
    for layer, tone in enumerate(tones):
        for _ in range(16):
            a, r = rng.uniform(0, 6.283), math.sqrt(rng.random())
            x = middle[0] + math.cos(a) * r * reach[0] * (1 - 0.16 * layer) - layer * 1.6
            y = middle[1] + math.sin(a) * r * reach[1] * (1 - 0.16 * layer) - layer * 4.2
            size = rng.uniform(0.22, 0.36) * reach[1] * (1 - 0.15 * layer)
            pen.oval(x, y, size * 1.15, size, mix(tone, lighter(tone, 0.25), rng.random() * 0.4))


def _tones(look: Look, own: RGB) -> list[RGB]:
    leaf = look.colour or own
    return [darker(leaf, 0.35), darker(leaf, 0.12), lighter(leaf, 0.1), lighter(leaf, 0.3)]


def _trunk(pen: Pen, look: Look) -> None:
    bark = mix(look.palette.trunk, rgb("#4a352c"), 0.3)
    pen.shape(outline("38,101! 43,90 44,70 42,46! 53,46! 52,70 54,90 61,101! 52,97 46,99"), bark)
    pen.ribbon(stroke("46,66 34,54 24,44"), (6, 4, 2), bark)
    pen.ribbon(stroke("50,62 62,50 70,42"), (6, 4, 2), bark)
    pen.ribbon(stroke("51,96 52,74 51,50"), (2, 3, 2), darker(bark, 0.3))


def tree(pen: Pen, look: Look) -> None:
    """Paint a broad tree, bare under snow if it is winter."""
    _trunk(pen, look)
    if look.winter:
        _bare(pen, look, (47, 56), -1.57, 20, 5)
        return
    _crown(pen, look, (47, 36), (38, 27), _tones(look, look.palette.leaf))


def _bare(pen: Pen, look: Look, foot: tuple[float, float], angle: float, long: float, left: int) -> None:
    tip = (foot[0] + math.cos(angle) * long, foot[1] + math.sin(angle) * long)
    pen.limb([foot, tip], 1.1 * left, 0.8 * left, rgb("#4a352c"))
    pen.line([(foot[0], foot[1] - 0.5 * left), (tip[0], tip[1] - 0.5 * left)], 0.7, WHITE)
    if left > 1:
        for turn in (-0.5, 0.1, 0.6)[: 2 + left % 2]:
            _bare(
                pen, look, tip, angle + turn * look.rng.uniform(0.7, 1.3), long * look.rng.uniform(0.6, 0.82), left - 1
            )


def pine(pen: Pen, look: Look) -> None:
    """Paint a fir, snowy if it is winter."""
    green = look.of("#2f6a52", "#2a5f4f", "#3a7a55")
    winter = look.winter
    pen.box(30, 88, 36, 100, rgb("#5a3f33"))
    for i in range(6):
        foot, half = 92 - i * 14, 32 - i * 4.4
        tip = foot - 28 + i
        tone = mix(darker(green, 0.25), lighter(green, 0.15), i / 6)
        pen.shape(
            outline(
                f"33,{tip}! {33 + half * 0.4},{foot - 9} {33 + half},{foot}! {33 + half * 0.5},{foot - 1} "
                f"33,{foot + 3} {33 - half * 0.5},{foot - 1} {33 - half},{foot}! {33 - half * 0.4},{foot - 9}"
            ),
            tone,
        )
        pen.shape(
            outline(
                f"33,{tip}! {33 + half * 0.4},{foot - 9} {33 + half},{foot}! {33 + half * 0.5},{foot - 1} 35,{foot + 2}"
            ),
            darker(tone, 0.18),
        )
        if winter:
            pen.shape(
                outline(
                    f"33,{tip}! {33 + half * 0.34},{foot - 11} {33 + half * 0.6},{foot - 6} 33,{foot - 8} "
                    f"{33 - half * 0.5},{foot - 4} {33 - half * 0.92},{foot - 2}! {33 - half * 0.4},{foot - 10}"
                ),
                WHITE,
            )


def palm(pen: Pen, look: Look) -> None:
    """Paint a leaning palm with coconuts."""
    green = look.of("#2f8a56", "#3f9a5a")
    bark = rgb("#8a6546")
    pen.ribbon(stroke("30,101 34,78 42,54 54,34"), (8, 5.4, 4.4, 4), bark)
    for i in range(11):
        t = i / 11
        x, y = 30.5 + 23 * t**1.3, 98 - 62 * t
        pen.line([(x - 3, y), (x + 3, y - 1.4)], 0.9, darker(bark, 0.25))
    for k, (tx, ty, bend) in enumerate(
        (
            (96, 44, -16),
            (88, 20, -12),
            (8, 40, -20),
            (14, 16, -14),
            (36, 2, -6),
            (72, 2, -8),
            (78, 62, -18),
            (24, 60, -18),
        )
    ):
        _frond(pen, (54, 33), (tx, ty), bend, mix(green, darker(green, 0.3), (k % 3) / 3))
    for x, y in ((51, 38), (57, 38), (54, 41)):
        pen.oval(x, y, 3.4, 3.6, rgb("#5a3a26"))


def _frond(pen: Pen, foot: tuple[float, float], tip: tuple[float, float], bend: float, tone: RGB) -> None:
    middle = ((foot[0] + tip[0]) / 2, (foot[1] + tip[1]) / 2 + bend)
    spine = stroke(f"{foot[0]},{foot[1]} {middle[0]},{middle[1]} {tip[0]},{tip[1]}")
    for i, (x, y) in enumerate(spine):
        t = i / len(spine)
        long = 13 * math.sin(math.pi * min(0.96, t * 0.85 + 0.14))
        for side in (-1, 1):
            pen.shape(
                [
                    (x - 1.6, y),
                    (x + 1.6, y),
                    (x + (tip[0] - foot[0]) * 0.09 + side * 1.5, y + long * (0.95 if side > 0 else 0.7)),
                ],
                tone if side > 0 else darker(tone, 0.15),
            )
    pen.line(spine, 1.2, lighter(tone, 0.25))


def blossom(pen: Pen, look: Look) -> None:
    """Paint a cherry tree in flower."""
    bark = rgb("#4f3436")
    for path, widths in (
        ("50,101 54,80 46,62 54,44", (11, 8, 6, 4)),
        ("48,68 30,54 16,50", (6, 4, 2)),
        ("52,56 74,46 94,50", (6, 4, 2)),
        ("52,60 60,36 74,24", (5, 3, 2)),
    ):
        pen.ribbon(stroke(path), widths, bark)
    pink = look.of("#f2a7c0", "#f7bfd0")
    tones = [darker(pink, 0.22), pink, lighter(pink, 0.35), lighter(pink, 0.65)]
    for x, y, w, h in ((22, 44, 20, 13), (56, 26, 28, 20), (86, 42, 20, 14), (46, 42, 18, 11)):
        _crown(pen, look, (x, y), (w, h), tones)


def willow(pen: Pen, look: Look) -> None:
    """Paint a willow with hanging strands."""
    _trunk(pen, look)
    green = look.of("#7fa352", "#93b05a")
    _crown(pen, look, (48, 24), (36, 16), [darker(green, 0.25), green])
    for k in range(46):
        x = 6 + k * 1.9 + look.rng.uniform(-1, 1)
        top = 26 - 14 * math.sin(math.pi * k / 45)
        foot = look.rng.uniform(58, 92)
        pen.ribbon(
            stroke(f"{x},{top} {x + (x - 48) * 0.12},{(top + foot) / 2} {x + (x - 48) * 0.1},{foot}"),
            (2.4, 2, 0.6),
            mix(darker(green, 0.2), lighter(green, 0.25), look.rng.random()),
        )


TREES = {"tree": tree, "pine": pine, "palm": palm, "blossom": blossom, "willow": willow}
