"""The JSON files of a model's folder."""

import json
from pathlib import Path
from typing import Any

from render_worker.engines.diffusers.errors import ModelUnusable

MAX_JSON_BYTES = 32 * 1024 * 1024  # an index of shards is no larger


def json_of(folder: Path, name: str) -> dict[str, Any]:
    """Return a JSON object of a model's folder. Raises ModelUnusable if it is missing or broken."""
    path = folder / name
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise unusable(folder, f"its {name} is too large")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise unusable(folder, f"it has no {name}") from error
    except (ValueError, RecursionError) as error:
        raise unusable(folder, f"its {name} is no JSON") from error
    if not isinstance(value, dict):
        raise unusable(folder, f"its {name} is no JSON object")
    return value


def unusable(folder: Path, why: str) -> ModelUnusable:
    """Return the error of a model that cannot be loaded; `why` begins with a pronoun."""
    return ModelUnusable(f"The model {folder.name} cannot be loaded: {why}.")
