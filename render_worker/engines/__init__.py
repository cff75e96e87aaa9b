"""What makes the pictures: one file an engine, one row here."""

from render_worker.engines.base import Engine
from render_worker.engines.horde.engine import HordeEngine
from render_worker.engines.huggingface.engine import HuggingFaceEngine
from render_worker.engines.perchance.engine import PerchanceEngine
from render_worker.engines.replicate.engine import ReplicateEngine
from render_worker.engines.sketch.engine import SketchEngine
from render_worker.engines.vertex.engine import VertexEngine
from render_worker.settings import Settings

ENGINES: dict[str, type[Engine]] = {
    "perchance": PerchanceEngine,
    "horde": HordeEngine,
    "replicate": ReplicateEngine,
    "vertex": VertexEngine,
    "huggingface": HuggingFaceEngine,
    "sketch": SketchEngine,
}


def build_engines(settings: Settings) -> dict[str, Engine]:
    """The engines that ENGINES names, in that order, and `sketch`, which needs nobody, by their names."""
    return {name: ENGINES[name](settings) for name in (*settings.engines, "sketch")}
