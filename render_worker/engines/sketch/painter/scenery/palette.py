"""The palette of a picture, chosen from the time of day, the weather, the season and the colour words."""

import random
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from ..canvas.color import RGB, dyed, luma, mix, rgb, saturated, turned
from ..canvas.pen import Light
from ..language.scene import Scene


@dataclass(frozen=True)
class Palette:
    """Named colours in full daylight, and the light that changes them."""

    sky: tuple[RGB, ...]  # from the top to the horizon
    haze: RGB
    sun: RGB
    glow: RGB
    ambient: RGB
    grass: RGB
    leaf: RGB
    trunk: RGB
    rock: RGB
    sand: RGB
    water: RGB
    snow: RGB
    wall: RGB
    roof: RGB
    blooms: tuple[RGB, ...]
    share: float = 0.0  # how far the ambient colour covers everything
    time: str = "day"
    season: str = "summer"

    @property
    def dark(self) -> bool:
        """Return whether lamps and windows are lit."""
        return self.time in ("night", "dusk")

    def lit(self, colour: RGB, depth: float = 0.0) -> RGB:
        """Return a colour as this light shows it, sunk into the haze by depth 0..1."""
        return mix(mix(colour, self.ambient, self.share), self.haze, depth)

    def light(self, side: int) -> Light:
        """Return the light on a subject; side is -1 if it comes from the left, else 1."""
        strength = {"day": 0.45, "dawn": 0.6, "sunset": 0.75, "dusk": 0.5, "night": 0.5}[self.time]
        return Light(self.ambient, self.share * 0.78, mix(self.sun, (255, 255, 255), 0.2), strength, side)

    def mapped(self, change: Callable[[RGB], RGB]) -> "Palette":
        """Return the palette with every colour changed by the function."""
        changed: dict[str, object] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name in ("sky", "blooms"):
                changed[entry.name] = tuple(change(colour) for colour in value)
            elif isinstance(value, tuple):
                changed[entry.name] = change(value)
        return replace(self, **changed)  # type: ignore[arg-type]  # the names are this class's own fields


SKIES: dict[str, tuple[str, ...]] = {
    "day": (
        "#2f7fc4 #6db5e6 #b5def0 #eaf6f3",
        "#3a86c8 #86c5ea #cfeaf0 #fdf3d8",
        "#3f93b8 #8accd6 #c9e8e0 #f8f1dc",
        "#4a7fd0 #8fb8ec #c6dcf5 #f5efe6",
    ),
    "dawn": (
        "#52659f #a08db8 #e3a9b0 #f9cfa8 #fdeccb",
        "#6a8cc4 #b7b4d8 #f0c2c4 #fcdcb8 #fff3d6",
        "#48739a #8fa9b8 #e6c3a8 #f7dcb0 #fdf0cf",
    ),
    "sunset": (
        "#2d2a63 #74357a #c94a6e #f47e5a #ffc46b",
        "#34407f #8d4f8d #e8637a #ff9468 #ffd58a",
        "#1f3b63 #6b4a7d #c8605a #f39a4b #ffd27a",
        "#4a1f4f #93304f #d9503f #f58b3c #fdc95f",
    ),
    "dusk": (
        "#141a42 #2f2f6e #67508c #b87892 #eeb09a",
        "#10243f #27486b #5a6f92 #a98fa6 #e0b6a4",
    ),
    "night": (
        "#050920 #0c1740 #17306a #2b5488",
        "#0a0824 #1b1546 #38286c #5f4488",
        "#03121d #08283f #125064 #2c7c82",
        "#080c1c #141f42 #2a3a68 #53638c",
    ),
}
SUNS = {"day": "#fff6d0", "dawn": "#fff0c4", "sunset": "#ffe08a", "dusk": "#ffd0a0", "night": "#eef2ff"}
AMBIENTS: dict[str, tuple[str, float]] = {
    "day": ("#fff4dd", 0.04),
    "dawn": ("#c98f9a", 0.22),
    "sunset": ("#6a2a55", 0.38),
    "dusk": ("#2c2a5c", 0.48),
    "night": ("#16265f", 0.58),
}
SEASONS: dict[str, tuple[str, str, str]] = {  # grass, leaf, blooms
    "spring": ("#7fb356", "#8cbf5e", "#f7b7cd #ffd9e6 #f58fb2 #fff3a8 #c9a7eb"),
    "summer": ("#5d9b47", "#3f8248", "#f25c54 #ffd23f #ff8fb1 #fffdf5 #8f6bd6"),
    "autumn": ("#b08a3e", "#d2722b", "#e2542b #f2a33a #c8372d #f6cf5b #9c3d2e"),
    "winter": ("#dfeaf3", "#5c7f80", "#e63946 #f8f9fa #a9c7e8 #c9d6e8 #7fa8d1"),
}


def choose_palette(scene: Scene, rng: random.Random, guidance: float) -> Palette:
    """Return the palette of a scene; hues wander if guidance is below 5."""
    time = scene.time or _guess_time(scene, rng)
    season = scene.season or "summer"
    palette = _base(time, season, rng)
    palette = _weathered(palette, scene)
    if guidance < 5:
        turn = rng.uniform(-0.16, 0.16) * (5 - guidance) / 5
        palette = palette.mapped(lambda colour: turned(colour, turn))
    return _worded(palette, scene)


def _guess_time(scene: Scene, rng: random.Random) -> str:
    """Return a time of day for a scene that names none."""
    if scene.has("stars", "moon", "milkyway", "aurora", "fireworks"):
        return "night"
    if "neon" in scene.tones:
        return rng.choice(("night", "dusk"))
    return rng.choices(("day", "dawn", "sunset"), (6, 2, 1))[0]


def _base(time: str, season: str, rng: random.Random) -> Palette:
    sky = tuple(rgb(text) for text in rng.choice(SKIES[time]).split())
    ambient, share = AMBIENTS[time]
    grass, leaf, blooms = SEASONS[season]
    shift = rng.uniform(-0.02, 0.03) if season != "winter" else 0.0
    haze = mix(sky[-1], sky[-2], 0.35)
    return Palette(
        sky=sky,
        haze=haze,
        sun=rgb(SUNS[time]),
        glow=rgb("#ffce6b"),
        ambient=mix(rgb(ambient), sky[1], 0.5 if time == "night" else 0.3),
        share=share,
        time=time,
        season=season,
        grass=turned(rgb(grass), shift),
        leaf=turned(rgb(leaf), shift),
        trunk=rgb("#5b3f33"),
        rock=rgb(rng.choice(("#5a6478", "#5f5a72", "#4f6a7a", "#6f6660"))),
        sand=rgb(rng.choice(("#e8c98f", "#e3b777", "#f0d7a2"))),
        water=rgb(rng.choice(("#1f6f9c", "#1b7f96", "#2a6aa8"))),
        snow=rgb("#f1f6fb"),
        wall=rgb(rng.choice(("#f0e2c8", "#e9d3bd", "#e8e4da", "#d9b99a"))),
        roof=rgb(rng.choice(("#b5483a", "#8c3b3f", "#3f5a7a", "#7a4a3a"))),
        blooms=tuple(rgb(text) for text in blooms.split()),
    )


def _weathered(palette: Palette, scene: Scene) -> Palette:
    """Return the palette as the weather changes it."""
    if scene.has("storm"):
        grey = mix(rgb("#2d3648"), palette.ambient, 0.25)
        sky = tuple(mix(colour, grey, 0.72 - 0.35 * i / len(palette.sky)) for i, colour in enumerate(palette.sky))
        return replace(
            palette, sky=sky, haze=mix(sky[-1], grey, 0.3), ambient=grey, share=max(0.4, palette.share),
            water=mix(palette.water, rgb("#26384a"), 0.6),
        )  # fmt: skip
    if scene.has("rain", "clouds_heavy"):
        grey = mix(rgb("#6f7f90"), palette.ambient, 0.3 + palette.share * 0.6)
        sky = tuple(mix(colour, grey, 0.6) for colour in palette.sky)
        return replace(palette, sky=sky, haze=mix(sky[-1], grey, 0.2), share=max(0.25, palette.share), ambient=grey)
    if scene.has("fog"):
        pale = mix(mix(palette.sky[-1], rgb("#d5dde2"), 0.5), palette.ambient, palette.share * 0.5)
        sky = tuple(mix(colour, pale, 0.65) for colour in palette.sky)
        return replace(palette, sky=sky, haze=pale)
    if scene.has("snowfall") and palette.time == "day":
        pale = rgb("#c9d8e6")
        return replace(palette, sky=tuple(mix(c, pale, 0.5) for c in palette.sky), haze=rgb("#e3ebf2"))
    return palette


def _worded(palette: Palette, scene: Scene) -> Palette:
    """Return the palette dyed by the hues and tones that belong to no single subject."""
    hues = scene.hues
    if hues:
        palette = palette.mapped(lambda colour: dyed(colour, hues[0], 0.62))
    if len(hues) > 1:
        second = hues[1]
        palette = replace(
            palette,
            sky=tuple(dyed(c, second, 0.75 * i / len(palette.sky)) for i, c in enumerate(palette.sky, 1)),
            haze=dyed(palette.haze, second, 0.6),
            sun=mix(palette.sun, second, 0.3),
        )
    for tone in scene.tones:
        palette = palette.mapped(TONES[tone]) if tone in TONES else palette
    return palette


def _pastel(colour: RGB) -> RGB:
    return mix(saturated(colour, 0.75), (255, 240, 244), 0.48)


def _neon(colour: RGB) -> RGB:
    hue = rgb("#ff2fb0") if luma(colour) > 110 else rgb("#2a1670")
    hue = rgb("#15d8ff") if luma(colour) > 185 else hue
    return mix(dyed(colour, hue, 0.6), (10, 4, 40), 0.18)


TONES: dict[str, Callable[[RGB], RGB]] = {
    "pastel": _pastel,
    "neon": _neon,
    "vivid": lambda colour: saturated(colour, 1.4),
    "muted": lambda colour: mix(saturated(colour, 0.5), (150, 145, 140), 0.15),
    "dark": lambda colour: mix(colour, (8, 8, 24), 0.45),
    "bright": lambda colour: mix(saturated(colour, 1.15), (255, 252, 240), 0.2),
    "warm": lambda colour: mix(colour, (255, 150, 60), 0.18),
    "cold": lambda colour: mix(colour, (90, 150, 230), 0.22),
}
