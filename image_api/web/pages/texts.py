"""The pages' texts, a file for each language: `image_api/texts/<language>.json`."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import request

FOLDER = Path(str(files("image_api"))) / "texts"
DEFAULT = "en"


@cache
def languages() -> list[str]:
    """Return the languages that there are, the default first."""
    return sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda name: (name != DEFAULT, name))


def language() -> str:
    """Return the language that the client prefers of those that there are."""
    return request.accept_languages.best_match(languages(), DEFAULT) or DEFAULT


@cache
def texts(name: str) -> dict[str, Any]:
    """Return the texts in a language."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found
