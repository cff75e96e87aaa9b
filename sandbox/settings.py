"""The only reader of the environment in the sandbox."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """The sandbox's ports, and what it serves."""

    sandbox_port: int = Field(8002, ge=1, le=65535, description="Port of the sites, on loopback.")
    sandbox_upload_port: int = Field(8003, ge=1, le=65535, description="Port of the upload host.")
    sandbox_hub_folder: Path = Field(Path(".data/hub"), description="Folder of models at the Hub: <owner>/<name>/…")
