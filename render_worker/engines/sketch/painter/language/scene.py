"""What a prompt asks for, once read: the plain record that every painter works from."""

from dataclasses import dataclass, field

from ..canvas.color import RGB


@dataclass(frozen=True)
class Thing:
    """A subject to paint: its name, how many, its colour, its traits (male, old, hat ...) and their colours."""

    name: str
    count: int = 1
    colour: RGB | None = None
    traits: frozenset[str] = frozenset()
    accents: tuple[tuple[str, RGB], ...] = ()


@dataclass(frozen=True)
class Place:
    """A setting (mountains, sea, street ...) and a colour the words gave it."""

    name: str
    colour: RGB | None = None


@dataclass(frozen=True)
class Scene:
    """Everything recognised in one prompt."""

    things: tuple[Thing, ...] = ()
    places: tuple[Place, ...] = ()
    time: str | None = None
    sky: tuple[str, ...] = ()
    season: str | None = None
    styles: tuple[str, ...] = ()
    tones: tuple[str, ...] = ()
    hues: tuple[RGB, ...] = ()
    banned: frozenset[str] = field(default_factory=frozenset)

    @property
    def empty(self) -> bool:
        """Whether no subject, setting or sky was recognised."""
        return not (self.things or self.places or self.sky or self.time or self.season)

    def place(self, *names: str) -> Place | None:
        """The first named setting among some names."""
        return next((place for place in self.places if place.name in names), None)

    def has(self, *names: str) -> bool:
        """Whether the sky or weather has any of the names."""
        return any(name in self.sky for name in names)
