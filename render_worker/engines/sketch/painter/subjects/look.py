"""How one subject should look: its colour words, the time of day and its own chance."""

import random
from dataclasses import dataclass

from ..canvas.color import RGB, rgb
from ..scenery.palette import Palette


@dataclass(frozen=True)
class Look:
    """Handed to every subject painter beside its pen."""

    colour: RGB | None
    palette: Palette
    rng: random.Random
    traits: frozenset[str] = frozenset()
    accents: tuple[tuple[str, RGB], ...] = ()

    def of(self, *defaults: str) -> RGB:
        """The colour the words gave to the subject, else one of its usual colours ("#rrggbb")."""
        return self.colour if self.colour else rgb(self.rng.choice(defaults))

    def accent(self, part: str) -> RGB | None:
        """The colour the words gave to a part (hat, hair, beard)."""
        return dict(self.accents).get(part)

    def pick(self, *colours: str) -> RGB:
        """One of some colours, whatever the words said."""
        return rgb(self.rng.choice(colours))

    @property
    def window(self) -> RGB:
        """A window's colour: lamp light after dark, else a cool glass."""
        return self.palette.glow if self.palette.dark else rgb("#5f7f96")

    @property
    def dark(self) -> bool:
        """Whether lamps are on."""
        return self.palette.dark

    @property
    def winter(self) -> bool:
        """Whether snow lies about."""
        return self.palette.season == "winter"
