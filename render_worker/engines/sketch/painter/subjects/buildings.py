"""Buildings: house, castle, lighthouse, church, tower, tent, igloo."""

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import outline
from ..canvas.pen import Pen
from .look import Look


def pane(pen: Pen, look: Look, x: float, y: float, wide: float, tall: float, arched: bool = False) -> None:
    """Paint one window, lit if it is dark."""
    points = [(x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall)]
    if arched:
        points = [
            (x, y + wide * 0.5),
            (x + wide * 0.16, y + wide * 0.14),
            (x + wide * 0.5, y),
            (x + wide * 0.84, y + wide * 0.14),
            (x + wide, y + wide * 0.5),
            (x + wide, y + tall),
            (x, y + tall),
        ]
    if look.dark:
        pen.lit(points, look.window)
    else:
        pen.shape(points, look.window)
        pen.shape([points[0], points[1], (x + wide * 0.2, y + tall * 0.7)], lighter(look.window, 0.3))


def house(pen: Pen, look: Look) -> None:
    """Paint a gabled house with a chimney, a door and window boxes."""
    wall = look.of("#f2dcc0", "#e8e2d6", "#d9a88a", "#c8d2c9")
    roof = look.pick("#a8443a", "#7a4038", "#4a5f78") if look.colour is None else darker(look.colour, 0.45)
    if look.winter:
        roof = look.palette.snow
    pen.box(86, 4, 98, 34, rgb("#9a5a48"))
    pen.box(84, 1, 100, 7, darker(rgb("#9a5a48"), 0.2))
    pen.box(48, 44, 112, 99, wall)
    pen.shape([(44, 46), (56, 18), (104, 18), (117, 46)], roof)
    for y in (25, 32, 39):
        pen.line([(53 - (y - 25) * 0.42, y), (107 + (y - 25) * 0.42, y)], 0.9, darker(roof, 0.18))
    pen.shape([(8, 99), (8, 46), (32, 16), (56, 46), (56, 99)], lighter(wall, 0.18))
    pen.shape([(1, 50), (32, 10), (63, 50), (58, 52), (32, 20), (6, 52)], darker(roof, 0.12))
    pane(pen, look, 26, 34, 12, 13, True)
    for x, y in ((15, 60), (66, 58), (90, 58)):
        pen.box(x - 2, y - 2, x + 16, y + 18, WHITE)
        pane(pen, look, x, y, 14, 16)
        pen.line([(x + 7, y), (x + 7, y + 16)], 1.1, WHITE)
        pen.line([(x, y + 8), (x + 14, y + 8)], 1.1, WHITE)
        pen.box(x - 3, y + 17, x + 17, y + 20, rgb("#7a4a34"))
        for k in range(5):
            pen.oval(x - 1 + k * 4, y + 16, 2.4, 2.4, look.palette.blooms[k % len(look.palette.blooms)])
    pen.box(38, 68, 51, 99, darker(roof, 0.3), 1)
    pen.oval(48, 84, 1.2, 1.2, rgb("#f0c75a"))


def _turret(pen: Pen, look: Look, span: tuple[float, float], top: float, stone: RGB, roof: RGB) -> None:
    x0, x1 = span
    w = x1 - x0
    pen.box(x0, top, x1, 100, stone)
    pen.box(x0 + w * 0.62, top, x1, 100, darker(stone, 0.16))
    pen.box(x0 - w * 0.12, top - 2, x1 + w * 0.12, top + 4, lighter(stone, 0.12))
    pen.shape([(x0 - w * 0.2, top - 2), (x0 + w / 2, top - 2 - w * 1.55), (x1 + w * 0.2, top - 2)], roof)
    pen.shape([(x0 + w * 0.6, top - 2), (x0 + w / 2, top - 2 - w * 1.55), (x1 + w * 0.2, top - 2)], darker(roof, 0.25))
    flag = top - 2 - w * 1.55
    pen.line([(x0 + w / 2, flag + 2), (x0 + w / 2, flag - 8)], 0.8, rgb("#4a4040"))
    pen.shape([(x0 + w / 2, flag - 8), (x0 + w / 2 + 8, flag - 5.6), (x0 + w / 2, flag - 3)], rgb("#e2b53a"))
    pane(pen, look, x0 + w * 0.36, top + w * 0.5, w * 0.26, w * 0.55, True)


def castle(pen: Pen, look: Look) -> None:
    """Paint a castle of many towers with pointed roofs."""
    stone = look.of("#b9b3bd", "#c9bba8", "#a3a0b5")
    roof = look.pick("#3f5f9a", "#a8443f", "#5a4a8a", "#3f7a80")
    far = mix(stone, look.palette.haze, 0.3)
    _turret(pen, look, (47, 65), 22, far, mix(roof, look.palette.haze, 0.25))
    _turret(pen, look, (24, 37), 42, far, mix(roof, look.palette.haze, 0.2))
    _turret(pen, look, (78, 90), 38, far, mix(roof, look.palette.haze, 0.2))
    pen.box(18, 62, 98, 100, stone)
    for x in range(18, 96, 9):
        pen.box(x, 57, x + 5, 63, stone)
    pen.box(40, 48, 72, 100, lighter(stone, 0.08))
    for x in range(40, 72, 7):
        pen.box(x, 44, x + 4, 49, lighter(stone, 0.08))
    _turret(pen, look, (4, 20), 54, stone, roof)
    _turret(pen, look, (94, 111), 50, stone, roof)
    pen.shape(outline("46,100! 46,78 51,69 56,66 61,69 66,78 66,100!"), darker(stone, 0.35))
    pen.shape(outline("48.6,100! 48.6,79 52,71.6 56,69 60,71.6 63.4,79 63.4,100!"), rgb("#4a3228"))
    for plank in (51.6, 56, 60.4):
        pen.line([(plank, 72), (plank, 100)], 0.7, rgb("#2a1c18"))
    for x in (28, 80, 88):
        pane(pen, look, x, 74, 3.4, 8, True)
    for x in (45, 54, 63):
        pane(pen, look, x, 54, 3.6, 7, True)
    for x, y in ((24, 90), (34, 70), (74, 92), (84, 86), (30, 84), (42, 62), (68, 62)):
        pen.box(x, y, x + 4, y + 1.8, darker(stone, 0.13), 0.5)


def lighthouse(pen: Pen, look: Look) -> None:
    """Paint a banded lighthouse on its rock."""
    band = look.of("#d0413a")
    body = outline("17,92! 19.5,30! 30.5,30! 33,92!")
    pen.shape(outline("-4,100! 2,90 12,86 25,84 38,87 50,91 56,100!"), rgb("#5a5560"))
    pen.shape(outline("10,88 25,85 30,90 20,95"), rgb("#77727d"))
    pen.shape(body, rgb("#f6f1e8"))
    for y in (38, 58, 78):
        pen.shade([(0, y), (60, y - 2), (60, y + 9), (0, y + 11)], band, body)
    pen.shade(
        [(27, 20), (60, 20), (60, 100), (28.4, 100)], darker(band, 0.35), outline("28,92! 27.4,30! 30.5,30! 33,92!")
    )
    for y in (50, 70):
        pane(pen, look, 23.4, y, 3, 5, True)
    pen.box(15.5, 27.4, 34.5, 30.4, rgb("#33313c"), 1)
    for x in range(16, 35, 3):
        pen.line([(x, 23.4), (x, 28)], 0.5, rgb("#33313c"))
    pen.line([(16, 23.6), (34, 23.6)], 0.6, rgb("#33313c"))
    pen.lit_box(20.4, 16.4, 29.6, 27, rgb("#ffe9a0"))
    pen.line([(25, 16), (25, 27)], 0.7, rgb("#33313c"))
    pen.shape(outline("18,16.6! 21,10 25,7 29,10 32,16.6!"), band)
    pen.line([(25, 8), (25, 3)], 0.8, rgb("#33313c"))


def church(pen: Pen, look: Look) -> None:
    """Paint a country church with a steeple."""
    wall = look.of("#f4efe4", "#d9cdb8")
    roof = rgb("#5a4a58")
    pen.box(36, 58, 86, 100, wall)
    pen.shape([(32, 60), (42, 40), (84, 40), (91, 60)], roof)
    for x in (45, 57, 69):
        pane(pen, look, x + 2, 68, 6, 18, True)
    pen.box(10, 42, 36, 100, lighter(wall, 0.2))
    pen.box(27, 42, 36, 100, darker(wall, 0.12))
    pen.shape([(7, 43), (23, 2), (39, 43)], roof)
    pen.shape([(23, 2), (39, 43), (27, 43)], darker(roof, 0.25))
    pen.line([(23, 3), (23, -8)], 1.3, rgb("#d9a83d"))
    pen.line([(19.6, -4.6), (26.4, -4.6)], 1.3, rgb("#d9a83d"))
    pane(pen, look, 19, 48, 8, 13, True)
    pen.shape(outline("17,100! 17,84 23,77 29,84 29,100!"), rgb("#6b4530"))


def tower(pen: Pen, look: Look) -> None:
    """Paint a tall stepped skyscraper with a spire."""
    wall = look.of("#8fa3b8", "#b08a72", "#6f83a0")
    pen.line([(23, 16), (23, -10)], 1.2, lighter(wall, 0.3))
    for x0, top, share in ((14, 14, 0.12), (9, 26, 0.06), (4, 46, 0.0)):
        pen.box(x0, top, 46 - x0, 100, darker(wall, share))
        pen.box(23 + (23 - x0) * 0.3, top, 46 - x0, 100, darker(wall, share + 0.16))
        pen.box(x0 - 0.6, top - 1, 46.6 - x0, top + 0.6, lighter(wall, 0.3))
    for y in range(18, 97, 4):
        edge = 15.6 if y < 26 else 10.6 if y < 46 else 5.6
        x = edge
        while x < 46 - edge - 1:
            if look.dark and look.rng.random() < 0.55:
                pen.lit_box(x, y, x + 1.7, y + 2.2, look.window)
            else:
                pen.box(x, y, x + 1.7, y + 2.2, lighter(look.window, 0.3) if not look.dark else darker(wall, 0.4))
            x += 3.2


def tent(pen: Pen, look: Look) -> None:
    """Paint a small ridge tent."""
    cloth = look.of("#e2793a", "#3f8f8a", "#d9483f")
    pen.shape([(36, 12), (104, 6), (138, 98), (92, 100)], darker(cloth, 0.2))
    pen.shape([(38, 8), (96, 100), (-2, 100)], cloth)
    opening = [(38, 18), (58, 100), (18, 100)]
    pen.lit(opening, rgb("#ffcf7a")) if look.dark else pen.shape(opening, darker(cloth, 0.6))
    pen.shape([(38, 18), (18, 100), (8, 100)], lighter(cloth, 0.3))
    pen.line([(38, 8), (-12, 92)], 0.8, rgb("#efe6d2"))


def igloo(pen: Pen, look: Look) -> None:
    """Paint a dome of snow blocks."""
    snow = look.of("#eaf2f9")
    dome = outline("0,100! 6,60 30,26 66,14 102,26 126,60 132,100!")
    pen.shape(dome, snow)
    for y, shift in ((80, 0), (60, 12), (42, 0)):
        pen.shade([(0, y), (140, y), (140, y + 1.6), (0, y + 1.6)], darker(snow, 0.22), dome)
        for x in range(6 + shift, 140, 26):
            pen.shade([(x, y), (x + 1.6, y), (x + 1.6, y + 20), (x, y + 20)], darker(snow, 0.22), dome)
    pen.shape(outline("84,100! 86,70 106,54 130,62 142,100!"), lighter(snow, 0.2))
    mouth = outline("98,100! 100,78 112,68 126,76 130,100!")
    pen.lit(mouth, rgb("#ffcf7a")) if look.dark else pen.shape(mouth, rgb("#33506f"))


BUILDINGS = {
    "house": house, "castle": castle, "lighthouse": lighthouse, "church": church, "tower": tower, "tent": tent,
    "igloo": igloo,
}  # fmt: skip
