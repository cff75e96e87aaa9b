"""The settings of jobs: the part of this tier's settings that is about them alone."""

from pydantic import Field, SecretStr, field_validator

from image_api.database_url import engine_url
from render_worker.serving.environment import EnvironmentSettings


class JobSettings(EnvironmentSettings):
    """What decides where jobs are kept, and how they are run."""

    database_url: SecretStr | None = Field(
        None,
        description="Database of the jobs, like postgresql://user:password@host/name or sqlite:////data/jobs.db; if"
        " unset, the SQLite file .data/jobs.db.",
    )
    api_v1_prefix: str = Field("/api/v1", description="Path below which the jobs' routes are.")
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
        None, ge=1, le=1000, description="Jobs that one process runs at a time; if unset, 4 for each render worker."
    )
    job_retention_days: float = Field(
        30, gt=0, le=3650, description="Days after which a job that has ended is deleted; its picture stays."
    )

    @field_validator("database_url")
    @classmethod
    def _of_a_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            engine_url(value)
        return value
