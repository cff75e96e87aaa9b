"""The only reader of the environment in this package."""

import os
import sys

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set for a local run; the tiers read their own settings from the same environment."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    port: int = Field(8000, ge=1, le=65532, description="Port of the API; worker and sandbox use the next three.")
    host: str = Field("127.0.0.1", description="Address that the API listens on.")


def load() -> Settings:
    """The settings, or an end of the process with a sentence for each that cannot be taken."""
    try:
        return Settings()
    except ValidationError as error:
        sys.exit("\n".join(f"{str(row['loc'][0]).upper()} cannot be used: {row['msg']}." for row in error.errors()))


def environment(changes: dict[str, str]) -> dict[str, str]:
    """This process's environment with some changes, for a process that it starts."""
    return {**os.environ, **changes}  # noqa: TID251 - passed on whole, not read
