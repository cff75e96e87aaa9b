"""The settings of jobs: the part of this tier's settings that is about them alone."""

import base64
import re

from pydantic import Field, SecretStr, field_validator

from image_api.database_url import engine_url, sqlite_file
from image_api.optional_packages import require_package
from render_worker.serving.environment import EnvironmentSettings, secrets_in

WEBHOOK_SECRET = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")
SECRET_BYTES = range(24, 65)  # as Standard Webhooks has it
PREFIX = re.compile(r"(?:/(?!\.)[A-Za-z0-9._~-]+)+")
FIRST_PARTS = """
apple-touch-icon.png apple-touch-icon-precomposed.png badge.svg docs favicon.ico generate health images
manifest.webmanifest models openapi.json p ready redoc requests robots.txt sheet sheet.json static status stream v1
vendor wake wake.gif
"""
TAKEN = frozenset(FIRST_PARTS.split())
"""With what the other paths of this service begin."""
MAX_SECRETS = 5  # that sign each webhook, for its receivers to change over


class JobSettings(EnvironmentSettings):
    """What decides where jobs are kept, and how they are run."""

    database_url: SecretStr | None = Field(
        None,
        description="Database of the jobs, like postgresql://user:password@host/name or sqlite:////data/jobs.db; if"
        " unset, the SQLite file .data/jobs.db.",
    )
    api_v1_prefix: str = Field(
        "/api/v1", max_length=100, description="Path below which the jobs' routes are, without a slash at its end."
    )
    max_retries: int = Field(
        3, ge=0, le=20, description="How often a job's failed attempt is repeated, if that can help."
    )
    retry_backoff_base: float = Field(
        2.0,
        ge=1,
        le=60,
        description="Exponential backoff: seconds before the first retry of a job, and the factor of each further one.",
    )
    max_pending_jobs: int = Field(
        20_000,
        ge=1,
        le=1_000_000,
        description="Jobs that may be pending; more get 503. One client may have half of them while others have some.",
    )
    job_concurrency: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Jobs that one process runs at a time; if unset, 4 for each render worker, up to half of"
        " MAX_GENERATIONS.",
    )
    job_retention_days: float = Field(
        30, gt=0, le=3650, description="Days after which a job that has ended is deleted; its picture stays."
    )

    webhook_secret: SecretStr | None = Field(
        None,
        description="Secret that signs webhooks (Standard Webhooks): whsec_ and 24 to 64 bytes in base64; several,"
        " separated by commas, all sign. If unset, webhook_url is refused.",
    )
    webhook_origins: tuple[str, ...] = Field(
        (),
        description="SSRF guard: origins, like http://hooks:9000, that webhooks may be sent to besides public https"
        " hosts.",
    )

    @field_validator("api_v1_prefix")
    @classmethod
    def _of_no_other_route(cls, value: str) -> str:
        if not PREFIX.fullmatch(value):
            raise ValueError("it must be a path like /api/v1, with a slash at its beginning and none at its end")
        if (first := value.split("/")[1]) in TAKEN:
            raise ValueError(f"other routes of this service begin with /{first}; a path like /api/v1 is free")
        return value

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Return the secrets of WEBHOOK_SECRET."""
        return secrets_in(self.webhook_secret)

    @field_validator("webhook_secret")
    @classmethod
    def _for_signatures(cls, value: SecretStr | None) -> SecretStr | None:
        parts = secrets_in(value)
        if value and not (0 < len(parts) <= MAX_SECRETS and all(map(_is_webhook_secret, parts))):
            raise ValueError(
                f"it must be whsec_ and {SECRET_BYTES[0]} to {SECRET_BYTES[-1]} bytes in base64, or up to"
                f" {MAX_SECRETS} of these, separated by commas; for one, echo whsec_$(openssl rand -base64 32)"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value and sqlite_file(engine_url(value)) is None:
            require_package("psycopg")
        return value


def _is_webhook_secret(text: str) -> bool:
    found = WEBHOOK_SECRET.fullmatch(text)
    try:
        return found is not None and len(base64.b64decode(found[1], validate=True)) in SECRET_BYTES
    except ValueError:
        return False  # its length or padding is wrong
