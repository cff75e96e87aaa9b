"""The only reader of the environment in this tier. Every setting is an upper-case variable of the same name."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from render_worker.budgets.settings import BudgetSettings
from render_worker.engines import AUTO_ENGINES, ENGINES, SettingsOfEngines, names_of_further, registration_of
from render_worker.serving.celery_address import is_broker
from render_worker.serving.environment import Debug, Host, LogLevel, Port, read, variables
from render_worker.setting_types import SHOWN_NAME, Listed, Secret, SettingsPart
from render_worker.storages import SettingsOfStorages


def _enabled(name: str, info: ValidationInfo) -> str:
    """Return a name of an engine. Raises ValueError, with what it may be, if there is none of that name."""
    further = names_of_further(info.data)  # settings of engines are read before ENGINES
    if name in (*AUTO_ENGINES, *further):
        return name
    row = ENGINES.get(name.partition(":")[0])
    wrong = name if SHOWN_NAME.fullmatch(name) else "one of its entries"  # which may be a key in a wrong place
    if ":" in name and row and row.several:
        named = f"names {', '.join(further)}" if further else "is not set"
        raise ValueError(f"{wrong} is no engine, as {row.several.upper()} {named}")
    raise ValueError(f"{wrong} is no engine that it may name")


EngineName = Annotated[str, AfterValidator(_enabled)]
FURTHER = (f"{kind}:name for each of {row.several.upper()}" for kind, row in ENGINES.items() if row.several)


class CoreSettings(SettingsPart):
    """Settings of the worker itself: how it is reached, how many it serves, which engines it has."""

    title = "The worker"

    host: Host = Field("127.0.0.1", description="Address to listen on; :: means all, of IPv6 too.")
    port: Port = Field(8001, description="Port to listen on.")
    worker_token: Secret | None = Field(None, description="Bearer token that clients must send; unset means none.")
    debug: Debug = Field(False, description="Logs DEBUG too if LOG_LEVEL is unset, and changes nothing else.")
    log_level: LogLevel = Field(
        "",
        validate_default=True,
        description="Least severe level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL, in any case; if unset,"
        " INFO.",
    )
    simulated: bool = Field(False, description="Marks every response: the sandbox stands in for the outside world.")
    simulated_engines: Listed[EngineName] = Field(
        (),
        description="Marks the pictures of these engines alone, named as in ENGINES: the sandbox stands in for their "
        "services.",
    )

    max_concurrency: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Concurrency slots of all engines, saving included; unset means 3 more than the engines'.",
    )
    queue_size: int = Field(
        20, ge=0, le=10_000, description="Greatest queue depth: generations that may wait; more get 503."
    )
    read_timeout_seconds: int = Field(
        20, ge=1, description="Slow-client protection: seconds in which a request must have arrived."
    )
    graceful_timeout_seconds: int = Field(
        20,
        ge=1,
        description="Graceful shutdown: seconds in which generations in flight are drained; then they get 503.",
    )

    engines: Listed[EngineName] = Field(
        ("perchance",),
        min_length=1,
        description="Enabled engines, in the order in which model=auto tries them: "
        f"{', '.join((*AUTO_ENGINES, *FURTHER))}. "
        "sketch is always there for clients that name it.",
    )
    engine_failures: int = Field(
        5,
        ge=0,
        description="Failures in a row after which an engine's circuit breaker opens; 0: only if its service blocks.",
    )
    engine_rest_seconds: int = Field(60, ge=1, le=86_400, description="Seconds for which it stays open.")
    hedge: Literal["off", "free"] = Field(
        "off",
        description="Hedging with model=auto: free starts the next engine beside one that takes longer than its p95, "
        "if its picture costs nothing, and takes the first picture.",
    )


class QueueSettings(SettingsPart):
    """Which queue's messages it takes, and whether its folder of pictures is served."""

    title = "A Celery worker"

    celery_broker_url: SecretStr | None = Field(
        None,
        description="Broker of the queue, if it is another than REDIS_URL: a Redis, or by amqp:// a RabbitMQ, which is "
        "untested.",
    )
    local_storage_shared: bool = Field(
        False,
        description="Whether LOCAL_STORAGE_DIR is a volume that a render worker serves; else a Celery worker keeps "
        "nothing there.",
    )

    @field_validator("celery_broker_url")
    @classmethod
    def _of_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not is_broker(value.get_secret_value()):
            raise ValueError("it must be an address like redis://:password@host:6379/0 or amqp://user:password@host")
        return value


class Settings(BudgetSettings, QueueSettings, CoreSettings, SettingsOfEngines, SettingsOfStorages):
    """Everything that can be set from outside. Fields of the first base are read last, when `engines` is known."""

    @field_validator("engine_prices", "engine_daily_budget")
    @classmethod
    def _of_enabled(cls, value: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        """Return the amounts. Raises ValueError if one is for an engine that is not enabled: it would limit nothing."""
        enabled = info.data.get("engines", value)
        if unknown := [name for name in value if name not in enabled]:
            raise ValueError(f"{unknown[0]} is not in ENGINES, which enables {', '.join(enabled)}")
        return value

    @property
    def idle_engines(self) -> list[str]:
        """Return the engines that have their account or their address, and that ENGINES does not enable."""
        set_up = [name for name, row in ENGINES.items() if row.is_configured(self.model_fields_set)]
        return [name for name in (*set_up, *names_of_further(dict(self))) if name not in self.engines]

    @property
    def slots(self) -> int:
        """Return the number of generations at a time: more than the engines make, for those that are being saved."""
        of_engines: int = sum(
            getattr(self, registration_of(name).settings.concurrency_setting) for name in self.engines
        )
        return self.max_concurrency or of_engines + 3

    @property
    def simulated_names(self) -> frozenset[str]:
        """Return the names of the engines whose pictures are marked."""
        return frozenset((*self.engines, *ENGINES)) if self.simulated else frozenset(self.simulated_engines)

    @property
    def all_simulated(self) -> bool:
        """Return whether every enabled engine's pictures are marked."""
        return self.simulated_names.issuperset(self.engines)


VARIABLES = frozenset(it for name, field in Settings.model_fields.items() for it in variables(name, field))
"""The environment variables that are read; several are secrets."""


def load() -> Settings:
    """Return the worker's settings. Exits with a sentence about the first one that is invalid."""
    return read(Settings)
