"""What makes the pictures: one file an engine, one row here."""

import sys

from render_worker.engines.base import Engine
from render_worker.engines.perchance import PerchanceEngine
from render_worker.engines.sketch import SketchEngine
from render_worker.settings import Settings

ENGINES: dict[str, type[Engine]] = {"perchance": PerchanceEngine, "sketch": SketchEngine}


def build_engines(settings: Settings) -> dict[str, Engine]:
    """Every engine by its name; ends the process where ENGINES names one that may not answer model=auto."""
    may_answer_auto = [name for name, engine in ENGINES.items() if not engine.named_only]
    unknown = [name for name in settings.engines if name not in may_answer_auto]
    if unknown:
        known = ", ".join(may_answer_auto)
        sys.exit(f"ENGINES cannot be used: it names {', '.join(unknown)}; it takes a list of {known}.")
    return {name: engine(settings) for name, engine in ENGINES.items()}
