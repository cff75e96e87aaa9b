"""The only reader of the environment in the sandbox."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """What can be set from outside."""

    sandbox_port: int = Field(8002, ge=1, le=65535, description="Port on loopback.")
