"""The only reader of the environment in this package."""

import os
from dataclasses import dataclass

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from image_api.settings import Settings as ApiSettings
from render_worker.browser.bare_environment import bare
from render_worker.settings import VARIABLES as OF_WORKER
from render_worker.settings import read

OF_API = frozenset(name.upper() for name in ApiSettings.model_fields)
OF_SANDBOX = frozenset({"SANDBOX_PORT", "SANDBOX_UPLOAD_PORT", "PYTHONPATH", "PYTHONUNBUFFERED"})


class Settings(BaseSettings):
    """What can be set for a local run; the tiers read their own settings from the same environment."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    port: int = Field(8000, ge=1, le=65532, description="Port of the API; worker and sandbox use the next three.")
    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    worker_token: str | None = Field(None, description="The secret between the tiers; unset means a new one each time.")
    allowed_hosts: str | None = Field(
        None, description="Hosts by which the API may be asked; unset means this machine."
    )
    engines: str = Field("perchance,horde", description="Engines that are enabled, in the order of preference.")
    storage: str = Field("local", description="Where the worker keeps pictures.")
    # A picture takes longer than anybody waits after Ctrl-C, so running ones are given up soon.
    graceful_timeout_seconds: int = Field(2, ge=1, description="How long running pictures may take at a stop.")

    @property
    def worker_port(self) -> int:
        """Port of the render worker."""
        return self.port + 1

    @property
    def sandbox_port(self) -> int:
        """Port of the sandbox's sites."""
        return self.port + 2

    @property
    def sandbox_upload_port(self) -> int:
        """Port of the sandbox's host of pictures."""
        return self.port + 3


def load() -> Settings:
    """The settings, or an end of the process with a sentence on the first that cannot be taken."""
    return read(Settings)


@dataclass(frozen=True)
class Environments:
    """Hold each process's environment, without the secrets of the others."""

    worker: dict[str, str]
    api: dict[str, str]
    sandbox: dict[str, str]


def environments(changes: dict[str, str]) -> Environments:
    """Return for each process the part of this one's environment, with some changes, that concerns it."""
    outer = {**os.environ, **changes}  # noqa: TID251 - passed on, not read
    return Environments(
        worker={name: text for name, text in outer.items() if name.upper() not in OF_API - OF_WORKER},
        api={name: text for name, text in outer.items() if name.upper() not in OF_WORKER - OF_API},
        sandbox=bare(outer, also=OF_SANDBOX),
    )
