"""Animals of the water: fish, whale, dolphin, shark, turtle, octopus, jellyfish, crab."""

from ..canvas.color import BLACK, WHITE, darker, lighter, mix, rgb
from ..canvas.outline import mirrored, outline, stroke
from ..canvas.pen import Pen
from .look import Look


def fish(pen: Pen, look: Look) -> None:
    """Paint a banded tropical fish."""
    coat = look.of("#f28a2e", "#f2c531", "#4f8fe0", "#e0566a")
    body = outline("22,52 40,26 70,16 104,26 124,48 104,74 70,86 40,76")
    pen.shape(outline("30,52 12,30 -6,22! 2,50 -6,84! 14,74"), darker(coat, 0.2))
    pen.shape(outline("50,24 64,2 92,4! 96,24"), darker(coat, 0.15))
    pen.shape(outline("58,82 66,98 82,96! 84,80"), darker(coat, 0.15))
    pen.shape(body, coat)
    for x, w in ((46, 8), (76, 10), (100, 6)):
        pen.shade(outline(f"{x},0 {x + w},0 {x + w + 4},50 {x + w},100 {x},100 {x + 4},50"), rgb("#fdf6e6"), body)
    pen.shape(outline("74,52 62,42 52,48 56,62 70,62"), darker(coat, 0.22))
    pen.oval(110, 44, 5, 5.4, WHITE)
    pen.oval(111, 44, 3, 3.4, BLACK)
    pen.line(stroke("123,52 117,57 113,56"), 1.2, darker(coat, 0.5))


def whale(pen: Pen, look: Look) -> None:
    """Paint a blue whale with a pale grooved belly."""
    coat = look.of("#3a5f8a", "#40617a")
    body = outline("10,48 26,60 46,52 70,36 104,26 138,32 158,50 156,68 138,82 100,88 66,82 40,72 22,68")
    pen.shape(outline("22,66 8,52 -8,46! -4,32 10,34 18,44 22,30 36,26! 34,42 28,58"), darker(coat, 0.15))
    pen.shape(body, coat)
    belly = outline("50,74 90,70 130,68 158,60 156,72 138,84 100,90 66,84")
    pen.shade(belly, lighter(coat, 0.7), body)
    for y in (75, 79, 83):
        pen.line(stroke(f"70,{y + 1} 100,{y + 2} 134,{y - 3} 150,{y - 8}"), 0.9, lighter(coat, 0.35))
    pen.shape(outline("106,70 98,88 84,98! 88,80 96,68"), darker(coat, 0.25))
    pen.oval(136, 60, 2.2, 2.2, BLACK)
    pen.oval(135.4, 59.4, 0.8, 0.8, WHITE)
    pen.line(stroke("157,62 146,65 134,67"), 1.1, darker(coat, 0.4))


def dolphin(pen: Pen, look: Look) -> None:
    """Paint a leaping dolphin."""
    coat = look.of("#5f86a8", "#6f8fa0")
    body = outline("6,92 20,66 40,42 66,28 92,30 104,38 120,46! 116,51 104,52 92,60 70,60 46,70 26,88")
    pen.shape(outline("14,86 2,84 -8,92! -2,98 6,94 12,104! 20,96 18,86"), darker(coat, 0.2))
    pen.shape(outline("62,32 56,12 44,8! 48,24 52,38"), darker(coat, 0.15))
    pen.shape(body, coat)
    pen.shade(outline("30,90 50,64 76,52 106,48 118,50 100,66 60,76"), lighter(coat, 0.65), body)
    pen.shape(outline("80,56 78,74 68,84! 68,68 70,58"), darker(coat, 0.25))
    pen.oval(100, 43, 1.8, 1.8, BLACK)


def shark(pen: Pen, look: Look) -> None:
    """Paint a shark."""
    coat = look.of("#64748a")
    body = outline("12,54 34,44 64,34 98,32 128,42 144,52 130,62 100,70 62,66 34,60")
    pen.shape(outline("22,54 6,34 -6,26! -2,46 4,56 -2,76! 14,66"), coat)
    pen.shape(outline("66,38 72,14 64,4! 92,20 98,36"), darker(coat, 0.12))
    pen.shape(body, coat)
    pen.shade(outline("30,60 70,58 110,56 146,54 130,66 100,74 60,70"), lighter(coat, 0.75), body)
    pen.shape(outline("92,62 84,84 72,92! 74,74 78,62"), darker(coat, 0.2))
    for x in (98, 102, 106):
        pen.line(stroke(f"{x},46 {x - 2},51 {x},56"), 1, darker(coat, 0.4))
    pen.oval(126, 48, 1.9, 1.9, BLACK)
    pen.line(stroke("138,58 130,59 122,62"), 1.2, darker(coat, 0.6))


def turtle(pen: Pen, look: Look) -> None:
    """Paint a swimming turtle."""
    coat = look.of("#4f9a62", "#6a8a4a")
    shell = outline("20,54 32,32 60,20 90,28 106,46 100,62 70,72 38,70")
    for flipper in (
        "88,62 92,84 84,102! 72,84 74,66",
        "34,64 26,82 14,90! 18,70 26,58",
        "94,36 108,20 122,16! 114,34 102,46",
    ):
        pen.shape(outline(flipper), darker(coat, 0.1))
    pen.shape(outline("100,46 114,38 128,42 131,52 122,60 106,60"), lighter(coat, 0.15))
    pen.shape(shell, darker(mix(coat, rgb("#6a4a2a"), 0.5), 0.15))
    for x, y, r in ((44, 46, 10), (63, 38, 11), (82, 45, 10), (54, 60, 9), (74, 60, 9)):
        pen.shade(
            outline(
                f"{x - r},{y} {x - r / 2},{y - r * 0.8}! {x + r / 2},{y - r * 0.8}! "
                f"{x + r},{y} {x + r / 2},{y + r * 0.8}! {x - r / 2},{y + r * 0.8}!"
            ),
            mix(coat, rgb("#c9a45a"), 0.5),
            shell,
        )
    pen.oval(121, 47, 2, 2.1, BLACK)


def octopus(pen: Pen, look: Look) -> None:
    """Paint an octopus with curling arms."""
    coat = look.of("#c8566a", "#d9764a", "#8a5ab0")
    for i, path in enumerate(
        (
            "36,56 20,66 8,84 -4,80",
            "40,60 30,78 22,96 10,97",
            "46,62 42,82 46,98 36,102",
            "54,62 58,82 54,98 64,102",
            "60,60 70,78 78,96 90,97",
            "64,56 80,66 92,84 104,80",
        )
    ):
        pen.ribbon(stroke(path), (14, 9, 5, 2), darker(coat, 0.08 + 0.08 * (i % 2)))
    pen.shape(outline("50,0 72,10 80,32 72,52 66,64 34,64 28,52 20,32 28,10"), coat)
    pen.oval(41, 18, 8, 11, lighter(coat, 0.18))
    for x in (40, 60):
        pen.oval(x, 46, 7, 7.4, WHITE)
        pen.oval(x + 0.8, 47, 3.6, 4, BLACK)
    pen.line(stroke("45,57 50,60 55,57"), 1.2, darker(coat, 0.5))


def jellyfish(pen: Pen, look: Look) -> None:
    """Paint a glowing jellyfish."""
    coat = look.of("#e58fd0", "#8fb8f0", "#b09af0")
    for k in range(-3, 4):
        x = 40 + k * 9
        pen.ribbon(
            stroke(f"{x},40 {x + 5},58 {x - 4},76 {x + 3},{98 - abs(k) * 4}"), (3, 2, 0.8), mix(coat, WHITE, 0.25)
        )
    pen.shape(outline("2,42 8,16 28,2 52,2 72,16 78,42! 66,47 54,43 40,48 26,43 14,47"), coat)
    pen.shape(outline("14,34 20,16 34,8 30,22 24,36"), lighter(coat, 0.5))
    pen.lit(outline("34,34 40,24 46,34 40,40"), lighter(coat, 0.6))


def crab(pen: Pen, look: Look) -> None:
    """Paint a crab with raised claws."""
    coat = look.of("#e0583a")
    for s in (-1, 1):
        for k in range(3):
            pen.ribbon(
                stroke(
                    f"{60 + s * 26},{68 + k * 6} {60 + s * (48 + k * 2)},{66 + k * 9} "
                    f"{60 + s * (54 - k * 3)},{86 + k * 6}"
                ),
                (5, 4, 1.6),
                darker(coat, 0.2),
            )
        pen.ribbon(stroke(f"{60 + s * 28},58 {60 + s * 48},50 {60 + s * 46},34"), (7, 6, 8), coat)
        claw = outline("106,34 98,18 104,2 110,16 112,2 124,14 118,32")
        pen.shape(claw if s > 0 else mirrored(claw, 60), lighter(coat, 0.1))
        pen.line([(60 + s * 10, 48), (60 + s * 11, 36)], 2.4, coat)
        pen.oval(60 + s * 11, 33, 4.4, 4.6, WHITE)
        pen.oval(60 + s * 11, 33, 2.2, 2.4, BLACK)
    pen.shape(outline("60,44 86,50 94,66 82,84 60,88 38,84 26,66 34,50"), coat)
    pen.line(stroke("50,74 60,79 70,74"), 1.6, darker(coat, 0.5))


SEALIFE = {
    "fish": fish, "whale": whale, "dolphin": dolphin, "shark": shark, "turtle": turtle, "octopus": octopus,
    "jellyfish": jellyfish, "crab": crab,
}  # fmt: skip
