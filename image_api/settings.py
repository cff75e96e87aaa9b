"""The settings of this tier, read from the environment here alone: upper-case variables of the same names."""

import re
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationInfo, field_validator

from image_api.addresses import is_address, worker_addresses
from image_api.allowed_hosts import AllowedHosts
from image_api.auth_settings import AuthSettings
from image_api.job_settings import JobSettings
from image_api.limit_settings import LimitSettings
from image_api.networks import networks_of
from image_api.optional_packages import require_package
from render_worker.serving.celery_address import has_known_options, is_broker, is_redis
from render_worker.serving.environment import Debug, Host, LogLevel, Port, read, split_at_commas

ORIGIN = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+")
MAX_PROXIES = 10
NAME = "Image Generation API"


class Settings(AuthSettings, LimitSettings, JobSettings):
    """The settings, checked at start; an empty variable counts as unset."""

    host: Host = Field(
        "0.0.0.0",  # noqa: S104 - this tier is public
        validation_alias=AliasChoices("host", "api_host"),
        description="Address to listen on; :: means all, of IPv6 too. API_HOST is another name, which HOST overrides.",
    )
    port: Port = Field(
        8000,
        validation_alias=AliasChoices("port", "api_port"),
        description="Port to listen on. API_PORT is another name, which PORT overrides.",
    )
    max_generations: int = Field(
        2500,
        ge=1,
        le=50_000,
        description="Admission control: slots for waiting clients, open WebSockets included; others get 503.",
    )
    max_streams_per_client: int = Field(
        100, ge=1, le=50_000, description="Event streams and WebSockets that one client may have open; more get 429."
    )
    max_upload_mb: int = Field(
        16, ge=1, le=100, description="Largest request with pictures, in megabytes, all of its files together."
    )
    read_timeout_seconds: int = Field(
        20,
        ge=1,
        description="Slow-client protection: seconds for a request's head, and for each pause of its client.",
    )
    graceful_timeout_seconds: int = Field(
        20, ge=1, description="Graceful shutdown: seconds in which requests in flight are drained; then they get 503."
    )
    debug: Debug = Field(False, description="Logs DEBUG too if LOG_LEVEL is unset, and changes nothing else.")
    log_level: LogLevel = Field(
        "",
        validate_default=True,
        description="Least severe level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL, in any case; if unset,"
        " INFO.",
    )
    project_name: str | None = Field(
        None,
        max_length=100,
        description="Name of this service in the title of its pages and of /openapi.json.",
    )
    simulated: bool = Field(
        False, description="Marks every response as simulated: the sandbox stands in for the outside world."
    )

    perchance_worker_url: str | None = Field(
        None,
        description="The render worker's address, or those of several, separated by commas. Without http:// a name with"
        " a dot gets https://, another http://.",
    )
    worker_token: SecretStr | None = Field(None, description="The render worker's bearer token.")
    worker_wake_seconds: float = Field(
        150,
        ge=0,
        le=3600,
        description="Retry budget of a cold start: seconds for which a sleeping worker is retried; 0 disables it.",
    )
    request_timeout_seconds: float = Field(300, gt=0, le=3600, description="Deadline of one generation, in seconds.")

    cache_expiration_hours: float = Field(
        24,
        ge=0,
        le=8760,
        description="Hours for which an identical request gets the same picture from the cache; 0 disables it.",
    )
    public_cache_seconds: int = Field(
        0,
        ge=0,
        le=31_536_000,
        description="Seconds for which browsers and CDNs may keep the picture of an address with a seed, like"
        " /generate.png?prompt=a+tree&seed=7; 0: they keep none.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis for the cache, shared by all processes, and for the queue of DISPATCH=celery; if unset, each"
        " process caches in its memory.",
    )

    celery_broker_url: SecretStr | None = Field(
        None,
        description="Broker of the queue, if it is another than REDIS_URL: a Redis, or by amqp:// a RabbitMQ, which is"
        " untested.",
    )
    dispatch: Literal["direct", "celery"] = Field(
        "direct",
        description="How pictures are asked for: direct sends each request to a render worker of PERCHANCE_WORKER_URL,"
        " celery puts it into the queue of the Celery workers, which needs REDIS_URL.",
    )

    cors_origins: tuple[str, ...] = Field(
        ("*",), description="CORS: origins, like https://pictures.example, whose pages may send requests; * means any."
    )
    picture_origins: tuple[str, ...] = Field(
        (),
        description="SSRF guard: origins, like http://minio:9000, that may be fetched besides public https hosts.",
    )
    public_base_url: str | None = Field(
        None, description="URL under which clients reach this service, like https://pictures.example."
    )
    render_external_url: str | None = Field(None, description="The same, as Render sets it.")
    render: str | None = Field(None, description="Set by Render on its instances, whose disks are not kept.")
    trusted_proxies: int | tuple[str, ...] = Field(
        0,
        description="Reverse proxies whose X-Forwarded headers are trusted: networks, addresses, loopback, private and"
        " cloudflare, separated by commas; or their number.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        ("*",),
        description="Protection from DNS rebinding: hosts, like pictures.example or *.pictures.example, that a request"
        " may name; * means any.",
    )

    @property
    def broker_url(self) -> SecretStr | None:
        """Return the address of the queue's broker."""
        return self.celery_broker_url or self.redis_url

    @property
    def name(self) -> str:
        """Return the name of this service."""
        return self.project_name or NAME

    @property
    def worker_urls(self) -> tuple[str, ...]:
        """Return the address of each render worker."""
        return tuple(self.perchance_worker_url.split(",")) if self.perchance_worker_url else ()

    @field_validator("perchance_worker_url")
    @classmethod
    def _of_workers(cls, value: str | None) -> str | None:
        return ",".join(worker_addresses(value or "")) or None

    @field_validator("public_base_url", "render_external_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value and not is_address(value):
            raise ValueError("it must be an address like https://pictures.example")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _number_or_names(cls, value: object) -> object:
        text = value.strip() if isinstance(value, str) else ""
        return int(text) if re.fullmatch("[0-9]{1,4}", text) else split_at_commas(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: int | tuple[str, ...]) -> int | tuple[str, ...]:
        if isinstance(value, int):
            if not 0 <= value <= MAX_PROXIES:
                raise ValueError(f"as a number it must be from 0 to {MAX_PROXIES}")
            return value
        for entry in value:
            try:
                networks_of(entry)
            except ValueError:
                raise ValueError(
                    f"{entry} is no network like 10.0.0.0/8, no address, and none of loopback, private, cloudflare"
                ) from None
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            AllowedHosts(value)
        except ValueError as error:
            raise ValueError(f"{error}; it must be *, or names and addresses, separated by commas") from None
        if not value:
            raise ValueError("it names no host; * means any")
        return value

    @field_validator("cors_origins", "picture_origins", "webhook_origins", "allowed_hosts", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return split_at_commas(value)

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(origin == "*" or ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("it must be * or origins like https://pictures.example, separated by commas")
        return tuple(origin.lower() for origin in value)

    @field_validator("picture_origins", "webhook_origins")
    @classmethod
    def _named_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) and is_address(origin) for origin in value):
            raise ValueError("it must be origins like http://host:9000, without a path, separated by commas")
        return tuple(origin.lower() for origin in value)

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        address = value.get_secret_value()
        require_package("redis")  # which knows the options, too
        if not (is_redis(address) and has_known_options(address)):
            raise ValueError("it must be an address like redis://:password@host:6379/0, the password percent-encoded")
        return value

    @field_validator("celery_broker_url")
    @classmethod
    def _of_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not is_broker(value.get_secret_value()):
            raise ValueError("it must be an address like redis://:password@host:6379/0 or amqp://user:password@host")
        return value

    @field_validator("dispatch")
    @classmethod
    def _with_redis(cls, value: str, info: ValidationInfo) -> str:
        if value == "celery" and info.data.get("redis_url") is None:  # it may be refused itself, and is named then
            raise ValueError("celery needs REDIS_URL, which holds what is true of the queue; or set it to direct")
        if value == "celery":
            require_package("celery")
        return value

    @field_validator("worker_token")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("it must be printable ASCII without spaces or line breaks")
        return value


def load() -> Settings:
    """Return the settings. Ends the process, with a sentence about the first one that is invalid."""
    return read(Settings)
