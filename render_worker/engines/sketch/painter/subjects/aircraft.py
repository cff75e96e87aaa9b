"""Flying craft and planets: balloon, aeroplane, airship, rocket, saucer, satellite, kite."""

import math

from ..canvas.color import RGB, WHITE, darker, hsv, lighter, mix, rgb
from ..canvas.outline import outline, stroke
from ..canvas.pen import Pen
from .look import Look


def balloon(pen: Pen, look: Look) -> None:
    """Paint a striped hot-air balloon."""
    main = look.of("#d9483f", "#e8953a", "#2f7f9a", "#8a4fa0", "#e8567a")
    other = look.pick("#fbe9c6", "#f7c64f", "#ffffff") if look.colour is None else lighter(main, 0.65)
    gores = 7
    for i in range(gores):
        left, right = math.sin(math.pi * (i / gores - 0.5)), math.sin(math.pi * ((i + 1) / gores - 0.5))
        tone = main if i % 2 == 0 else other
        tone = darker(tone, 0.05 * abs(i - 2.0))
        pen.shape([*_gore(left), *_gore(right)[::-1]], tone)
    band = [(37 + s * w, y) for s, rows in ((-1, ((33.5, 44), (32, 52))), (1, ((32, 52), (33.5, 44)))) for w, y in rows]
    pen.shape(band, darker(main, 0.15))
    for x, foot in ((30, 33), (44, 41), (37, 37)):
        pen.line([(x, 79), (foot, 90)], 0.7, rgb("#4a3a30"))
    pen.box(31.5, 89, 42.5, 99, rgb("#9a6a3f"), 1.6)
    pen.box(30.8, 88, 43.2, 90.6, rgb("#6b4328"), 1)
    if look.dark:
        pen.lit([(35, 80), (37, 74), (39, 80), (37, 84)], rgb("#ffb54f"))


def _gore(side: float) -> list[tuple[float, float]]:
    profile = ((0, 0), (14, 2.4), (24, 8), (31, 18), (34.4, 32), (32, 46), (25, 60), (16, 71), (8.4, 79))
    return [(37 + side * x, y) for x, y in profile]


def airplane(pen: Pen, look: Look) -> None:
    """Paint an airliner seen from the side, climbing."""
    body = look.of("#f4f4f1")
    trim = look.pick("#d9483f", "#2f6fb5", "#e8953a")
    pen.shape(outline("86,48! 60,20 52,17 50,20! 70,50!"), darker(body, 0.3))
    pen.shape(outline("4,50! 20,36 60,40 120,38 160,40 184,50 186,58 160,68 100,70 40,64"), body)
    pen.shape(outline("4,50! 24,56 100,62 186,57 160,68 100,70 40,64"), darker(body, 0.14))
    pen.shape([(10, 48), (-4, 16), (12, 14), (36, 42)], trim)
    pen.shape([(14, 52), (-4, 46), (4, 44), (30, 50)], darker(trim, 0.2))
    for x in range(50, 156, 11):
        pen.oval(x, 49, 2.4, 2.8, look.window)
    pen.shape(outline("164,44! 176,46 180,51! 164,51!"), rgb("#34506a"))
    pen.shape(outline("110,58! 76,90 58,97 54,93! 80,58!"), darker(body, 0.1))
    pen.shape([(92, 72), (108, 71), (108, 80), (92, 80)], darker(body, 0.3))
    pen.line([(30, 60), (180, 60)], 2, trim)


def airship(pen: Pen, look: Look) -> None:
    """Paint a long airship with fins and a gondola."""
    hull = look.of("#c9c3b5", "#b5764a", "#8fa3b0")
    for y, tip in ((22, 4), (66, 82)):
        pen.shape(
            [(10, y), (-8, tip), (18, tip + (6 if tip < 40 else -6)), (44, y + (6 if tip < 40 else -6))],
            darker(hull, 0.3),
        )
    pen.shape(outline("0,44 30,20 90,10 150,22 178,44 150,66 90,78 30,68"), hull)
    for k, share in enumerate((0.35, 0.7)):
        pen.shape(
            outline(f"0,44 30,{44 + 24 * share} 90,{44 + 34 * share} 150,{44 + 22 * share} 178,44 150,66 90,78 30,68"),
            darker(hull, 0.1 + 0.1 * k),
        )
    pen.shape(outline("70,78! 118,77! 112,92 78,92"), rgb("#5a4034"))
    for x in (80, 91, 102):
        pen.lit_box(x, 81, x + 6, 87, rgb("#ffdf94"))


def rocket(pen: Pen, look: Look) -> None:
    """Paint a finned rocket on a flame."""
    body = look.of("#f2efe9")
    trim = rgb("#d9433f") if look.colour is None else darker(look.colour, 0.3)
    for wide, tall, tone in ((11, 30, "#f2702f"), (7, 22, "#ffb43f"), (3.6, 13, "#fff0b8")):
        pen.lit(
            outline(
                f"{25 - wide},74! {25 + wide},74! {25 + wide * 0.6},{76 + tall * 0.4} "
                f"25,{78 + tall}! {25 - wide * 0.6},{76 + tall * 0.4}"
            ),
            rgb(tone),
        )
    for s in (-1, 1):
        pen.shape(
            outline(f"{25 + s * 12},46! {25 + s * 26},66 {25 + s * 26},84! {25 + s * 10},72!"),
            darker(trim, 0.12 if s > 0 else 0.0),
        )
    hull = outline("25,-8! 36,8 40,28 39,54 34,74! 16,74! 11,54 10,28 14,8")
    pen.shape(hull, body)
    pen.shade(outline("29,-20 60,-20 60,90 28,90 32,40"), darker(body, 0.18), hull)
    pen.shade([(0, -20), (60, -20), (60, 10), (0, 10)], trim, hull)
    pen.shade([(0, 62), (60, 62), (60, 66), (0, 66)], trim, hull)
    pen.oval(25, 30, 8, 8, darker(trim, 0.3))
    pen.oval(25, 30, 6, 6, rgb("#7fc4e0"))
    pen.oval(23, 28, 2, 2, WHITE)
    pen.shape(outline("22,54! 28,54! 29,78 25,86 21,78"), trim)


def ufo(pen: Pen, look: Look) -> None:
    """Paint a flying saucer with a beam."""
    hull = look.of("#9aa3b8", "#8d92a8")
    pen.shape([(58, 52), (92, 52), (128, 108), (22, 108)], mix(look.palette.haze, rgb("#c8ff9a"), 0.55))
    pen.shape(outline("48,34 54,14 75,6 96,14 102,34 75,40"), rgb("#8fe0d8"))
    pen.shape(outline("56,26 62,14 72,10 66,20 62,30"), WHITE)
    pen.shape(outline("2,44 30,32 75,28 120,32 148,44 120,56 75,61 30,56"), hull)
    pen.shape(outline("2,44 40,47 75,48 110,47 148,44 120,56 75,61 30,56"), darker(hull, 0.3))
    for x, y in ((24, 47), (48, 51), (75, 52.4), (102, 51), (126, 47)):
        pen.lit([(x + 4 * math.cos(a / 3), y + 3 * math.sin(a / 3)) for a in range(19)], rgb("#fff08a"))


def satellite(pen: Pen, look: Look) -> None:
    """Paint a satellite with two solar wings."""
    body = look.of("#d9b24a", "#c9ccd6")
    for start, end in ((0, 62), (118, 180)):
        pen.shape([(start, 44), (end, 36), (end, 62), (start, 70)], rgb("#2f5fa8"))
        for k in range(1, 5):
            x = start + (end - start) * k / 5
            pen.line([(x, 36), (x, 70)], 1, rgb("#8fb4e8"))
        pen.line([(start, 57), (end, 49)], 1, rgb("#8fb4e8"))
    pen.line([(60, 50), (120, 50)], 3, rgb("#8d92a0"))
    pen.box(74, 28, 106, 78, body, 3)
    pen.box(92, 28, 106, 78, darker(body, 0.25), 3)
    pen.shape(outline("70,22! 90,30 110,22! 104,12 76,12"), rgb("#eef0f4"))
    pen.line([(90, 24), (90, 2)], 1.6, rgb("#c9ccd6"))
    pen.lit(outline("90,-2 93,1 90,4 87,1"), rgb("#ff7a6a"))


def planet(pen: Pen, look: Look) -> None:
    """Paint a banded planet, often ringed."""
    rng = look.rng
    own = look.colour or hsv(rng.random(), rng.uniform(0.35, 0.7), rng.uniform(0.75, 0.95))
    ringed = rng.random() < 0.65
    if ringed:
        _rings(pen, own, 180, 360)
    ball = outline("70,14 95,24 106,50 95,76 70,86 45,76 34,50 45,24")
    pen.shape(ball, own)
    for _ in range(6):
        y, tall = rng.uniform(16, 80), rng.uniform(2, 8)
        tone = mix(own, rng.choice((WHITE, darker(own, 0.5), hsv(rng.random(), 0.5, 0.9))), 0.35)
        pen.shade(
            outline(f"30,{y} 70,{y + rng.uniform(1, 5)} 110,{y} 110,{y + tall} 70,{y + tall + 4} 30,{y + tall}"),
            tone,
            ball,
        )
    pen.oval(86, 60, 7, 4, mix(own, rgb("#f2d0a0"), 0.4))
    pen.shade(outline("84,0 130,0 130,100 62,100 92,72 98,40"), darker(own, 0.5), ball)
    if ringed:
        _rings(pen, own, 0, 180)


def _rings(pen: Pen, own: RGB, start: float, end: float) -> None:
    for r, wide, tone in ((66, 5, lighter(own, 0.5)), (60, 3, darker(own, 0.2)), (54, 4, lighter(own, 0.25))):
        pen.arc((70 - r, 50 - r * 0.3, 70 + r, 50 + r * 0.3), start, end, wide, tone)


def kite(pen: Pen, look: Look) -> None:
    """Paint a diamond kite with a ribboned tail."""
    main = look.of("#e2483f", "#2f8fb5", "#f0b53a")
    tail = stroke("40,66 30,76 44,86 32,98 40,108")
    pen.line(tail, 1, rgb("#f0ece4"))
    for x, y in ((33, 74), (43, 86), (33, 98)):
        pen.shape([(x - 5, y - 3), (x, y), (x - 5, y + 3)], lighter(main, 0.3))
        pen.shape([(x + 5, y - 3), (x, y), (x + 5, y + 3)], main)
    pen.shape([(40, 0), (68, 26), (40, 66)], darker(main, 0.15))
    pen.shape([(40, 0), (12, 26), (40, 66)], main)
    pen.shape([(40, 0), (40, 26), (12, 26)], rgb("#fbe3a0"))
    pen.shape([(40, 26), (68, 26), (40, 66)], mix(main, rgb("#3a2f6a"), 0.55))


AIRCRAFT = {
    "balloon": balloon, "airplane": airplane, "airship": airship, "rocket": rocket, "ufo": ufo, "satellite": satellite,
    "planet": planet, "kite": kite,
}  # fmt: skip
