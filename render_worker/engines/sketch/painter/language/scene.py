"""The scene: what a prompt asks for, as a plain record that everything else is painted from."""

from dataclasses import dataclass, field

from ..canvas.color import RGB


@dataclass(frozen=True)
class Thing:
    """A subject to paint: name, count, colour, traits (male, old, hat ...) and the colours of its parts."""

    name: str
    count: int = 1
    colour: RGB | None = None
    traits: frozenset[str] = frozenset()
    accents: tuple[tuple[str, RGB], ...] = ()


@dataclass(frozen=True)
class Place:
    """A place (mountains, sea, street ...) and the colour that the words give it; None if they give none."""

    name: str
    colour: RGB | None = None


@dataclass(frozen=True)
class Scene:
    """Everything recognised in one prompt, and the names that it excludes."""

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
        """Return whether no subject, place, sky, time or season was recognised."""
        return not (self.things or self.places or self.sky or self.time or self.season)

    def place(self, *names: str) -> Place | None:
        """Return the first place with one of the names. Returns None if there is none."""
        return next((place for place in self.places if place.name in names), None)

    def has(self, *names: str) -> bool:
        """Return whether the sky or the weather has any of the names."""
        return any(name in self.sky for name in names)
