"""Weather: rain, snow, fog, lightning, petals, fireworks, wind."""

import math
import random

from ..canvas.color import WHITE, mix, rgb
from ..canvas.outline import Point, curve
from ..canvas.raster import Canvas
from .view import View


def paint_behind_land(view: View) -> None:
    """Paint lightning and fireworks, which belong behind the land."""
    if view.scene.has("storm"):
        _lightning(view)
    if view.scene.has("fireworks"):
        _fireworks(view)


def paint_in_front(view: View) -> None:
    """Paint everything that falls in front of the subjects."""
    scene = view.scene
    if scene.has("fog"):
        _fog(view)
    if scene.has("rain", "storm"):
        _rain(view, 1.6 if scene.has("storm") else 1.0)
    if scene.has("snowfall") or (
        scene.season == "winter" and "snowfall" not in scene.banned and view.rng.random() < 0.5
    ):
        _snow(view, 1.0 if scene.has("snowfall") else 0.35)
    if scene.has("petals") or (scene.season in ("spring", "autumn") and view.rng.random() < 0.75):
        _petals(view)
    if scene.has("wind"):
        _wind(view)


def _lightning(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    for _ in range(rng.randint(1, 2)):
        x, y = canvas.width * rng.uniform(0.2, 0.8), view.horizon * 0.12
        points: list[Point] = [(x, y)]
        while y < view.horizon:
            x += rng.uniform(-1, 1) * canvas.unit * 0.05
            y += view.horizon * rng.uniform(0.06, 0.12)
            points.append((x, y))
        canvas.glow(points[len(points) // 2][0], view.horizon * 0.4, canvas.unit * 0.6, (170, 180, 255), 0.4)
        branch = [
            points[3],
            *[
                (points[3][0] + canvas.unit * 0.05 * k, points[3][1] + canvas.unit * 0.06 * k + rng.uniform(-8, 8))
                for k in (1, 2, 3)
            ],
        ]
        for wide, tone, alpha in ((0.02, (150, 160, 255), 0.25), (0.008, (220, 225, 255), 0.7), (0.0035, WHITE, 1.0)):
            canvas.lines([points, branch], max(1.0, canvas.unit * wide), tone, alpha)


def _fireworks(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    for _ in range(6):
        x, y = canvas.width * rng.uniform(0.1, 0.9), view.horizon * rng.uniform(0.1, 0.55)
        reach, tone = (
            canvas.unit * rng.uniform(0.09, 0.2),
            rgb(rng.choice(("#ff5a6a", "#ffd25a", "#6ad0ff", "#b58aff", "#7af0a0", "#ff9ad0"))),
        )
        canvas.glow(x, y, reach * 1.3, tone, 0.35)
        rays, dots = [], []
        for k in range(26):
            a, r = k * math.tau / 26, reach * rng.uniform(0.75, 1.0)
            end = (x + math.cos(a) * r, y + math.sin(a) * r + r * 0.12)
            rays.append([(x + math.cos(a) * r * 0.25, y + math.sin(a) * r * 0.25), end])
            dots.append((*end, canvas.unit * 0.004, canvas.unit * 0.004))
        canvas.lines(rays, max(0.7, canvas.unit * 0.0022), tone, 0.85)
        canvas.ovals(dots, mix(tone, WHITE, 0.6))


def _fog(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    canvas.veil(view.horizon * 0.35, view.horizon, view.palette.haze, 0.0, 0.46)
    canvas.veil(view.horizon, canvas.height, view.palette.haze, 0.46, 0.08)
    pale = mix(view.palette.haze, WHITE, 0.25)
    for _ in range(7):
        y = view.horizon + (canvas.height - view.horizon) * rng.uniform(-0.3, 0.8)
        canvas.halo(
            rng.uniform(0, canvas.width),
            y,
            canvas.width * rng.uniform(0.3, 0.6),
            canvas.unit * rng.uniform(0.04, 0.1),
            pale,
            0.55,
            1.4,
        )


def _rain(view: View, force: float) -> None:
    canvas, rng = view.canvas, view.rng
    lean = rng.choice((-1, 1)) * (0.12 + 0.14 * (force - 1))
    tone = mix(view.palette.sky[-1], WHITE, 0.55)
    for size, count, alpha in ((0.028, 170, 0.34), (0.055, 110, 0.5)):
        drops = []
        for _ in range(round(count * force)):
            x, y = rng.uniform(-0.1, 1.1) * canvas.width, rng.uniform(-0.05, 1.0) * canvas.height
            long = canvas.unit * size * rng.uniform(0.7, 1.3)
            drops.append([(x, y), (x + long * lean, y + long)])
        canvas.lines(drops, max(0.6, canvas.unit * 0.0016 * (1 + size * 8)), tone, alpha)


def _snow(view: View, amount: float) -> None:
    canvas, rng = view.canvas, view.rng
    for size, count, alpha in ((0.0022, 150, 0.7), (0.0042, 90, 0.85), (0.008, 26, 0.6)):
        flakes = [
            (rng.uniform(0, canvas.width), rng.uniform(0, canvas.height), canvas.unit * size * rng.uniform(0.7, 1.3))
            for _ in range(round(count * amount))
        ]
        canvas.ovals(
            [(x, y, max(0.6, r), max(0.6, r)) for x, y, r in flakes], mix(WHITE, view.palette.ambient, 0.06), alpha
        )


def _petals(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    tones = view.palette.blooms if view.scene.season == "autumn" else view.palette.blooms[:3]
    for tone in tones:
        canvas.shapes([_petal(canvas, rng) for _ in range(11)], view.palette.lit(tone), 0.92)


def _petal(canvas: Canvas, rng: random.Random) -> list[Point]:
    x, y = rng.uniform(0, canvas.width), rng.uniform(0, canvas.height)
    r, a = canvas.unit * rng.uniform(0.006, 0.013), rng.uniform(0, 6.28)
    c, s = math.cos(a) * r, math.sin(a) * r
    return list(
        curve([(x - c, y - s), (x + s * 0.5, y - c * 0.5), (x + c, y + s), (x - s * 0.5, y + c * 0.5)], closed=True)
    )


def _wind(view: View) -> None:
    canvas, rng = view.canvas, view.rng
    swirls = []
    for _ in range(9):
        x, y, long = (
            rng.uniform(-0.1, 0.8) * canvas.width,
            rng.uniform(0.1, 0.85) * canvas.height,
            canvas.unit * rng.uniform(0.15, 0.35),
        )
        curl = long * 0.12
        swirls.append(
            curve(
                [
                    (x, y),
                    (x + long * 0.4, y - curl * 0.5),
                    (x + long * 0.8, y),
                    (x + long, y - curl),
                    (x + long * 0.86, y - curl * 1.7),
                    (x + long * 0.78, y - curl),
                ],
                False,
            )
        )
    canvas.lines(swirls, max(0.8, canvas.unit * 0.003), mix(view.palette.sky[-1], WHITE, 0.6), 0.55)
