"""A stylised head and shoulders."""

from render_worker.painter.color import RGB, WHITE, darker, lighter, mix, rgb
from render_worker.painter.look import Look
from render_worker.painter.outline import mirrored, outline, stroke
from render_worker.painter.pen import Pen

_FACE = outline("46,16 60,20 66,34 65,48 59,60 50,67 46,68 42,67 33,60 27,48 26,34 32,20")
_NECK = outline("37,54 55,54 56,72 66,78 46,92 26,78 36,72")
_SHOULDERS = outline("30,76 37,73 46,84 55,73 62,76 80,82 90,96 93,114! -1,114! 2,96 12,82")
_LONG = outline("46,5 64,10 74,28 74,50 80,72 72,88 62,82 46,60 30,82 20,88 12,72 18,50 18,28 28,10")
_BOB = outline("46,5 64,9 74,26 74,48 70,62 60,62 46,40 32,62 22,62 18,48 18,26 28,9")
_FRINGE = (
    outline("24,40 24,20 36,8 54,8 68,20 69,40! 64,30 56,22! 44,30 30,32"),
    outline("24,38 26,16 46,6 66,16 69,40! 62,26 46,20 30,28"),
)


def portrait(pen: Pen, look: Look) -> None:
    """A face turned to you; hair, skin and dress vary."""
    rng = look.rng
    skin, hair = (
        look.pick("#f3cdb0", "#e0ab80", "#b97a52", "#8a5539", "#5f3a2a"),
        look.pick("#2a2026", "#5a3624", "#b5682f", "#e0bd74", "#b8b4b8", "#7a2f3a"),
    )
    dress = look.of("#c8453a", "#2f6f8f", "#e0a23d", "#3f7a5a", "#6a4a9a", "#2f3447")
    kind = rng.randrange(3)
    if kind < 2:
        pen.shape((_LONG, _BOB)[kind], darker(hair, 0.18))
    else:
        pen.oval(46, 27, 24, 22, darker(hair, 0.1))
    pen.shape(_NECK, darker(skin, 0.16))
    pen.shape(_SHOULDERS, dress)
    pen.shade(outline("46,60 120,60 120,120 58,120"), darker(dress, 0.12), _SHOULDERS)
    pen.shape(outline("37,73 46,84 55,73 58,75 46,92 34,75"), lighter(dress, 0.3))
    for side in (27, 65):
        pen.oval(side, 44, 4, 6, darker(skin, 0.08))
    pen.shape(_FACE, skin)
    pen.shade(outline("50,10 80,10 80,80 46,80 52,56 58,44"), darker(skin, 0.1), _FACE)
    _features(pen, skin, hair, look)
    pen.shape(_FRINGE[kind % 2], hair)
    pen.line(stroke("34,15 44,11 56,12"), 1.2, lighter(hair, 0.3))
    if kind < 2:
        for x in (27, 65):
            pen.oval(x, 52, 1.8, 2.4, rgb("#f0c75a"))


def _features(pen: Pen, skin: RGB, hair: RGB, look: Look) -> None:
    for x in (37, 55):
        pen.oval(x, 53, 4.6, 3, mix(skin, rgb("#e8746a"), 0.3))
    iris = look.pick("#4a7f9a", "#5a8a5a", "#5a3a28", "#3a2a28")
    eye = outline("32,42! 36,39 41,42! 36.6,44.6")
    brow = stroke("31,36.5 36,33.8 42,35.4")
    for flip in (False, True):
        pen.shape(mirrored(eye, 46) if flip else eye, WHITE)
        at = 55.2 if flip else 36.8
        pen.oval(at, 41.8, 2.3, 2.5, iris)
        pen.oval(at, 41.8, 1.2, 1.4, (18, 14, 20))
        pen.oval(at - 0.7, 41, 0.6, 0.6, WHITE)
        lid = stroke("31.4,42 36,38.8 41.4,42")
        pen.line(mirrored(lid, 46) if flip else lid, 1.1, darker(hair, 0.4))
        pen.ribbon(mirrored(brow, 46) if flip else brow, (1, 2, 1), darker(hair, 0.15))
    pen.line(stroke("46,40 48.5,49 45.5,51"), 0.9, darker(skin, 0.26))
    lips = look.pick("#b8474a", "#c9636a", "#a8504a")
    pen.shape(outline("39.5,58! 43.6,56.4 46,57.2 48.4,56.4 52.5,58! 46,60"), darker(lips, 0.12))
    pen.shape(outline("39.5,58! 46,59 52.5,58! 46,62.6"), lighter(lips, 0.12))


PORTRAIT = {"portrait": portrait}
