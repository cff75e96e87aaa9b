"""The only reader of the environment in this package."""

import os
import secrets
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import AliasChoices, Field

from image_api.settings import Settings as ApiSettings
from local.hosts import own_hosts
from local.plan import FREE, Plan, is_own, plan
from render_worker.engines import ENGINES
from render_worker.serving.bare_environment import bare
from render_worker.serving.environment import EnvironmentSettings, Host, Port, read
from render_worker.serving.environment import variables as names_of
from render_worker.settings import VARIABLES as OF_WORKER
from render_worker.settings import load as load_worker

OF_API = frozenset(it for name, field in ApiSettings.model_fields.items() for it in names_of(name, field))
OWN = tuple(name for name, row in ENGINES.items() if row.own_server)
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
    engines: str | None = Field(
        None,
        description="Engines that are enabled, in the order of preference; unset means those of "
        f"{' and '.join(OWN)} whose address is set, and {' and '.join(FREE)}.",
    )
    storage: str = Field("local", description="Where the worker keeps pictures.")
    dispatch: Literal["direct", "celery"] = Field(
        "direct", description="How the API asks for pictures; celery starts a Celery worker too."
    )
    redis_url: str | None = Field(
        None, description="Redis of the queue and the cache; unset means one of its own if DISPATCH=celery."
    )
    sandbox: Literal["auto", "always", "never"] = Field(
        "auto",
        description="When the sandbox stands in for services of which no address and no key is set; auto means if "
        "Perchance cannot be reached.",
    )
    auth: str = Field("none", description="As in the API; unless it is none, the printed commands carry a token.")
    # A picture takes longer than a user waits after Ctrl-C, so running ones are given up soon.
    graceful_timeout_seconds: int = Field(2, ge=1, description="How long running pictures may take at a stop.")

    @property
    def own_redis(self) -> bool:
        """Return whether the run has a Redis of its own."""
        return self.dispatch == "celery" and not self.redis_url

    def plays(self, found: Plan) -> bool:
        """Return whether the sandbox is started: for what it stands in for, or if told to, such as for its Hub."""
        return self.sandbox == "always" or bool(found.simulated)

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


def plan_of(settings: Settings, simulated: bool) -> Plan:
    """Return the plan of a run; `simulated`: with the sandbox, for what the user has not set up."""
    worker = load_worker()
    found = plan(settings.engines, settings.storage, worker)
    if not simulated:
        return found
    # Here, because the stand-ins and their painter cost 9 MiB, of no use if Perchance is reachable.
    from sandbox.registry import STAND_INS

    texts = _texts()
    played = (name for name, stand_in in STAND_INS.items() if not is_own(name, texts, stand_in.keys, worker))
    return replace(found, stand_ins=tuple(played))


def variables(settings: Settings, simulated: bool, redis: str = "") -> dict[str, str]:
    """Return the variables that a local run sets, by the names that the tiers and the sandbox read.

    `redis`: the address of the run's own Redis, if it has one.
    """
    found = plan_of(settings, simulated)
    changes = {
        "PORT": str(settings.port),
        "HOST": settings.host,
        "ENGINES": ",".join(found.engines),
        "STORAGE": settings.storage,
        "GRACEFUL_TIMEOUT_SECONDS": str(settings.graceful_timeout_seconds),
        "PERCHANCE_WORKER_URL": f"http://127.0.0.1:{settings.worker_port}",
        "WORKER_TOKEN": settings.worker_token or secrets.token_hex(16),
        "ALLOWED_HOSTS": settings.allowed_hosts or ",".join(own_hosts(settings.host)),
    }
    if settings.dispatch == "celery":
        changes["LOCAL_STORAGE_SHARED"] = "true"  # the render worker serves the folder
    if redis:
        changes["REDIS_URL"] = redis
    return changes | (_sandbox_variables(settings, found) if settings.plays(found) else {})


def _sandbox_variables(settings: Settings, found: Plan) -> dict[str, str]:
    """Return what points the tiers to the sandbox for the services that it plays; what is set stays as it is."""
    from sandbox.registry import STAND_INS, pointers
    from sandbox.stand_in import Addresses

    texts = _texts()
    ports = {"SANDBOX_PORT": settings.sandbox_port, "SANDBOX_UPLOAD_PORT": settings.sandbox_upload_port}
    addresses = Addresses.on_loopback(*ports.values())
    origins = filter(None, (texts.get("PICTURE_ORIGINS"), addresses.site, addresses.uploads))
    keys = {
        name: it for service in found.simulated if service not in FREE for name, it in STAND_INS[service].keys.items()
    }
    given = {**keys, **pointers(addresses, *found.stand_ins)}
    pointing = {name: it for name, it in given.items() if name not in texts}
    everything = set(found.engines) <= set(found.stand_ins)
    marks = {"SIMULATED": str(everything).lower()}
    if not everything:
        marks["SIMULATED_ENGINES"] = ",".join(name for name in found.engines if name in found.stand_ins)
    return {name: str(port) for name, port in ports.items()} | pointing | marks | {"PICTURE_ORIGINS": ",".join(origins)}


def _texts() -> dict[str, str]:
    """Return what the environment sets, by upper-case names; blank means unset."""
    return {name.upper(): text for name, text in os.environ.items() if text.strip()}  # noqa: TID251 - the reader


@dataclass(frozen=True)
class Environments:
    """Each process's environment, without the secrets of the others."""

    worker: dict[str, str]
    api: dict[str, str]
    sandbox: dict[str, str]


def environments(changes: dict[str, str]) -> Environments:
    """Return for each process the part of this one's environment, with some changes, that concerns it."""
    others = {name: text for name, text in os.environ.items() if name.upper() not in changes}  # noqa: TID251 - passed on
    outer = {**others, **changes}
    return Environments(
        worker={name: text for name, text in outer.items() if name.upper() not in OF_API - OF_WORKER},
        api={name: text for name, text in outer.items() if name.upper() not in OF_WORKER - OF_API},
        sandbox=bare(outer, also=OF_SANDBOX),
    )
