"""The registry of engines: one row each, from which names, settings and the documents' tables derive.

An engine's class is imported when the worker builds it, so that an engine that is not enabled costs neither time nor
memory, and reading the settings imports none.
"""

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from render_worker.engines.horde.settings import HordeSettings
from render_worker.engines.huggingface.settings import HuggingFaceSettings
from render_worker.engines.perchance.settings import PerchanceSettings
from render_worker.engines.replicate.settings import ReplicateSettings
from render_worker.engines.settings import EngineSettings
from render_worker.engines.vertex.settings import VertexSettings

if TYPE_CHECKING:
    from render_worker.engines.base import Engine


@dataclass(frozen=True)
class EngineRegistration:
    """One engine: its settings and where its class is."""

    settings: type[EngineSettings]
    path: str
    """Module and class within this package."""
    only_named: bool = False
    """Whether it is always there for clients that name it, and never answers model=auto."""

    def load(self) -> "type[Engine]":
        """Import and return the engine's class."""
        found: type[Engine] = pkgutil.resolve_name(f"{__name__}.{self.path}")
        return found


ENGINES = {
    "perchance": EngineRegistration(PerchanceSettings, "perchance.engine:PerchanceEngine"),
    "horde": EngineRegistration(HordeSettings, "horde.engine:HordeEngine"),
    "replicate": EngineRegistration(ReplicateSettings, "replicate.engine:ReplicateEngine"),
    "vertex": EngineRegistration(VertexSettings, "vertex.engine:VertexEngine"),
    "huggingface": EngineRegistration(HuggingFaceSettings, "huggingface.engine:HuggingFaceEngine"),
    "sketch": EngineRegistration(EngineSettings, "sketch.engine:SketchEngine", only_named=True),
}
AUTO_ENGINES = tuple(name for name, row in ENGINES.items() if not row.only_named)
"""The names that ENGINES accepts."""


class SettingsOfEngines(PerchanceSettings, HordeSettings, ReplicateSettings, VertexSettings, HuggingFaceSettings):
    """The settings of all engines."""


def build_engines(names: Iterable[str], settings: SettingsOfEngines) -> "dict[str, Engine]":
    """Return the named engines in that order, and those that are always there, by their names."""
    always = (name for name, row in ENGINES.items() if row.only_named)
    return {name: ENGINES[name].load()(settings) for name in (*names, *always)}
