"""The only reader of the environment in the sandbox."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """The sandbox's ports."""

    sandbox_port: int = Field(8002, ge=1, le=65535, description="Port of the sites, on loopback.")
    sandbox_upload_port: int = Field(8003, ge=1, le=65535, description="Port of the upload host.")
