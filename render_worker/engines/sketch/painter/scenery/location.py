"""The location of a picture: backdrops at the horizon and a floor before them, chosen from the words."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from ..language.scene import Scene
from . import ground, interior, land, paving, skyline, water, waterfall, woods
from .view import View

Layer = Callable[[View], None]


def _island(view: View) -> None:
    """Paint far islands low on the horizon."""
    canvas, palette, rng = view.canvas, view.palette, view.rng
    for depth in (0.6, 0.4):
        x, wide = canvas.width * rng.uniform(0.05, 0.95), canvas.unit * rng.uniform(0.2, 0.4)
        line = [(x + wide * (px / 100 - 0.5), view.horizon - wide * 0.3 * py) for px, py in
                ((0, 0.0), (14, 0.3), (32, 0.55), (48, 1.0), (60, 0.8), (78, 0.34), (100, 0.0))]  # fmt: skip
        tone = palette.lit(palette.leaf, depth)
        canvas.polygon(land.close(land.swell(rng, 8, 0, 1)[:0] or line, view.horizon + 2), tone)


BACKDROPS: dict[str, Layer] = {
    "mountains": land.mountains,
    "hills": land.hills,
    "dunes": land.dunes,
    "volcano": land.volcano,
    "cliffs": land.cliffs,
    "forest": woods.forest,
    "jungle": woods.forest,
    "city": skyline.city,
    "village": skyline.village,
    "islands": _island,
}
FLOORS: dict[str, Layer] = {
    "sea": water.sea,
    "lake": water.lake,
    "river": water.river,
    "beach": water.beach,
    "waterfall": waterfall.waterfall,
    "meadow": ground.meadow,
    "garden": ground.garden,
    "snow": ground.snow,
    "desert": ground.desert,
    "woodland": ground.woodland,
    "street": paving.street,
    "road": paving.road,
    "field": ground.field,
    "roof": paving.roof,
}
WHOLES: dict[str, Layer] = {
    "room": interior.room,
    "table": interior.table,
    "studio": interior.studio,
    "space": interior.space,
    "moonscape": interior.moonscape,
    "underwater": interior.underwater,
}
# By place: its backdrop ("" for open sky), and the floors that it may have.
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "mountains": ("mountains", ("meadow", "lake")),
    "hills": ("hills", ("meadow", "river")),
    "volcano": ("volcano", ("sea", "meadow")),
    "cliffs": ("cliffs", ("sea",)),
    "city": ("city", ("street", "lake")),
    "village": ("village", ("meadow",)),
    "forest": ("forest", ("woodland",)),
    "jungle": ("jungle", ("woodland",)),
    "island": ("islands", ("sea",)),
    "sea": ("", ("sea",)),
    "beach": ("", ("beach",)),
    "lake": ("", ("lake",)),
    "river": ("", ("river",)),
    "waterfall": ("", ("waterfall",)),
    "desert": ("dunes", ("desert",)),
    "meadow": ("", ("meadow",)),
    "garden": ("", ("garden",)),
    "field": ("", ("field",)),
    "snow": ("", ("snow",)),
    "street": ("", ("street",)),
    "road": ("", ("road",)),
    "roof": ("", ("roof",)),
}
# By floor: its backdrops if the words name none ("" for open sky).
BEHIND: dict[str, tuple[str, ...]] = {
    "sea": ("", "islands", "cliffs", ""),
    "beach": ("", "islands", "cliffs"),
    "lake": ("mountains", "forest", "hills"),
    "river": ("hills", "forest", "mountains"),
    "waterfall": ("forest",),
    "meadow": ("hills", "hills", "mountains", "forest"),
    "garden": ("hills", "forest"),
    "field": ("hills", "village"),
    "snow": ("mountains", "forest"),
    "desert": ("dunes",),
    "woodland": ("forest",),
    "street": ("city",),
    "road": ("hills", "mountains"),
    "roof": ("village", "city", "hills"),
}
_WET = ("sea", "lake", "beach")
# If the words name several floors, the first of these is painted.
_FIRST_FLOORS = (
    "roof",
    "beach",
    "waterfall",
    "river",
    "lake",
    "sea",
    "road",
    "street",
    "garden",
    "field",
    "desert",
    "meadow",
    "snow",
)


@dataclass(frozen=True)
class Location:
    """The chosen layers; a location with a `whole` has no others. The horizon is a share of the height."""

    whole: str
    backdrops: tuple[str, ...]
    floor: str
    horizon: float


def choose_location(scene: Scene, homes: tuple[str, ...], rng: random.Random, tall: bool) -> Location:
    """Return a location of the named places, else of the homes of the main subject."""
    names = [place.name for place in scene.places]
    whole = next(
        (name for name in ("moonscape", "underwater", "studio", "space", "room", "table") if name in names), ""
    )
    open_air = [name for name in names if name in PLACES]
    home = rng.choice(homes) if homes else ""
    if not open_air and not whole and home in WHOLES:
        whole = home
    if whole and not (open_air and whole in ("room", "table", "studio")):
        return Location(whole, (), "", {"room": 0.66, "table": 0.56, "studio": 0.72}.get(whole, 0.68))
    floor = _floor(scene, open_air, home, rng)
    backdrops = tuple(dict.fromkeys(PLACES[name][0] for name in open_air if PLACES[name][0]))
    backdrops = tuple(sorted(backdrops, key=("mountains", "volcano", "hills").__contains__, reverse=True))
    if not backdrops:
        behind = rng.choice([name for name in BEHIND[floor] if name not in scene.banned] or [""])
        backdrops = (behind,) if behind else ()
    low, high = (0.5, 0.6) if not tall else (0.54, 0.64)
    if "city" in backdrops:
        low, high = 0.66, 0.74
    if floor == "roof":
        low, high = 0.6, 0.66
    return Location("", backdrops, floor, rng.uniform(low, high))


def _floor(scene: Scene, names: list[str], home: str, rng: random.Random) -> str:
    """Return the floor that the named places have, else one that the home or chance decides."""
    own = [PLACES[name][1][0] for name in names if not PLACES[name][0]]
    if own:
        return min(own, key=_FIRST_FLOORS.index)
    if names:
        choices = PLACES[names[0]][1]
        if home in choices or (home in _WET and names[0] not in ("desert", "forest")):
            floor = home
        else:
            floor = rng.choice(choices)
    else:
        floor = home if home in FLOORS else rng.choice(("meadow", "lake", "sea", "river"))
    if scene.season == "winter" and floor in ("meadow", "woodland", "field", "garden"):
        return "snow"
    return floor
