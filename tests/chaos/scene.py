"""What a scene is, and the moments at which something happens in one."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.chaos.stage import Cast, Stage

Disturb = Callable[[Stage, random.Random], None]
BOTH = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Scene:
    """One scene, on one kind of database after the other."""

    name: str
    what: str
    disturb: Disturb
    databases: tuple[str, ...]
    cast: Cast


@dataclass(frozen=True)
class Scenes:
    """Scenes by their names, whose processes are `cast` unless one says otherwise."""

    cast: Cast
    by_name: dict[str, Scene] = field(default_factory=dict)

    def scene(
        self, name: str, databases: Iterable[str] = BOTH, cast: Cast | None = None
    ) -> Callable[[Disturb], Disturb]:
        """Register a function as a scene, described by its docstring."""

        def register(disturb: Disturb) -> Disturb:
            what = (disturb.__doc__ or "").strip()
            self.by_name[name] = Scene(name, what, disturb, tuple(databases), cast or self.cast)
            return disturb

        return register


def pause(chance: random.Random, least: float = 0.2, most: float = 4.0) -> None:
    """Wait until a random moment."""
    time.sleep(chance.uniform(least, most))
