"""Built backdrops: a city's towers with lit windows, and a village of small roofs."""

from ..canvas.board import Board
from ..canvas.color import RGB, darker, lighter, mix, rgb
from .view import View

_NEON = ("#ff3fb4", "#27e1ff", "#ffe14d", "#8f5bff")


def city(view: View) -> None:
    """Paint three rows of towers, the nearest with windows."""
    canvas, palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    reach = min(horizon * 0.86, canvas.unit * 0.72)
    base = view.tint("city", mix(palette.rock, rgb("#46536e"), 0.5))
    canvas.veil(horizon - reach * 0.7, horizon, mix(palette.haze, palette.glow, 0.3 if palette.dark else 0.0), 0.0, 0.5)
    for depth, share, wide in ((0.7, 1.0, 0.085), (0.46, 0.8, 0.1), (0.14, 0.56, 0.125)):
        with Board(canvas, horizon - reach * 1.2, horizon + 2) as board:
            x = -canvas.unit * wide * rng.random()
            while x < canvas.width:
                w = canvas.unit * wide * rng.uniform(0.6, 1.25)
                tall = reach * share * rng.uniform(0.42, 1.0)
                tone = palette.lit(mix(base, rng.choice(_tones(view)), 0.35), depth)
                _tower(view, board, (x, x + w), horizon - tall, tone, depth)
                x += w * rng.uniform(0.92, 1.12)
        canvas.veil(horizon - reach * 0.4, horizon, palette.haze, 0.0, 0.4 * depth)


def _tones(view: View) -> list[RGB]:
    if view.palette.dark:
        return [rgb("#1c2340"), rgb("#2a2450"), rgb("#16304a")]
    return [rgb("#8fa3b8"), rgb("#c98f7a"), rgb("#5d7594"), rgb("#e0c9a6")]


def _tower(view: View, board: Board, span: tuple[float, float], top: float, tone: RGB, depth: float) -> None:
    rng, horizon = view.rng, view.horizon
    x0, x1 = span
    w = x1 - x0
    cap = rng.randrange(5)
    if cap == 0:
        board.polygon([(x0, top), (x0 + w * 0.5, top - w * 0.6), (x1, top)], tone)
    elif cap == 1:
        board.box(x0 + w * 0.2, top - w * 0.35, x1 - w * 0.2, top, tone)
        board.box(x0 + w * 0.38, top - w * 0.65, x1 - w * 0.38, top, tone)
    elif cap == 2:
        board.line([(x0 + w / 2, top), (x0 + w / 2, top - w * 0.8)], max(0.6, w * 0.035), tone)
    elif cap == 3:
        board.polygon([(x0, top), (x1, top - w * 0.4), (x1, top)], tone)
    board.box(x0, top, x1, horizon + 2, tone)
    shade = (x0 + w * 0.62, x1) if view.side < 0 else (x0, x0 + w * 0.38)
    board.box(shade[0], top, shade[1], horizon + 2, darker(tone, 0.14))
    if depth < 0.6:
        _windows(view, board, span, top, tone, depth)


def _windows(view: View, board: Board, span: tuple[float, float], top: float, tone: RGB, depth: float) -> None:
    rng, palette = view.rng, view.palette
    x0, x1 = span
    columns = rng.randint(3, 6)
    gap = (x1 - x0) / columns
    high = gap * rng.uniform(0.7, 1.3)
    lamp = mix(palette.glow, palette.haze, depth * 0.6)
    if palette.dark and "neon" in view.scene.tones and rng.random() < 0.7:
        lamp = rgb(rng.choice(_NEON))
        board.box(x0 + gap * 0.12, top + high, x0 + gap * 0.3, view.horizon, lamp)
    share = 0.48 if palette.dark else 0.14 if palette.time == "sunset" else 0.0
    y = top + high * 0.7
    pane = lighter(tone, 0.16) if not palette.dark else darker(tone, 0.12)
    while y < view.horizon - high * 0.5:
        for i in range(columns):
            x = x0 + gap * i
            colour = lamp if rng.random() < share else pane
            board.box(x + gap * 0.26, y, x + gap * 0.74, y + high * 0.52, colour)
        y += high


def village(view: View) -> None:
    """Paint small houses and a steeple along a slope."""
    canvas, _palette, rng, horizon = view.canvas, view.palette, view.rng, view.horizon
    size = min(horizon * 0.22, canvas.unit * 0.13)
    count = max(4, round(canvas.width / size / 0.85))
    with Board(canvas, horizon - size * 3, horizon + size * 0.3) as board:
        for row, depth in ((0.55, 0.4), (0.12, 0.14)):
            for i in rng.sample(range(count), count):
                x = canvas.width * (i + rng.uniform(0.0, 0.6)) / count
                _cottage(view, board, x, horizon - size * row + 2, size * rng.uniform(0.75, 1.15), depth)
        _steeple(view, board, canvas.width * rng.uniform(0.3, 0.7), size)


def _cottage(view: View, board: Board, x: float, y: float, size: float, depth: float) -> None:
    rng, palette = view.rng, view.palette
    wall = palette.lit(mix(palette.wall, rgb(rng.choice(("#f2d0b0", "#d8e0e4", "#f4ead2", "#e0a98c"))), 0.5), depth)
    roof = palette.lit(mix(palette.roof, rgb(rng.choice(("#a84b3c", "#7a3f3a", "#44566e"))), 0.4), depth)
    if view.scene.season == "winter":
        roof = palette.lit(palette.snow, depth * 0.5)
    w, h = size * 0.8, size * 0.6
    board.box(x, y - h, x + w, y + size * 0.3, wall)
    board.polygon(
        [(x - w * 0.1, y - h), (x + w * 0.2, y - h * 1.75), (x + w * 0.8, y - h * 1.75), (x + w * 1.1, y - h)], roof
    )
    board.box(x + w * 0.66, y - h * 2.05, x + w * 0.78, y - h * 1.6, darker(roof, 0.2))
    pane = palette.glow if palette.dark and rng.random() < 0.75 else darker(wall, 0.45)
    for i in (0.16, 0.58):
        board.box(x + w * i, y - h * 0.72, x + w * (i + 0.24), y - h * 0.34, pane)


def _steeple(view: View, board: Board, x: float, size: float) -> None:
    palette = view.palette
    y, w = view.horizon, size * 0.46
    wall, roof = palette.lit(palette.wall, 0.2), palette.lit(palette.roof, 0.2)
    board.box(x, y - size * 1.5, x + w, y + 2, wall)
    board.box(x + w * 0.6, y - size * 1.5, x + w, y + 2, darker(wall, 0.16))
    board.polygon([(x - w * 0.12, y - size * 1.5), (x + w / 2, y - size * 2.5), (x + w * 1.12, y - size * 1.5)], roof)
    pane = palette.glow if palette.dark else darker(wall, 0.4)
    board.box(x + w * 0.32, y - size * 1.3, x + w * 0.62, y - size * 1.0, pane)
