"""The only reader of the environment in this tier. Every setting is an upper-case variable of the same name."""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode

from render_worker.engines import AUTO_ENGINES, ENGINES, SettingsOfEngines
from render_worker.setting_types import Address, GoogleCredentials, Listed, Secret, SettingsPart

StorageName = Literal["local", "imgur", "s3", "gcs", "cloudinary"]
S = TypeVar("S", bound=BaseSettings)


def _enabled(name: str) -> str:
    if name not in AUTO_ENGINES:
        raise ValueError(f"it may name {', '.join(AUTO_ENGINES)}")
    return name


EngineName = Annotated[str, AfterValidator(_enabled)]


class CoreSettings(SettingsPart):
    """Settings of the worker itself: how it is reached, how many it serves, which engines it has."""

    title = "The worker"

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8001, ge=1, le=65535, description="Port to listen on.")
    worker_token: Secret | None = Field(None, description="Secret that callers send as a bearer token.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="How much is logged.")
    simulated: bool = Field(False, description="Marks every answer: the sandbox stands in for the outside world.")

    max_concurrency: int | None = Field(
        None, ge=1, le=64, description="Generations at a time, saving included; unset means 3 more than all engines'."
    )
    queue_size: int = Field(20, ge=0, le=10_000, description="Generations that may wait.")
    read_timeout_seconds: int = Field(20, ge=1, description="How long a caller may take to send a request.")
    graceful_timeout_seconds: int = Field(
        20, ge=1, description="How long running generations may take at a stop; then their callers are told."
    )

    engines: Listed[EngineName] = Field(
        ("perchance",),
        min_length=1,
        description=f"Engines that are enabled, in the order in which model=auto asks them: {', '.join(AUTO_ENGINES)}. "
        "sketch is always there for clients that name it.",
    )
    engine_failures: int = Field(
        5,
        ge=0,
        description="Failures in a row after which an engine's circuit breaker opens; 0: only if its service blocks.",
    )
    engine_rest_seconds: int = Field(60, ge=1, le=86_400, description="How long it stays open then.")


class StorageSettings(GoogleCredentials):
    """Settings of where pictures are kept."""

    title = "Storages"

    storage: Annotated[Listed[StorageName] | None, NoDecode] = Field(
        None,
        min_length=1,
        description="Where pictures are kept, by the first that can: s3, gcs, cloudinary, imgur, local, which is the "
        "last unless it is named; unset means imgur where IMGUR_CLIENT_ID is set, else local.",
    )
    storage_rest_seconds: int = Field(
        60, ge=1, le=86_400, description="How long a storage that failed is left alone, unless it says how long."
    )
    s3_bucket: str | None = Field(None, description="Bucket of pictures at S3 or a service that speaks its protocol.")
    s3_endpoint: Address | None = Field(None, description="That service's address; unset means Amazon's own.")
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_path_style: bool = Field(True, description="Whether the bucket's name is in the path and not in the host.")
    s3_public_url: Address | None = Field(
        None,
        description="Address under which everybody may read the bucket; unset means signed links.",
    )
    aws_access_key_id: Secret | None = Field(None, description="Key id for the bucket.")
    aws_secret_access_key: Secret | None = Field(None, description="Its secret.")
    google_cloud_bucket: str | None = Field(None, description="Bucket of pictures at Google Cloud Storage.")
    gcs_public_url: Address | None = Field(
        None, description="Address under which everybody may read it; unset means signed links."
    )
    gcs_url: Address | None = Field(None, description="Its API, where it is not Google's own.")
    bucket_prefix: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]*/)*$",
        description="Folder within a bucket or at Cloudinary, like pictures/ with a slash.",
    )
    signed_link_seconds: int = Field(  # this worker and the API tier give an answer again for an hour at least
        604_800, ge=7200, le=604_800, description="Life of a signed link, from two hours to a week."
    )
    bucket_seconds: float = Field(60, gt=0, description="Limit of an upload to s3, gcs or cloudinary.")
    cloudinary_url: Secret | None = Field(
        None, description="Cloudinary's cloudinary://key:secret@cloud, as its console shows it."
    )
    cloudinary_api_url: Address = Field("https://api.cloudinary.com/v1_1", description="Its API.")
    imgur_client_id: Secret | None = Field(None, description="Client-ID of an application registered with Imgur.")
    imgur_api_url: Address = Field("https://api.imgur.com/3", description="Imgur's API.")
    imgur_upload_seconds: float = Field(60, gt=0, description="Limit of an upload.")
    local_storage_dir: Path = Field(Path(".data/images"), description="Folder of the pictures.")
    local_storage_mb: int = Field(
        256, ge=1, description="Size of that folder in MiB; sketches go first, then the oldest pictures."
    )


class Settings(CoreSettings, SettingsOfEngines, StorageSettings):
    """Everything that can be set from outside."""

    @property
    def slots(self) -> int:
        """Return the number of generations at a time: more than the engines make, for those that are being saved."""
        of_engines: int = sum(getattr(self, ENGINES[name].settings.concurrency_setting) for name in self.engines)
        return self.max_concurrency or of_engines + 3


VARIABLES = frozenset(name.upper() for name in Settings.model_fields)
"""The environment variables that are read; several are secrets."""


def load() -> Settings:
    """Return the worker's settings. Exits as `read` does."""
    return read(Settings)


def read(kind: type[S]) -> S:
    """Return settings of a kind. Exits with a sentence that names the variable if one cannot be used."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        problem = first["msg"].removeprefix("Value error, ")
        sys.exit(f"{name.upper()} cannot be used: {problem}. What it sets: {kind.model_fields[name].description}")
