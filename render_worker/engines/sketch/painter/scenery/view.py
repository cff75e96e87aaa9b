"""The view: what all painting of one picture shares."""

import random
from dataclasses import dataclass

from ..canvas.color import RGB, dyed
from ..canvas.pen import Light
from ..canvas.raster import Canvas
from ..language.scene import Scene
from .palette import TONES, Palette


@dataclass
class View:
    """One picture in progress; horizon and light are in pixels of the canvas."""

    canvas: Canvas
    scene: Scene
    palette: Palette
    rng: random.Random
    horizon: float
    light: tuple[float, float]

    @property
    def side(self) -> int:
        """Return -1 if the light is in the left half, else 1."""
        return -1 if self.light[0] < self.canvas.width / 2 else 1

    def subject_light(self) -> Light:
        """Return the light on subjects."""
        return self.palette.light(self.side)

    def toned_tint(self, name: str, own: RGB) -> RGB:
        """Return the tint of a colour that is not from the palette, with the tones of the scene."""
        colour = self.tint(name, own)
        for tone in self.scene.tones:
            colour = TONES[tone](colour) if tone in TONES else colour
        return colour

    def tint(self, name: str, own: RGB) -> RGB:
        """Return the colour that the words give to a place, else its own, dyed if a hue colours the whole picture."""
        place = self.scene.place(name)
        if place and place.colour:
            return place.colour
        return dyed(own, self.scene.hues[0], 0.7) if self.scene.hues else own
