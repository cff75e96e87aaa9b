"""A stylised head and shoulders."""

from ..canvas.color import RGB, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .heads import Person, choose_person
from .look import Look

_SKINS = ("#f3cdb0", "#e0ab80", "#b97a52", "#8a5539", "#5f3a2a")
_HAIRS = ("#2a2026", "#5a3624", "#b5682f", "#e0bd74", "#7a2f3a")
_FACE = outline("46,16 60,20 66,34 65,48 59,60 50,67 46,68 42,67 33,60 27,48 26,34 32,20")
_JAW = outline("46,16 60,19 66.5,32 66,50 62,61 53,69 46,70 39,69 30,61 26,50 25.5,32 32,19")
_NECK = outline("37,54 55,54 56,72 66,78 46,92 26,78 36,72")
_BROAD_NECK = outline("32,54 60,54 62,72 70,80 46,94 22,80 30,72")
_SHOULDERS = outline("30,76 37,73 46,84 55,73 62,76 80,82 90,96 93,114! -1,114! 2,96 12,82")
_BROAD = outline("28,75 35,72 46,84 57,72 64,75 86,80 96,92 99,114! -7,114! -4,92 6,80")
_LONG = outline("46,5 64,10 74,28 74,50 80,72 72,88 62,82 46,60 30,82 20,88 12,72 18,50 18,28 28,10")
_BOB = outline("46,5 64,9 74,26 74,48 70,62 60,62 46,40 32,62 22,62 18,48 18,26 28,9")
_FRINGE = (
    outline("24,40 24,20 36,8 54,8 68,20 69,40! 64,30 56,22! 44,30 30,32"),
    outline("24,38 26,16 46,6 66,16 69,40! 62,26 46,20 30,28"),
)
_SHORT = (
    outline("24,42! 22.5,24 30,10 46,5 62,10 69.5,24 68,42! 65,30 60,23! 48,27 36,25 28,30"),
    outline("24,42! 22,26 28,12 42,3 60,7 70,22 68,42! 65,30 58,22 44,19 33,21! 27,30"),
    outline("24.5,40! 24,25 32,13 46,10 60,13 68,25 67.5,40! 65,30 57,21 46,19 35,21 27,30"),
)
_BEARD = outline("25.5,44! 26,56 32,70 46,79 60,70 66,56 66.5,44! 62,54 56,56.5 46,54.6 36,56.5 30,54")
_HAT = outline("2,26! 20,20 24,-4 36,-9 46,-7 56,-9 68,-4 72,20 90,26! 46,19")


def portrait(pen: Pen, look: Look) -> None:
    """Paint a face turned to the viewer; the words say man or woman, old or young, hat, beard and glasses."""
    person = choose_person(look, 0.6, _SKINS, _HAIRS)
    kind = look.rng.randrange(6)
    if person.male:
        dress = look.of("#2f3f5f", "#4a5a3a", "#6a3a30", "#3a3a44", "#2f6f8f", "#8a6a3a")
    else:
        dress = look.of("#c8453a", "#2f6f8f", "#e0a23d", "#3f7a5a", "#6a4a9a", "#d96f8f")
        _back_hair(pen, person, kind)
    _bust(pen, person, dress)
    _features(pen, person, look)
    if "beard" in look.traits:
        _beard(pen, person, look)
    pen.shape(_SHORT[kind % 3] if person.male else _FRINGE[kind % 2], person.hair)
    pen.line(stroke("34,15 44,11 56,12"), 1.2, lighter(person.hair, 0.3))
    if "glasses" in look.traits:
        _glasses(pen)
    if "hat" in look.traits:
        _hat(pen, look)
    if "crown" in look.traits:
        _crown(pen)
    if not person.male:
        for x in (27, 65):
            pen.oval(x, 52, 1.8, 2.4, rgb("#f0c75a"))


def _back_hair(pen: Pen, person: Person, kind: int) -> None:
    back = darker(person.hair, 0.18)
    if person.old:
        pen.oval(46, 2, 13, 11, back)
        pen.oval(46, 28, 24.5, 24, back)
    else:
        pen.shape((_LONG, _BOB)[kind % 2], back)


def _bust(pen: Pen, person: Person, dress: RGB) -> None:
    skin = person.skin
    shoulders = _BROAD if person.male else _SHOULDERS
    pen.shape(_BROAD_NECK if person.male else _NECK, darker(skin, 0.16))
    pen.shape(shoulders, dress)
    pen.shade(outline("46,60 120,60 120,120 58,120"), darker(dress, 0.12), shoulders)
    if person.male:
        for flip in (False, True):
            collar = ((29, 73), (46, 90), (36, 100), (20, 80))
            pen.shape(mirrored(collar, 46) if flip else collar, lighter(dress, 0.75))
    else:
        pen.shape(outline("37,73 46,84 55,73 58,75 46,92 34,75"), lighter(dress, 0.3))
    for side in (27, 65):
        pen.oval(side, 44, 4, 6, darker(skin, 0.08))
    face = _JAW if person.male else _FACE
    pen.shape(face, skin)
    pen.shade(outline("50,10 80,10 80,80 46,80 52,56 58,44"), darker(skin, 0.1), face)


def _features(pen: Pen, person: Person, look: Look) -> None:
    skin, hair = person.skin, person.hair
    if not person.male:
        for x in (37, 55):
            pen.oval(x, 53, 4.6, 3, mix(skin, rgb("#e8746a"), 0.3))
    iris = look.accent("eyes") or look.pick("#4a7f9a", "#5a8a5a", "#5a3a28", "#3a2a28")
    eye = outline("32,42! 36,39 41,42! 36.6,44.6")
    brow = stroke("31,37 36,35 42,36.2" if person.male else "31,36.5 36,33.8 42,35.4")
    thick = 1.5 if person.male else 1.0
    for flip in (False, True):
        pen.shape(mirrored(eye, 46) if flip else eye, WHITE)
        at = 55.2 if flip else 36.8
        pen.oval(at, 41.8, 2.3, 2.5, iris)
        pen.oval(at, 41.8, 1.2, 1.4, (18, 14, 20))
        pen.oval(at - 0.7, 41, 0.6, 0.6, WHITE)
        lid = stroke("31.4,42 36,38.8 41.4,42")
        pen.line(mirrored(lid, 46) if flip else lid, 0.8 if person.male else 1.3, darker(hair, 0.4))
        pen.ribbon(mirrored(brow, 46) if flip else brow, (thick, 2 * thick, thick), darker(hair, 0.15))
    pen.line(stroke("46,40 49,49.5 45,51.5" if person.male else "46,40 48.5,49 45.5,51"), 0.9, darker(skin, 0.26))
    _mouth(pen, person, look)
    if person.old:
        _wrinkles(pen, darker(skin, 0.24))


def _mouth(pen: Pen, person: Person, look: Look) -> None:
    lips = look.pick("#b8474a", "#c9636a", "#a8504a")
    if person.male:
        lips = mix(lips, person.skin, 0.6)
        pen.shade(_BEARD, mix(person.skin, person.hair, 0.14), _JAW)
    pen.shape(outline("39.5,58! 43.6,56.4 46,57.2 48.4,56.4 52.5,58! 46,60"), darker(lips, 0.12))
    pen.shape(outline("39.5,58! 46,59 52.5,58! 46,62.6"), lighter(lips, 0.12))


def _wrinkles(pen: Pen, tone: RGB) -> None:
    for text in ("32,46.4 36.5,48 41,46.6", "28,41 29.6,43 29,45.4", "36,53 35,57 36.6,60.4"):
        line = stroke(text)
        pen.line(line, 0.7, tone)
        pen.line(mirrored(line, 46), 0.7, tone)
    for y in (29.6, 32.4):
        pen.line(stroke(f"38,{y} 46,{y - 0.8} 54,{y}"), 0.6, tone)


def _beard(pen: Pen, person: Person, look: Look) -> None:
    beard = look.accent("beard") or darker(person.hair, 0.06)
    pen.shape(_BEARD, beard)
    pen.shade(outline("52,40 80,40 80,90 48,90"), darker(beard, 0.14), _BEARD)
    pen.shape(outline("40,60.5! 46,59.4 52,60.5! 46,63.4"), mix(person.skin, rgb("#a8504a"), 0.5))


def _glasses(pen: Pen) -> None:
    for x in (36.6, 55.4):
        pen.ring(x, 42, 6.8, 1.5, rgb("#1e1c26"))
    pen.line([(43, 41), (49, 41)], 1.3, rgb("#1e1c26"))
    for x, out in ((30, 25.6), (62, 66.4)):
        pen.line([(x, 41), (out, 40)], 1.2, rgb("#1e1c26"))


def _hat(pen: Pen, look: Look) -> None:
    felt = look.accent("hat") or look.pick("#6b4a32", "#3a3f52", "#c9a35f", "#7a2f3a")
    pen.shape(_HAT, felt)
    pen.shape(outline("21,14! 46,8 71,14! 72,21! 46,15 20,21!"), darker(felt, 0.4))
    pen.shape(outline("2,26! 20,21 46,16 72,21 90,26! 46,23"), lighter(felt, 0.1))


def _crown(pen: Pen) -> None:
    gold = rgb("#f2c53d")
    pen.shape([(24, 18), (20, -6), (33, 5), (46, -10), (59, 5), (72, -6), (68, 18)], gold)
    pen.shape([(46, -10), (59, 5), (72, -6), (68, 18), (50, 18)], darker(gold, 0.14))
    pen.shape([(24, 13), (68, 13), (68, 18), (24, 18)], darker(gold, 0.28))
    for x, gem in ((32, "#2f6fd6"), (46, "#d9344a"), (60, "#2f9a5a")):
        pen.oval(x, 15.5, 2, 2, rgb(gem))


PORTRAIT = {"portrait": portrait}
