"""One subject put into the picture: sprite, shadow, bank, reflection, rider, umbrella and lamp light."""

from dataclasses import dataclass

from PIL import Image

from ..canvas.color import RGB, darker, lighter, mix
from ..canvas.outline import curve
from ..canvas.pen import MARGIN, Pen
from ..canvas.raster import gradient
from ..language.scene import Thing
from ..scenery.location import Location
from ..scenery.view import View
from ..styles.focus import OUTLINED
from ..subjects.look import Look
from ..subjects.registry import SUBJECTS, Subject

WET = ("sea", "lake")


@dataclass
class Placement:
    """One sprite to paint: its subject, x and y of its foot and its height, in pixels of the canvas."""

    thing: Thing
    subject: Subject
    x: float
    foot: float
    height: float
    main: bool


def paint_subject(view: View, location: Location, placement: Placement, rider: Thing | None) -> None:
    """Paint one subject with its shadow, bank or reflection, and its rider."""
    look = _look(view, placement.thing)
    sprite = _sprite(view, placement, look, location)
    scale = placement.height / 100
    left = placement.x - sprite.width / 2
    top = placement.foot - placement.height - MARGIN * scale
    stands = placement.subject.stands
    floats = location.whole in ("underwater", "space") or stands in ("air", "orbit", "bust")
    wet = location.floor in (*WET, "river") and not floats
    if stands in ("water", "deep", "leap", "span") and (wet or location.floor == "beach"):
        _reflect(view, sprite, left, placement.foot, scale)
        if stands == "deep":
            sprite = sprite.crop((0, 0, sprite.width, round(sprite.height * 0.7)))
            top += placement.height * 0.3
    elif location.floor in WET and not floats:
        _bank(view, placement)
    elif not floats and location.whole != "table":
        _shadow(view, placement, 0.34)
    elif location.whole == "table":
        _shadow(view, placement, 0.5)
    if stands == "air" and location.whole == "" and placement.thing.name in ("balloon", "heart"):
        view.canvas.glow(
            placement.x, placement.foot - placement.height * 0.6, placement.height * 0.8, view.palette.sun, 0.16
        )
    if look.dark and location.whole not in ("space", "room", "studio", "table"):
        middle = placement.foot - placement.height * 0.5  # a breath of light behind, or dark subjects drown at night
        view.canvas.halo(
            placement.x,
            middle,
            placement.height * 0.75,
            placement.height * 0.65,
            lighter(view.palette.haze, 0.12),
            0.42,
            1.3,
        )
    if rider:
        _mount(view, placement, rider)
    _paste(view, sprite, left, top)
    if (look.dark or "dark" in view.scene.tones) and placement.thing.name in (
        "campfire",
        "candle",
        "lantern",
        "lighthouse",
    ):
        _lamp(view, placement)


def _paste(view: View, sprite: Image.Image, left: float, top: float) -> None:
    view.canvas.lay(sprite, left, top)
    if any(name in OUTLINED for name in view.scene.styles):
        view.canvas.mark_focus(sprite, left, top)


def _look(view: View, thing: Thing) -> Look:
    return Look(thing.colour, view.palette, view.rng, thing.traits, thing.accents)


def _sprite(view: View, placement: Placement, look: Look, location: Location) -> Image.Image:
    pen = Pen(placement.height, placement.subject.aspect)
    placement.subject.paint(pen, look)
    sprite = pen.finish(view.subject_light())
    if view.rng.random() < 0.5 and placement.subject.stands not in ("far", "bust", "span"):
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    haze = {"far": 0.08, "span": 0.08}.get(placement.subject.stands, 0.0)
    if location.whole == "" and (haze or view.scene.has("fog")):
        haze = max(haze, 0.2 if view.scene.has("fog") else 0.0)
        alpha = sprite.getchannel("A")
        sprite = Image.blend(sprite.convert("RGB"), Image.new("RGB", sprite.size, view.palette.haze), haze)
        sprite.putalpha(alpha)
    return sprite


def _mount(view: View, placement: Placement, rider: Thing) -> None:
    """Paint a rider, which the subject painted next hides in part."""
    subject = SUBJECTS[rider.name]
    tall = placement.height * 0.66
    pen = Pen(tall, subject.aspect)
    subject.paint(pen, _look(view, rider))
    sprite = pen.finish(view.subject_light())
    foot = placement.foot - placement.height * 0.38
    view.canvas.lay(sprite, placement.x - sprite.width / 2 - placement.height * 0.04, foot - tall - MARGIN * tall / 100)


def hold_umbrella(view: View, placement: Placement, umbrella: Thing) -> None:
    """Lay an umbrella over the subject that was painted last."""
    subject = SUBJECTS["umbrella"]
    tall = placement.height * (0.74 if placement.thing.name != "couple" else 0.8)
    pen = Pen(tall, subject.aspect)
    subject.paint(pen, _look(view, umbrella))
    sprite = pen.finish(view.subject_light())
    foot = placement.foot - placement.height * (0.5 if placement.thing.name != "child" else 0.33)
    view.canvas.lay(sprite, placement.x - sprite.width / 2 + placement.height * 0.02, foot - tall - MARGIN * tall / 100)


def _shadow(view: View, placement: Placement, strength: float) -> None:
    wide = placement.height * placement.subject.aspect * 0.5
    lean = -view.side * wide * 0.22
    dark = darker(view.palette.lit(view.palette.rock), 0.75)
    view.canvas.halo(placement.x + lean, placement.foot, wide * 1.15, max(3.0, wide * 0.2), dark, strength * 1.9, 0.9)


def _reflect(view: View, sprite: Image.Image, left: float, foot: float, scale: float) -> None:
    """Lay a squashed, fading mirror image under a floating sprite."""
    margin = round(MARGIN * scale)
    body = sprite.crop((0, 0, sprite.width, max(2, sprite.height - margin)))
    tall = max(2, round(body.height * 0.6))
    mirror = body.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((body.width, tall), Image.Resampling.BILINEAR)
    ramp = gradient(mirror.size, ((150, 150, 150), (80, 80, 80), (0, 0, 0))).getchannel(0)
    mirror.putalpha(Image.composite(mirror.getchannel("A"), Image.new("L", mirror.size), ramp))
    y, strip = 0, 3
    while y < tall:
        shift = round(scale * 2.4 * ((y // strip) % 3 - 1) * (0.3 + y / tall))
        part = mirror.crop((0, y, mirror.width, min(tall, y + strip)))
        view.canvas.lay(part, left + shift, foot - scale * 2 + y)
        y += strip
    glint = mix(view.palette.sky[-1], (255, 255, 255), 0.4)
    wide = sprite.width * 0.34
    middle = left + sprite.width / 2
    lines = [
        [(middle - wide * (1 - 0.24 * i), foot + scale * 3 * i), (middle + wide * (1 - 0.3 * i), foot + scale * 3 * i)]
        for i in range(3)
    ]
    view.canvas.lines(lines, max(0.6, scale * 0.7), glint, 0.45)


def _bank(view: View, placement: Placement) -> None:
    """Paint a piece of land in the water for a subject that stands on land."""
    canvas, palette = view.canvas, view.palette
    wide = max(placement.height * placement.subject.aspect * 0.85, canvas.unit * 0.2)
    x, y = placement.x, placement.foot
    drop = min(canvas.unit * 0.1, wide * 0.24)
    tone: RGB = palette.lit(
        palette.snow if palette.season == "winter" else mix(palette.grass, palette.rock, 0.35), 0.06
    )
    knots = [
        (x - wide, y + drop),
        (x - wide * 0.7, y + drop * 0.25),
        (x - wide * 0.25, y - drop * 0.12),
        (x + wide * 0.3, y - drop * 0.08),
        (x + wide * 0.75, y + drop * 0.35),
        (x + wide * 1.05, y + drop),
    ]
    top = curve(knots, closed=False)
    canvas.halo(x, y + drop * 1.1, wide * 1.1, drop * 0.7, darker(palette.lit(palette.water), 0.6), 0.9, 0.8)
    canvas.polygon(
        [*top, (x + wide * 0.6, y + drop * 1.22), (x - wide * 0.6, y + drop * 1.22)],
        (lighter(tone, 0.1), darker(tone, 0.45)),
    )
    _shadow(view, placement, 0.3)


def _lamp(view: View, placement: Placement) -> None:
    canvas, x = view.canvas, placement.x
    y = placement.foot - placement.height * (0.78 if placement.thing.name == "lighthouse" else 0.5)
    warm = (255, 196, 110)
    canvas.glow(x, y, placement.height * 0.9, warm, 0.42)
    if placement.thing.name == "lighthouse":
        far = -1 if x > canvas.width / 2 else 1
        for spread, alpha in ((0.16, 0.2), (0.08, 0.25)):
            reach = canvas.width * 0.9 * far
            canvas.polygon(
                [(x, y), (x + reach, y - abs(reach) * (spread + 0.06)), (x + reach, y + abs(reach) * (spread - 0.06))],
                (255, 236, 170),
                alpha,
            )
