"""The only reader of the environment in this tier. Every setting is an upper-case variable of the same name."""

import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ORIGIN = r"^https?://[a-z0-9._:\[\]-]+$"
PRINTABLE = re.compile(r"[!-~]+")
ADDRESS = r"^https?://[^/?#\s]+[^?#\s]*$"

S = TypeVar("S", bound=BaseSettings)


class Settings(BaseSettings):
    """What can be set from outside; an empty variable counts as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=1, le=65535, description="Port to listen on.")
    worker_token: SecretStr | None = Field(None, description="Secret that callers send as a bearer token.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    simulated: bool = Field(False, description="Marks every answer: the sandbox stands in for the outside world.")

    max_concurrency: int | None = Field(
        None, ge=1, le=64, description="Generations at a time, saving included; unset means 3 more than the sessions."
    )
    queue_size: int = Field(20, ge=0, le=10_000, description="Generations that may wait.")
    read_timeout_seconds: int = Field(20, ge=1, description="How long a caller may take to send a request.")
    graceful_timeout_seconds: int = Field(
        20, ge=1, description="How long running generations may take at a stop; then their callers are told."
    )

    engines: Annotated[tuple[Literal["perchance"], ...], NoDecode] = Field(
        ("perchance",), min_length=1, description="Engines that answer model=auto, in order of preference."
    )
    memory_limit_mb: int | None = Field(
        None,
        ge=64,
        description="Memory of this service in MiB; unset means what its control group says, if it has one.",
    )
    browser_idle_seconds: int = Field(
        0, ge=0, description="Time without work after which the browser is closed until it is needed; 0 means never."
    )
    chromium_path: Path | None = Field(None, description="A Chromium to use instead of the one that is found.")

    perchance_routes: Annotated[tuple[Literal["page", "package"], ...], NoDecode] = Field(
        ("page", "package"), min_length=1, description="Ways to Perchance, in the order in which they are tried."
    )
    perchance_page_url: str = Field(
        "https://perchance.org/perchance-ai-api", pattern=ADDRESS, description="The site's page for outside apps."
    )
    perchance_upload_origins: Annotated[tuple[Annotated[str, StringConstraints(pattern=ORIGIN)], ...], NoDecode] = (
        Field(
            ("https://user.uploads.dev", "https://user-uploads.perchance.org"),
            description="Hosts from which that page's pictures may be fetched.",
        )
    )
    perchance_base_url: str = Field(
        "https://image-generation.perchance.org/api", pattern=ADDRESS, description="The site's internal image API."
    )
    perchance_sessions: int = Field(1, ge=1, le=16, description="Generations at a time; the site gives an address one.")
    perchance_recycle_images: int = Field(50, ge=1, description="Pictures after which a session's pages are replaced.")
    perchance_rest_seconds: int = Field(
        300, ge=0, le=86_400, description="Rest after a human check or rate limit; asking again makes those worse."
    )
    perchance_page_seconds: float = Field(30, gt=0, description="Limit of the phase that opens the site's page.")
    perchance_verify_seconds: float = Field(30, gt=0, description="Limit of the phase that gets a key.")
    perchance_generate_seconds: float = Field(180, gt=0, description="Limit of one wait for a picture's making.")
    perchance_download_seconds: float = Field(60, gt=0, description="Limit of the phase that downloads the picture.")
    perchance_poll_seconds: float = Field(3, gt=0, description="Pause before asking again for what is not ready.")

    storage: Literal["local", "imgur"] | None = Field(
        None, description="Where pictures are kept; unset means imgur where IMGUR_CLIENT_ID is set, else local."
    )
    imgur_client_id: SecretStr | None = Field(None, description="Client-ID of an application registered with Imgur.")
    imgur_api_url: str = Field("https://api.imgur.com/3", pattern=ADDRESS, description="Imgur's API.")
    imgur_upload_seconds: float = Field(60, gt=0, description="Limit of an upload.")
    local_storage_dir: Path = Field(Path(".data/images"), description="Folder of the pictures.")
    local_storage_mb: int = Field(256, ge=1, description="Size of that folder in MiB; the oldest pictures go first.")

    @property
    def places(self) -> int:
        """Generations at a time."""
        return self.max_concurrency or self.perchance_sessions + 3  # some more than the sessions encode and save

    @field_validator("engines", "perchance_routes", "perchance_upload_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("worker_token", "imgur_client_id")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not PRINTABLE.fullmatch(value.get_secret_value()):
            raise ValueError("it must be printable ASCII without spaces or line breaks")
        return value

    @field_validator("perchance_base_url", "imgur_api_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


def load() -> Settings:
    """The worker's settings, as `read` reads them."""
    return read(Settings)


def read(kind: type[S]) -> S:
    """Settings of a kind, or an end of the process with a sentence on the first that cannot be taken."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        sys.exit(f"{name.upper()} cannot be used: {problem}. It is: {kind.model_fields[name].description}")
