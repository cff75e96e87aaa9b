"""The sketch engine: reads the words of a prompt and paints a scene with Pillow. No model, no network."""

import hashlib
import random

from PIL import Image, ImageEnhance

from ..canvas.raster import Canvas
from ..language.parser import literal, read, rides
from ..language.scene import Scene
from ..scenery.abstract import paint_abstract
from ..scenery.location import BACKDROPS, FLOORS, WHOLES, Setting, choose_setting
from ..scenery.palette import choose_palette
from ..scenery.sky import paint_sky
from ..scenery.sun import low_sun
from ..scenery.view import View
from ..scenery.weather import before_land, over_all
from ..scenery.woods import frame, fronds
from ..styles.registry import apply_styles
from ..subjects.registry import SUBJECTS
from .layout import place_subjects


def paint(
    prompt: str,
    *,
    negative_prompt: str | None = None,
    seed: int,
    guidance_scale: float = 7.0,
    width: int,
    height: int,
) -> Image.Image:
    """Paint a prompt as an RGB picture of width x height pixels; the same arguments give the same pixels."""
    key = f"{' '.join(prompt.casefold().split())}|{seed}|{width}x{height}"
    chance = Chance(key)
    scene = literal(read(prompt, negative_prompt), guidance_scale, chance.of("literal"))
    canvas = Canvas(width, height)
    if scene.empty:
        paint_abstract(canvas, scene, chance.of("abstract"))
    else:
        _paint_scene(canvas, scene, chance, guidance_scale, rides(prompt))
    image = _stressed(canvas.image, guidance_scale)
    return apply_styles(image, scene.styles, chance.of("style"), canvas.focus)


class Chance:
    """Separate random streams for separate parts, so that leaving one thing out does not shift the others."""

    def __init__(self, key: str) -> None:
        self._key = key

    def of(self, part: str) -> random.Random:
        """The stream for one part of the picture."""
        digest = hashlib.sha256(f"{part}|{self._key}".encode("utf-8", "surrogatepass")).digest()
        return random.Random(int.from_bytes(digest, "big"))


def _paint_scene(canvas: Canvas, scene: Scene, chance: Chance, guidance: float, riding: bool) -> None:
    palette = choose_palette(scene, chance.of("palette"), guidance)
    setting = choose_setting(scene, _homes(scene), chance.of("setting"), canvas.height > canvas.width)
    horizon = canvas.height * setting.horizon
    light = paint_sky(canvas, scene, palette, chance.of("sky"), horizon)
    view = View(canvas, scene, palette, chance.of("land"), horizon, light)
    before_land(view)
    _paint_setting(view, setting, chance)
    view.rng = chance.of("subjects")
    place_subjects(view, setting, riding)
    view.rng = chance.of("weather")
    if setting.whole not in ("room", "table", "studio", "space", "underwater"):
        over_all(view)


def _homes(scene: Scene) -> tuple[str, ...]:
    """Where the main subject is at home; never indoors when something named is too big for a room."""
    subjects = [SUBJECTS[thing.name] for thing in scene.things]
    if not subjects:
        return ()
    homes = subjects[0].homes
    if any(subject.stands in ("far", "span", "water") for subject in subjects):
        homes = tuple(home for home in homes if home not in ("room", "table", "studio")) or ("meadow",)
    return homes


def _paint_setting(view: View, setting: Setting, chance: Chance) -> None:
    if setting.whole:
        WHOLES[setting.whole](view)
        return
    bare = view.canvas.image.copy()
    for name in setting.backdrops:
        view.rng = chance.of(name)
        BACKDROPS[name](view)
    if setting.floor != "waterfall":
        low_sun(view, bare)
    view.rng = chance.of(setting.floor)
    if setting.floor == "river":
        FLOORS["snow" if view.scene.season == "winter" else "meadow"](view)
    FLOORS[setting.floor](view)
    if setting.floor == "waterfall":  # its cliff stands higher than the horizon
        low_sun(view, bare)
    wooded = setting.floor == "woodland" or (setting.floor == "snow" and "forest" in setting.backdrops)
    if wooded and view.palette.time not in ("dawn", "sunset"):  # near trees would hide a low sun
        frame(view)
    if "jungle" in setting.backdrops:
        fronds(view)


def _stressed(image: Image.Image, guidance: float) -> Image.Image:
    """Loose guidance softens the colours, strict guidance strengthens them; 7 leaves them."""
    if abs(guidance - 7.0) < 0.5:
        return image
    step = (min(20.0, max(0.0, guidance)) - 7.0) / 13
    image = ImageEnhance.Color(image).enhance(1 + 0.45 * step)
    return ImageEnhance.Contrast(image).enhance(1 + 0.16 * step)
