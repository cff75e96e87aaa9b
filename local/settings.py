"""The only reader of the environment in this package."""

import os
import secrets
from dataclasses import dataclass

from pydantic import AliasChoices, Field

from image_api.settings import Settings as ApiSettings
from local.hosts import own_hosts
from render_worker.browser.bare_environment import bare
from render_worker.serving.environment import EnvironmentSettings, Host, Port, read
from render_worker.serving.environment import variables as names_of
from render_worker.settings import VARIABLES as OF_WORKER

OF_API = frozenset(it for name, field in ApiSettings.model_fields.items() for it in names_of(name, field))
OF_SANDBOX = frozenset({"SANDBOX_PORT", "SANDBOX_UPLOAD_PORT", "PYTHONPATH", "PYTHONUNBUFFERED"})


class Settings(EnvironmentSettings):
    """The settings of a local run; the tiers read their own from the same environment."""

    port: Port = Field(
        8000,
        le=65532,
        validation_alias=AliasChoices("port", "api_port"),
        description="Port of the API; worker and sandbox use the next three.",
    )
    host: Host = Field(
        "127.0.0.1", validation_alias=AliasChoices("host", "api_host"), description="Address that the API listens on."
    )
    worker_token: str | None = Field(None, description="The secret between the tiers; unset means a new one each time.")
    allowed_hosts: str | None = Field(
        None, description="Hosts by which the API may be asked; unset means this machine."
    )
    engines: str = Field("perchance,horde", description="Engines that are enabled, in the order of preference.")
    storage: str = Field("local", description="Where the worker keeps pictures.")
    # A picture takes longer than a user waits after Ctrl-C, so running ones are given up soon.
    graceful_timeout_seconds: int = Field(2, ge=1, description="How long running pictures may take at a stop.")

    @property
    def worker_port(self) -> int:
        """Return the port of the render worker."""
        return self.port + 1

    @property
    def sandbox_port(self) -> int:
        """Return the port of the sandbox's sites."""
        return self.port + 2

    @property
    def sandbox_upload_port(self) -> int:
        """Return the port of the sandbox's upload host."""
        return self.port + 3


def load() -> Settings:
    """Return the settings; ends the process with a sentence on the first that is invalid."""
    return read(Settings)


def variables(settings: Settings, simulated: bool) -> dict[str, str]:
    """Return the variables that a local run sets, by the names that the tiers and the sandbox read."""
    changes = {
        "PORT": str(settings.port),
        "HOST": settings.host,
        "ENGINES": settings.engines,
        "STORAGE": settings.storage,
        "GRACEFUL_TIMEOUT_SECONDS": str(settings.graceful_timeout_seconds),
        "PERCHANCE_WORKER_URL": f"http://127.0.0.1:{settings.worker_port}",
        "WORKER_TOKEN": settings.worker_token or secrets.token_hex(16),
        "ALLOWED_HOSTS": settings.allowed_hosts or ",".join(own_hosts(settings.host)),
    }
    return changes | (_sandbox_variables(settings) if simulated else {})


def _sandbox_variables(settings: Settings) -> dict[str, str]:
    # Here, because the stand-ins and their painter cost 9 MiB, of no use if Perchance is reachable.
    from sandbox.registry import environment
    from sandbox.stand_in import Addresses

    ports = {"SANDBOX_PORT": settings.sandbox_port, "SANDBOX_UPLOAD_PORT": settings.sandbox_upload_port}
    addresses = Addresses.on_loopback(*ports.values())
    return {name: str(port) for name, port in ports.items()} | environment(addresses)


@dataclass(frozen=True)
class Environments:
    """Each process's environment, without the secrets of the others."""

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
