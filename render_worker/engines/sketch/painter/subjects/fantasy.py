"""Beings of legend: mermaid, angel."""

from ..canvas.color import darker, lighter, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .heads import choose_person, head
from .look import Look

_WING = outline("30,36 14,14 4,4 0,18 2,32 6,46 14,58 30,52")
_TAIL = outline("28,44 46,44 48,58 42,74 34,86 22,92 10,90 16,84 24,74 27,58")


def mermaid(pen: Pen, look: Look) -> None:
    """Paint a mermaid with a shining tail."""
    person = choose_person(look, 1.0)
    tail = look.of("#2f9a8a", "#3f7ac0", "#7a5ac0")
    pen.shape(outline("36,6 48,14 50,34 48,50 36,46 24,50 22,34 24,14"), darker(person.hair, 0.1))
    pen.shape(outline("14,86 4,78 -6,82 0,90 -4,100 8,97 18,93"), lighter(tail, 0.25))
    pen.shape(_TAIL, tail)
    for x, y in ((36, 56), (42, 58), (33, 64), (39, 66), (31, 73), (36, 75), (26, 81)):
        pen.arc((x - 3.4, y - 4, x + 3.4, y + 3), 0, 180, 0.9, lighter(tail, 0.45))
    pen.shape(outline("29,26 36,23 44,26 44,38 46,48 28,48 30,38"), person.skin)
    pen.oval(32.6, 31, 4, 3.6, lighter(tail, 0.15))
    pen.oval(40.4, 31, 4, 3.6, lighter(tail, 0.15))
    pen.ribbon(stroke("29,28 22,38 26,50"), (4.6, 4, 3), person.skin)
    pen.ribbon(stroke("44,28 53,34 56,22"), (4.6, 4, 3), person.skin)
    head(pen, 36, 14, 1.05, look, person)


def angel(pen: Pen, look: Look) -> None:
    """Paint an angel with wide wings and a halo."""
    person = choose_person(look, 0.6)
    robe = look.of("#f4efe4", "#e8ecf6", "#f6e6cc")
    for flip in (False, True):
        wing = mirrored(_WING, 40) if flip else _WING
        pen.shape(wing, rgb("#fbfaf6"))
        for text in ("6,18 14,34 28,44", "4,30 14,44 28,50", "12,50 20,52 29,50"):
            feather = stroke(text)
            pen.line(mirrored(feather, 40) if flip else feather, 1.1, rgb("#b9c2d4"))
    pen.shape(outline("31,26 40,23 49,26 50,44 60,97 40,100 20,97 30,44"), robe)
    pen.shape(outline("41,24 49,26 50,44 60,97 46,99 44,60"), darker(robe, 0.14))
    pen.box(30.4, 43, 49.6, 46, rgb("#e0b64a"), 1)
    for s in (-1, 1):
        pen.ribbon(stroke(f"{40 + s * 8},28 {40 + s * 11},38 {40 + s * 2},40"), (7, 6, 4), darker(robe, 0.07))
    pen.oval(40, 39, 3, 3, person.skin)
    head(pen, 40, 15, 1.0, look, person)
    pen.arc((30, -4, 50, 4), 0, 360, 1.8, rgb("#f6cf52"))


FANTASY = {"mermaid": mermaid, "angel": angel}
