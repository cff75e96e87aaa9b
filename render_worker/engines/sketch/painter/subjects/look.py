"""The look of one subject: its colour words, the time of day and its random stream."""

import random
from dataclasses import dataclass

from ..canvas.color import RGB, rgb
from ..scenery.palette import Palette


@dataclass(frozen=True)
class Look:
    """What every subject is painted with, beside its pen."""

    colour: RGB | None
    palette: Palette
    rng: random.Random
    traits: frozenset[str] = frozenset()
    accents: tuple[tuple[str, RGB], ...] = ()

    def of(self, *defaults: str) -> RGB:
        """Return the colour that the words give to the subject, else one of its usual colours ("#rrggbb")."""
        return self.colour if self.colour else rgb(self.rng.choice(defaults))

    def accent(self, part: str) -> RGB | None:
        """Return the colour that the words give to a part (hat, hair, beard). Returns None if they give none."""
        return dict(self.accents).get(part)

    def pick(self, *colours: str) -> RGB:
        """Return one of some colours, whatever the words say."""
        return rgb(self.rng.choice(colours))

    @property
    def window(self) -> RGB:
        """Return the colour of a window: lamp light after dark, else cool glass."""
        return self.palette.glow if self.palette.dark else rgb("#5f7f96")

    @property
    def dark(self) -> bool:
        """Return whether lamps are lit."""
        return self.palette.dark

    @property
    def winter(self) -> bool:
        """Return whether snow lies about."""
        return self.palette.season == "winter"
