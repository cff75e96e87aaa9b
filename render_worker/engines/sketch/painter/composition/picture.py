"""Painting a prompt: parse it, choose colours and a location, paint scenery and subjects, apply styles."""

import hashlib
import random

from PIL import Image, ImageEnhance

from ..canvas.raster import Canvas
from ..language.parser import apply_guidance, is_riding, parse
from ..language.scene import Scene
from ..scenery.abstract import paint_abstract
from ..scenery.location import BACKDROPS, FLOORS, WHOLES, Location, choose_location
from ..scenery.palette import choose_palette
from ..scenery.sky import paint_sky
from ..scenery.sun import low_sun
from ..scenery.view import View
from ..scenery.weather import paint_behind_land, paint_in_front
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
    """Return the RGB picture of a prompt, width x height pixels; the same arguments give the same pixels.

    A guidance scale of 7 is neutral: a looser one softens the colours, and below 5 leaves out lesser subjects at random
    and lets the hues wander; a stricter one strengthens the colours.
    """
    key = f"{' '.join(prompt.casefold().split())}|{seed}|{width}x{height}"
    streams = RandomStreams(key)
    scene = apply_guidance(parse(prompt, negative_prompt), guidance_scale, streams.of("literal"))
    canvas = Canvas(width, height)
    if scene.empty:
        paint_abstract(canvas, scene, streams.of("abstract"))
    else:
        _paint_scene(canvas, scene, streams, guidance_scale, is_riding(prompt))
    image = _grade(canvas.image, guidance_scale)
    return apply_styles(image, scene.styles, streams.of("style"), canvas.focus)


class RandomStreams:
    """A random stream for each part of the picture, so that leaving one part out does not shift the others."""

    def __init__(self, key: str) -> None:
        self._key = key

    def of(self, part: str) -> random.Random:
        """Return the stream of one part of the picture."""
        digest = hashlib.sha256(f"{part}|{self._key}".encode("utf-8", "surrogatepass")).digest()
        return random.Random(int.from_bytes(digest, "big"))


def _paint_scene(canvas: Canvas, scene: Scene, streams: RandomStreams, guidance: float, riding: bool) -> None:
    palette = choose_palette(scene, streams.of("palette"), guidance)
    location = choose_location(scene, _homes(scene), streams.of("setting"), canvas.height > canvas.width)
    horizon = canvas.height * location.horizon
    light = paint_sky(canvas, scene, palette, streams.of("sky"), horizon)
    view = View(canvas, scene, palette, streams.of("land"), horizon, light)
    paint_behind_land(view)
    _paint_location(view, location, streams)
    view.rng = streams.of("subjects")
    place_subjects(view, location, riding)
    view.rng = streams.of("weather")
    if location.whole not in ("room", "table", "studio", "space", "underwater"):
        paint_in_front(view)


def _homes(scene: Scene) -> tuple[str, ...]:
    """Return the homes of the main subject; none is indoors if any subject is too big for a room."""
    subjects = [SUBJECTS[thing.name] for thing in scene.things]
    if not subjects:
        return ()
    homes = subjects[0].homes
    if any(subject.stands in ("far", "span", "water") for subject in subjects):
        homes = tuple(home for home in homes if home not in ("room", "table", "studio")) or ("meadow",)
    return homes


def _paint_location(view: View, location: Location, streams: RandomStreams) -> None:
    if location.whole:
        WHOLES[location.whole](view)
        return
    bare = view.canvas.image.copy()
    for name in location.backdrops:
        view.rng = streams.of(name)
        BACKDROPS[name](view)
    if location.floor != "waterfall":
        low_sun(view, bare)
    view.rng = streams.of(location.floor)
    if location.floor == "river":
        FLOORS["snow" if view.scene.season == "winter" else "meadow"](view)
    FLOORS[location.floor](view)
    if location.floor == "waterfall":  # its cliff stands higher than the horizon
        low_sun(view, bare)
    wooded = location.floor == "woodland" or (location.floor == "snow" and "forest" in location.backdrops)
    if wooded and view.palette.time not in ("dawn", "sunset"):  # near trees would hide a low sun
        frame(view)
    if "jungle" in location.backdrops:
        fronds(view)


def _grade(image: Image.Image, guidance: float) -> Image.Image:
    """Return the picture with softer colours if guidance is loose, stronger ones if it is strict; 7 leaves it."""
    if abs(guidance - 7.0) < 0.5:
        return image
    step = (min(20.0, max(0.0, guidance)) - 7.0) / 13
    image = ImageEnhance.Color(image).enhance(1 + 0.45 * step)
    return ImageEnhance.Contrast(image).enhance(1 + 0.16 * step)
