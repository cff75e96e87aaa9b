"""What the painters of one picture share: the canvas, the words, the colours, the horizon and the chance."""

import random
from dataclasses import dataclass

from ..canvas.color import RGB, dyed
from ..canvas.pen import Light
from ..canvas.raster import Canvas
from ..language.scene import Scene
from .palette import TONES, Palette


@dataclass
class View:
    """One picture in progress; horizon and light are in the canvas's pixels."""

    canvas: Canvas
    scene: Scene
    palette: Palette
    rng: random.Random
    horizon: float
    light: tuple[float, float]

    @property
    def side(self) -> int:
        """-1 when the light stands in the left half, else 1."""
        return -1 if self.light[0] < self.canvas.width / 2 else 1

    def shine(self) -> Light:
        """The light on subjects."""
        return self.palette.light(self.side)

    def local(self, name: str, own: RGB) -> RGB:
        """Like tint, for colours that are not from the palette and so have not met the tones yet."""
        colour = self.tint(name, own)
        for tone in self.scene.tones:
            colour = TONES[tone](colour) if tone in TONES else colour
        return colour

    def tint(self, name: str, own: RGB) -> RGB:
        """The colour that the words gave to a setting, else its own."""
        place = self.scene.place(name)
        if place and place.colour:
            return place.colour
        return dyed(own, self.scene.hues[0], 0.7) if self.scene.hues else own
