"""The pages' texts, a file for each language: `image_api/texts/<language>.json`."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from flask import request

from image_api.services import services

FOLDER = Path(str(files("image_api"))) / "texts"
DEFAULT = "en"


@cache
def languages() -> list[str]:
    """Return the languages that there are, the default first."""
    return sorted((path.stem for path in FOLDER.glob("*.json")), key=lambda name: (name != DEFAULT, name))


def language() -> str:
    """Return the language that the client prefers of those that there are."""
    return request.accept_languages.best_match(languages(), DEFAULT) or DEFAULT


def texts(name: str) -> dict[str, Any]:
    """Return the texts in a language, with PROJECT_NAME as the title of the app and of the API's pages if it is set."""
    return _titled(name, services().settings.project_name)


@cache
def _titled(name: str, title: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    titled = {part: {**found[part], "title": title} for part in ("page", "api")} if title else {}
    return {**found, **titled}
