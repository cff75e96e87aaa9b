"""The only reader of the environment in the sandbox."""

import os
from pathlib import Path

from pydantic import BaseModel, Field


class Settings(BaseModel):
    """The sandbox's ports, and what it serves."""

    sandbox_port: int = Field(8002, ge=1, le=65535, description="Port of the sites, on loopback.")
    sandbox_upload_port: int = Field(8003, ge=1, le=65535, description="Port of the upload host.")
    sandbox_hub_folder: Path = Field(Path(".data/hub"), description="Folder of models at the Hub: <owner>/<name>/…")


def load() -> Settings:
    """Return the settings, each from the upper-case variable of its name. Raises ValidationError if one is invalid."""
    environment = os.environ  # noqa: TID251 - its one reader here
    given = {name: environment[name.upper()] for name in Settings.model_fields if name.upper() in environment}
    return Settings.model_validate(given)
