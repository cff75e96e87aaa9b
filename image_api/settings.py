"""The only reader of the environment in this tier. Every setting is an upper-case variable of the same name."""

import re
import sys
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from redis.connection import parse_url

from image_api.allowed_hosts import AllowedHosts
from image_api.networks import networks_of

ORIGIN = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+")
MOST_PROXIES = 10


class Settings(BaseSettings):
    """What can be set from outside; an empty variable counts as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    host: str = Field("0.0.0.0", description="Address to listen on.")  # noqa: S104 - this tier is there for the public
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    max_generations: int = Field(
        2500,
        ge=1,
        le=50_000,
        description="Clients that may wait at the same time, open WebSockets included; others are refused.",
    )
    max_streams_per_client: int = Field(
        100, ge=1, le=50_000, description="Event streams and WebSockets that one client may have open."
    )
    read_timeout_seconds: int = Field(
        20, ge=1, description="How long a request's head may take, and each pause of a caller who sends or reads."
    )
    graceful_timeout_seconds: int = Field(
        20, ge=1, description="How long running requests may take at a stop; then their callers are told."
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    simulated: bool = Field(False, description="Marks every answer: the sandbox stands in for the outside world.")

    perchance_worker_url: str | None = Field(
        None,
        description="The render worker's address. Without http:// a name with a dot gets https://, another http://.",
    )
    worker_token: SecretStr | None = Field(None, description="The render worker's bearer token.")
    worker_wake_seconds: float = Field(
        150, ge=0, le=3600, description="How long a worker that seems asleep is asked again; 0 means not at all."
    )
    request_timeout_seconds: float = Field(300, gt=0, le=3600, description="The deadline of one generation.")

    cache_expiration_hours: float = Field(
        24,
        ge=0,
        le=8760,
        description="How long the same request is answered with the same picture; 0 means not at all.",
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis for the cache, shared by all processes; unset means the memory of each."
    )

    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",), description="Origins, like https://pictures.example, whose pages may ask from a browser; * means any."
    )
    picture_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins, like http://minio:9000, from which pictures may be read besides public https hosts.",
    )
    public_base_url: str | None = Field(
        None, description="Address under which callers reach this service, like https://pictures.example."
    )
    render_external_url: str | None = Field(None, description="The same, as Render sets it.")
    trusted_proxies: Annotated[int | tuple[str, ...], NoDecode] = Field(
        0,
        description="Proxies before this service whose word is believed: networks, addresses, loopback, private and"
        " cloudflare, separated by commas; or how many there are.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("*",),
        description="Hosts, like pictures.example or *.pictures.example, by which this service may be asked;"
        " * means any.",
    )

    @field_validator("perchance_worker_url")
    @classmethod
    def _with_scheme(cls, value: str | None) -> str | None:
        address = (value or "").strip()
        if not address:
            return None
        if "://" not in address:
            host = re.split("[:/]", address)[0]
            public = "." in host and not host.replace(".", "").isdigit()  # a public host's name, as platforms show it
            address = f"{'https' if public else 'http'}://{address}"
        if not _is_address(address):
            raise ValueError("it must be an address like https://perchance-worker.onrender.com")
        return address.rstrip("/")

    @field_validator("public_base_url", "render_external_url")
    @classmethod
    def _whole(cls, value: str | None) -> str | None:
        if value and not _is_address(value):
            raise ValueError("it must be an address like https://pictures.example")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _counted_or_named(cls, value: object) -> object:
        text = value.strip() if isinstance(value, str) else ""
        return int(text) if re.fullmatch("[0-9]{1,4}", text) else cls._split(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: int | tuple[str, ...]) -> int | tuple[str, ...]:
        if isinstance(value, int):
            if not 0 <= value <= MOST_PROXIES:
                raise ValueError(f"as a number it must be from 0 to {MOST_PROXIES}")
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

    @field_validator("cors_origins", "picture_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(origin == "*" or ORIGIN.fullmatch(origin) for origin in value):
            raise ValueError("it must be * or origins like https://pictures.example, separated by commas")
        return tuple(origin.lower() for origin in value)

    @field_validator("picture_origins")
    @classmethod
    def _named_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ORIGIN.fullmatch(origin) and _is_address(origin) for origin in value):
            raise ValueError("it must be origins like http://minio:9000, separated by commas")
        return tuple(origin.lower() for origin in value)

    @field_validator("redis_url")
    @classmethod
    def _of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value:
                parse_url(value.get_secret_value())  # type: ignore[no-untyped-call]
        except ValueError:  # whose words may have the password
            raise ValueError(
                "it must be an address like redis://:password@host:6379/0, the password percent-encoded"
            ) from None
        return value

    @field_validator("worker_token")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("it must be printable ASCII without spaces or line breaks")
        return value


def _is_address(text: str) -> bool:
    """Whether it is http or https, a host, perhaps a port and a path, and nothing else."""
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False  # the port is none


def load() -> Settings:
    """The settings, or an end of the process with a sentence on the first that cannot be taken."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        sys.exit(f"{name.upper()} cannot be used: {problem}. What it sets: {Settings.model_fields[name].description}")
