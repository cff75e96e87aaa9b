"""Heads for full-length people, and what tells people apart: man or woman, old or young, beard, hat, glasses."""

from dataclasses import dataclass

from ..canvas.color import RGB, darker, lighter, rgb
from ..canvas.outline import moved, outline, stroke
from ..canvas.pen import Pen
from .look import Look

SKINS = ("#f2c9a5", "#d9a06f", "#a86d48", "#6f452f")
HAIRS = ("#2c2126", "#5a3825", "#a8672f", "#d9b36a", "#8a3b2a")
GREYS = ("#c9c8cc", "#e4e2df", "#a9a8ae")
_LONG = outline("0,-9 7,-7 9,0 10,12 6,17 0,15 -6,17 -10,12 -9,0 -7,-7")
_CAP = outline("-7,0 -7,-6 0,-9.4 7,-6 7,0! 4,-3 -2,-4! -5,-2")
_CROP = outline("-6.8,-1 -6.8,-6 0,-9 6.8,-6 6.8,-1! 5,-3.6 0,-5.2 -5,-3.6!")
_BEARD = outline("-6.6,0 -6.4,6 -3.4,11 0,12.4 3.4,11 6.4,6 6.6,0! 4,2.6 0,2 -4,2.6!")
_HAT = outline("-11,-3.6! -6.4,-5 -6,-11 -2,-12.4 2,-12 6,-11 6.4,-5 11,-3.6! 0,-2")


@dataclass(frozen=True)
class Person:
    """The person to draw, by the words or else by chance."""

    male: bool
    old: bool
    skin: RGB
    hair: RGB


def choose_person(
    look: Look, female: float = 0.5, skins: tuple[str, ...] = SKINS, hairs: tuple[str, ...] = HAIRS
) -> Person:
    """Return a person: the words decide, else chance with a share of women."""
    chance = look.rng.random() >= female
    male = "male" in look.traits or ("female" not in look.traits and (chance or "beard" in look.traits))
    old = "old" in look.traits
    skin, hair = look.pick(*skins), look.pick(*hairs)
    grey = look.pick(*GREYS)
    if "blond" in look.traits:
        hair = rgb("#e2be6a")
    return Person(male, old, skin, look.accent("hair") or (grey if old else hair))


def head(pen: Pen, x: float, y: float, size: float, look: Look, person: Person) -> None:
    """Paint a small head with hair, and the beard, hat and glasses that the words give it."""
    skin, hair = person.skin, person.hair
    if not person.male and not person.old:
        pen.shape(moved(_LONG, x, y, size), hair)
    elif not person.male:
        pen.oval(x, y - 9 * size, 4.2 * size, 3.8 * size, darker(hair, 0.12))
        pen.oval(x, y - 0.4 * size, 8.4 * size, 8.2 * size, hair)
    wide = 2.8 if person.male else 2.2
    pen.box(x - wide * size, y + 4 * size, x + wide * size, y + 11 * size, darker(skin, 0.14))
    pen.oval(x, y, 6.4 * size, 7.4 * size, skin)
    if "beard" in look.traits:
        pen.shape(moved(_BEARD, x, y, size), look.accent("beard") or darker(hair, 0.06))
        pen.line(stroke(f"{x - 2 * size},{y + 4 * size} {x + 2 * size},{y + 4 * size}"), 0.7 * size, darker(skin, 0.4))
    pen.shape(moved(_CROP if person.male else _CAP, x, y, size), hair)
    if "glasses" in look.traits:
        for side in (-2.9, 2.9):
            pen.ring(x + side * size, y, 2.3 * size, 0.8 * size, rgb("#1e1c26"))
    if "hat" in look.traits:
        hat(pen, x, y, size, look)


def hat(pen: Pen, x: float, y: float, size: float, look: Look) -> None:
    """Paint a hat with a brim and a band."""
    felt = look.accent("hat") or look.pick("#6b4a32", "#3a3f52", "#c9a35f", "#7a2f3a")
    pen.shape(moved(_HAT, x, y, size), felt)
    pen.shape(
        moved(((-6.6, -6.4), (6.6, -6.4), (6.8, -4.6), (-6.8, -4.6)), x, y, size),
        lighter(felt, 0.4) if sum(felt) < 200 else darker(felt, 0.35),
    )
