"""The registry of subjects: the function that paints each, its size, where it stands and its homes."""

from collections.abc import Callable
from dataclasses import dataclass

from ..canvas.pen import Pen
from .aircraft import AIRCRAFT
from .beasts import BEASTS
from .buildings import BUILDINGS
from .fantasy import FANTASY
from .food import FOOD
from .grazers import GRAZERS
from .instruments import INSTRUMENTS
from .landmarks import LANDMARKS
from .look import Look
from .objects import OBJECTS
from .people import PEOPLE
from .pets import PETS
from .plants import PLANTS
from .portrait import PORTRAIT
from .sealife import SEALIFE
from .trees import TREES
from .vehicles import VEHICLES
from .wildlife import WILDLIFE
from .winged import WINGED

Painter = Callable[[Pen, Look], None]
PAINTERS: dict[str, Painter] = {
    **PETS,
    **BEASTS,
    **GRAZERS,
    **WINGED,
    **SEALIFE,
    **PEOPLE,
    **PORTRAIT,
    **VEHICLES,
    **AIRCRAFT,
    **BUILDINGS,
    **LANDMARKS,
    **PLANTS,
    **TREES,
    **FOOD,
    **OBJECTS,
    **INSTRUMENTS,
    **WILDLIFE,
    **FANTASY,
}


@dataclass(frozen=True)
class Subject:
    """How a subject is painted. Aspect is width over height, size the height as a share of the canvas's unit.

    It stands on the ground, far, span (a bridge), on water, in the air, deep, leap, orbit or bust; homes are locations.
    """

    paint: Painter
    aspect: float
    size: float
    stands: str
    homes: tuple[str, ...]


# name: (width over height, size, stands, homes)
_FACTS: dict[str, tuple[float, float, str, str]] = {
    "cat": (0.8, 0.42, "ground", "room meadow roof garden"),
    "dog": (0.8, 0.44, "ground", "meadow beach room"),
    "rabbit": (0.8, 0.38, "ground", "meadow garden"),
    "bear": (0.8, 0.5, "ground", "woodland river"),
    "panda": (0.8, 0.46, "ground", "woodland"),
    "mouse": (0.85, 0.34, "ground", "field table"),
    "horse": (1.15, 0.5, "ground", "meadow field"),
    "unicorn": (1.15, 0.5, "ground", "meadow woodland"),
    "zebra": (1.15, 0.46, "ground", "field"),
    "deer": (1.1, 0.5, "ground", "woodland meadow"),
    "wolf": (0.75, 0.46, "ground", "snow woodland"),
    "fox": (1.35, 0.36, "ground", "woodland meadow"),
    "elephant": (1.28, 0.56, "ground", "field meadow"),
    "lion": (1.2, 0.44, "ground", "field desert"),
    "cow": (1.25, 0.42, "ground", "meadow"),
    "sheep": (1.2, 0.34, "ground", "meadow"),
    "giraffe": (0.8, 0.66, "ground", "field"),
    "camel": (1.2, 0.46, "ground", "desert"),
    "bird": (1.0, 0.3, "air", "meadow lake"),
    "flock": (1.6, 0.24, "air", "sea lake"),
    "owl": (0.76, 0.44, "ground", "woodland"),
    "swan": (1.18, 0.34, "water", "lake"),
    "duck": (1.0, 0.26, "water", "lake river"),
    "penguin": (0.72, 0.38, "ground", "snow"),
    "butterfly": (1.0, 0.34, "air", "garden meadow"),
    "dragon": (1.5, 0.52, "air", "meadow lake"),
    "bat": (1.4, 0.24, "air", "woodland"),
    "fish": (1.25, 0.3, "deep", "underwater"),
    "whale": (1.6, 0.42, "deep", "underwater sea"),
    "dolphin": (1.2, 0.36, "leap", "sea"),
    "shark": (1.45, 0.36, "deep", "underwater"),
    "turtle": (1.3, 0.34, "deep", "underwater"),
    "octopus": (1.0, 0.46, "deep", "underwater"),
    "jellyfish": (0.8, 0.42, "deep", "underwater"),
    "crab": (1.2, 0.28, "ground", "beach"),
    "person": (0.42, 0.42, "ground", "meadow beach road lake street"),
    "couple": (0.8, 0.44, "ground", "beach meadow"),
    "child": (0.5, 0.34, "ground", "meadow beach"),
    "knight": (0.66, 0.5, "ground", "meadow field"),
    "wizard": (0.72, 0.52, "ground", "woodland meadow"),
    "dancer": (0.86, 0.52, "ground", "street beach lake"),
    "princess": (0.7, 0.5, "ground", "garden meadow"),
    "astronaut": (0.62, 0.48, "ground", "moonscape"),
    "portrait": (0.92, 0.98, "bust", "studio"),
    "sailboat": (0.86, 0.46, "water", "sea lake"),
    "ship": (1.2, 0.54, "water", "sea"),
    "rowboat": (1.5, 0.2, "water", "lake river"),
    "submarine": (1.6, 0.32, "deep", "underwater"),
    "train": (2.3, 0.26, "ground", "field meadow"),
    "car": (2.0, 0.26, "ground", "road street"),
    "bus": (1.7, 0.34, "ground", "street road"),
    "bicycle": (1.5, 0.36, "ground", "street meadow road"),
    "balloon": (0.74, 0.5, "air", "meadow river field"),
    "airplane": (1.9, 0.26, "air", "sea meadow"),
    "airship": (1.8, 0.3, "air", "street meadow"),
    "rocket": (0.5, 0.66, "air", "space moonscape"),
    "ufo": (1.5, 0.34, "air", "field road"),
    "satellite": (1.8, 0.3, "orbit", "space"),
    "planet": (1.4, 0.56, "orbit", "space"),
    "house": (1.2, 0.42, "far", "meadow garden"),
    "castle": (1.15, 0.62, "far", "meadow lake"),
    "lighthouse": (0.5, 0.72, "far", "sea"),
    "bridge": (2.6, 0.34, "span", "river lake"),
    "windmill": (0.9, 0.54, "far", "field meadow"),
    "church": (0.9, 0.56, "far", "meadow"),
    "pagoda": (0.9, 0.6, "far", "lake garden"),
    "pyramid": (1.9, 0.4, "far", "desert"),
    "tower": (0.46, 0.84, "far", "street"),
    "tent": (1.4, 0.26, "ground", "woodland lake meadow"),
    "igloo": (1.5, 0.28, "ground", "snow"),
    "tree": (0.95, 0.66, "ground", "meadow field"),
    "pine": (0.66, 0.62, "ground", "snow meadow"),
    "palm": (0.9, 0.62, "ground", "beach"),
    "blossom": (1.1, 0.62, "ground", "meadow lake"),
    "willow": (1.0, 0.6, "ground", "lake"),
    "flower": (0.7, 0.56, "ground", "garden meadow"),
    "sunflower": (0.62, 0.6, "ground", "field garden"),
    "rose": (0.6, 0.56, "ground", "garden table"),
    "tulip": (0.5, 0.5, "ground", "garden"),
    "cactus": (0.7, 0.46, "ground", "desert"),
    "mushroom": (0.85, 0.36, "ground", "woodland"),
    "bamboo": (0.8, 0.78, "ground", "woodland"),
    "pumpkin": (1.15, 0.28, "ground", "field"),
    "cake": (1.05, 0.46, "ground", "table"),
    "apple": (0.95, 0.38, "ground", "table"),
    "fruit": (1.35, 0.4, "ground", "table"),
    "pear": (0.75, 0.42, "ground", "table"),
    "watermelon": (1.4, 0.32, "ground", "table"),
    "strawberry": (0.85, 0.36, "ground", "table"),
    "pizza": (1.5, 0.36, "ground", "table"),
    "cup": (1.15, 0.4, "ground", "table"),
    "icecream": (0.6, 0.54, "ground", "table"),
    "bread": (1.6, 0.26, "ground", "table"),
    "burger": (1.2, 0.38, "ground", "table"),
    "sushi": (1.7, 0.24, "ground", "table"),
    "wine": (0.5, 0.54, "ground", "table"),
    "donut": (1.1, 0.4, "ground", "table"),
    "teapot": (1.3, 0.38, "ground", "table"),
    "robot": (0.72, 0.54, "ground", "street meadow moonscape"),
    "umbrella": (0.95, 0.48, "ground", "street beach"),
    "clock": (0.9, 0.46, "ground", "table"),
    "book": (1.35, 0.32, "ground", "table"),
    "lantern": (0.55, 0.44, "ground", "table"),
    "candle": (0.45, 0.44, "ground", "table"),
    "guitar": (0.5, 0.6, "ground", "room"),
    "piano": (1.4, 0.42, "ground", "room"),
    "key": (0.5, 0.46, "ground", "table"),
    "crown": (1.2, 0.34, "ground", "table"),
    "sword": (0.4, 0.6, "ground", "meadow"),
    "chair": (0.75, 0.46, "ground", "room"),
    "vase": (0.6, 0.54, "ground", "table"),
    "heart": (1.1, 0.46, "air", "meadow studio"),
    "snowman": (0.8, 0.46, "ground", "snow"),
    "campfire": (1.0, 0.3, "ground", "woodland beach"),
    "hourglass": (0.6, 0.46, "ground", "table"),
    "telescope": (1.0, 0.44, "ground", "meadow"),
    "gift": (0.95, 0.36, "ground", "table"),
    "kite": (0.8, 0.36, "air", "beach meadow"),
    "skull": (0.85, 0.4, "ground", "table"),
    "lamp": (0.76, 0.5, "ground", "table room"),
    "ramen": (1.2, 0.4, "ground", "table"),
    "tiger": (1.22, 0.46, "ground", "woodland field"),
    "frog": (1.2, 0.3, "ground", "river lake"),
    "snake": (1.16, 0.34, "ground", "desert woodland"),
    "squirrel": (0.92, 0.38, "ground", "woodland"),
    "mermaid": (0.6, 0.56, "deep", "underwater"),
    "angel": (0.8, 0.54, "air", "meadow lake"),
}  # fmt: skip
SUBJECTS: dict[str, Subject] = {
    name: Subject(PAINTERS[name], aspect, size, stands, tuple(homes.split()))
    for name, (aspect, size, stands, homes) in _FACTS.items()
}
